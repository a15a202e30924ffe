#!/usr/bin/env python3
"""Writes python/rmseg/_abi.py: the interface of librmseg_core for ctypes, made from the public headers.

    tools/make_abi.py             writes it
    tools/make_abi.py --check     exit status 1 where the committed file is not what the headers say

It reads the C that our own headers are written in, not all of C: enums, structs, function pointers, prototypes and constants of
whole numbers. Anything it does not understand is an error, so that nothing is left out in silence.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADERS = ["core", "field", "frame", "loss", "metric", "backend"]  # those of the rooms in librmseg_core
TITLE = '"""The interface of librmseg_core: made from include/rmseg/*.h by tools/make_abi.py. Not to be edited."""'
OUTPUT = ROOT / "python" / "rmseg" / "_abi.py"

SCALARS = {
    "void": "None",
    "bool": "c_bool",
    "int": "c_int",
    "double": "c_double",
    "float": "c_float",
    "size_t": "c_size_t",
    "int32_t": "c_int32",
    "int64_t": "c_int64",
    "uint8_t": "c_uint8",
    "uint32_t": "c_uint32",
    "uint64_t": "c_uint64",
}


class Header:
    """What was read so far; the names of one header are known to the next."""

    def __init__(self):
        self.constants, self.enums, self.structs, self.callbacks, self.functions = {}, set(), {}, {}, {}
        self.opaque = set()

    def ctype(self, text, of="a value"):
        """The ctypes expression of a C type, without the name that it declares. Data are addresses; texts and structs keep their type."""
        words = text.replace("*", " * ").split()
        stars = words.count("*")
        constant = words[0] == "const"
        (base,) = [word for word in words if word not in ("const", "*", "struct")]
        if stars == 0:
            if base in SCALARS:
                return SCALARS[base]
            if base in self.enums:
                return "c_int"
            if base in self.structs or base in self.callbacks:
                return base
        elif base == "char":
            if stars == 1:
                return "c_char_p" if constant else "c_void_p"
            return "POINTER(c_char_p)" if constant else "POINTER(c_void_p)"
        elif base in self.structs:
            return "POINTER(" * stars + base + ")" * stars
        elif base in SCALARS or base in self.enums or base in self.opaque:
            return "c_void_p" if stars == 1 else "POINTER(c_void_p)"
        raise SyntaxError(f"{of}: the type '{text}' is not understood")

    def split(self, text):
        """(type, name, extent) of `const int64_t size[3]`; extent is 0 where it is no array."""
        match = re.fullmatch(r"(.*?[\s*])(\w+)\s*(?:\[(\w+)\])?", text.strip())
        if not match:
            raise SyntaxError(f"'{text}' is no declaration")
        extent = match[3] or "0"
        return match[1].strip(), match[2], self.constants.get(extent) or int(extent)

    def parameter(self, text, of):
        kind, _, extent = self.split(text)
        return self.ctype(kind + " *" if extent else kind, of)

    def parameters(self, text, of):
        return [] if text.strip() == "void" else [self.parameter(part, of) for part in text.split(",")]

    def fields(self, body, of):
        fields = []
        for declaration in filter(None, (part.strip() for part in body.split(";"))):
            first, *others = declaration.split(",")
            base = re.match(r"(?:const\s+)?\w+", first)[0]
            for one in [first] + [f"{base} {other.strip()}" for other in others]:
                kind, name, extent = self.split(one)
                ctype = self.ctype(kind, of)
                fields.append((name, f"{ctype} * {extent}" if extent else ctype))
        return fields

    def read_enum(self, name, body):
        self.enums.add(name)
        value = -1
        for item in filter(None, (part.strip() for part in body.split(","))):
            key, _, given = item.partition("=")
            value = int(given, 0) if given else value + 1
            self.constants[key.strip()] = value

    def read(self, text):
        """Takes declarations from the front until none is left; every white space is one blank."""
        forms = [
            (r"typedef\s+enum\s+(\w+)\s*\{([^}]*)\}\s*\w+\s*;", self.read_enum),
            (r"typedef\s+struct\s+(\w+)\s*\{([^}]*)\}\s*\w+\s*;", lambda n, b: self.structs.update({n: self.fields(b, n)})),
            (r"typedef\s+struct\s+(\w+)\s+\w+\s*;", lambda n: self.opaque.add(n)),
            (
                r"typedef\s+([\w\s*]+?)\(\s*\*\s*(\w+)\s*\)\s*\(([^)]*)\)\s*;",
                lambda r, n, p: self.callbacks.update({n: [self.ctype(r, n)] + self.parameters(p, n)}),
            ),
            (
                r"RMSEG_API\s+([\w\s*]+?)\b(\w+)\s*\(([^)]*)\)\s*;",
                lambda r, n, p: self.functions.update({n: (self.ctype(r, n), self.parameters(p, n))}),
            ),
        ]
        while text:
            for pattern, take in forms:
                match = re.match(pattern, text)
                if match:
                    take(*match.groups())
                    text = text[match.end() :].strip()
                    break
            else:
                raise SyntaxError(f"not understood: {text[:80]!r}")

    def read_file(self, path):
        text = re.sub(r"/\*.*?\*/", " ", path.read_text(encoding="utf-8"), flags=re.S)
        self.constants.update((name, int(value)) for name, value in re.findall(r"^#define (RMSEG_\w+)\s+(\d+)\s*$", text, re.M))
        text = re.sub(r"^#ifdef __cplusplus\n.*?^#endif", "", text, flags=re.M | re.S)
        text = re.sub(r"^#(?:.*\\\n)*.*", "", text, flags=re.M)
        try:
            self.read(" ".join(text.split()))
        except (SyntaxError, ValueError) as error:
            sys.exit(f"{path.relative_to(ROOT)}: {error}")


def write(header):
    body = [f"{name} = {value}" for name, value in header.constants.items()] + [""]
    body += [f"{name} = CFUNCTYPE({', '.join(arguments)})" for name, arguments in header.callbacks.items()]
    for name, fields in header.structs.items():
        body += ["", "", f"class {name}(Structure):", "    _fields_ = ["]
        body += [f'        ("{key}", {ctype}),' for key, ctype in fields] + ["    ]"]
    body += ["", "", "# name: (result, arguments)", "FUNCTIONS = {"]
    for name, (result, arguments) in header.functions.items():
        line = f'    "{name}": ({result}, [{", ".join(arguments)}]),'
        if len(line) > 120:
            line = "\n".join(
                [f'    "{name}": (', f"        {result},", "        ["]
                + [f"            {a}," for a in arguments]
                + ["        ],", "    ),"]
            )
        body += [line]
    body = "\n".join(body + ["}", ""])
    known = set(SCALARS.values()) - {"None"} | {"c_char_p", "c_void_p", "CFUNCTYPE", "POINTER", "Structure"}
    used = "".join(f"    {name},\n" for name in sorted(known & set(re.findall(r"\w+", body))))
    return f"{TITLE}\n\nfrom ctypes import (\n{used})\n\n{body}"


def main():
    header = Header()
    for name in HEADERS:
        header.read_file(ROOT / "include" / "rmseg" / f"{name}.h")
    text = write(header)
    if "--check" not in sys.argv[1:]:
        OUTPUT.write_text(text, encoding="utf-8")
    elif not OUTPUT.exists() or OUTPUT.read_text(encoding="utf-8") != text:
        sys.exit(f"{OUTPUT.relative_to(ROOT)} is not what the headers say: run tools/make_abi.py")


if __name__ == "__main__":
    main()
