#!/usr/bin/env python3
"""Makes tests/golden/npy: arrays as numpy writes them, of every type, byte order, version and memory order.

    tools/golden_npy.py        (needs numpy)

Each holds, at flat index i in C order, the number 7 i mod 11 (minus 5 where the type has a sign, halved where it is a
float; bool: whether it is odd). tests/unit/test_core_npy.c reads them by that rule.
"""
import pathlib

import numpy

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/npy"
TYPES = ["b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


def array(code, shape):
    values = numpy.arange(numpy.prod(shape, dtype=int)) * 7 % 11
    kind = numpy.dtype(code).kind
    if kind == "b":
        values = values % 2 == 1
    elif kind == "i":
        values = values - 5
    elif kind == "f":
        values = (values - 5) / 2
    return values.reshape(shape).astype(code)


def write(name, values, version=(1, 0)):
    with open(FOLDER / f"{name}.npy", "wb") as file:
        numpy.lib.format.write_array(file, values, version=version)


def damage(name, change):
    (FOLDER / "bad" / f"{name}.npy").write_bytes(change((FOLDER / "little-f4.npy").read_bytes()))


def replace(old, new):
    """In the header, whose length stays."""
    return lambda data: data.replace(old + b" " * (len(new) - len(old)), new + b" " * (len(old) - len(new)), 1)


def main():
    (FOLDER / "bad").mkdir(parents=True, exist_ok=True)
    for code in TYPES:
        for order, word in (("<", "little"), (">", "big")):
            write(f"{word}-{code}", array(order + code, (2, 3, 4)))
    for version in (1, 2, 3):
        write(f"version-{version}", array("<f4", (2, 3, 4)), (version, 0))
    write("fortran-f4", numpy.asfortranarray(array("<f4", (2, 3, 4))))
    write("fortran-big-i2", numpy.asfortranarray(array(">i2", (2, 3, 4))))
    write("scalar", array("<f8", ()))
    write("one-axis", array("<i4", (24,)))
    write("empty", array("<f4", (3, 0, 2)))
    write("eight-axes", array("<u1", (1, 2, 1, 3, 1, 2, 1, 2)))
    damage("magic", lambda data: b"\x94" + data[1:])
    damage("version", lambda data: data[:6] + b"\x04" + data[7:])
    damage("minor", lambda data: data[:7] + b"\x01" + data[8:])
    damage("magic-only", lambda data: data[:6])
    damage("header-cut", lambda data: data[:60])
    damage("data-cut", lambda data: data[:-1])
    damage("data-more", lambda data: data + b"\0")
    damage("type-complex", replace(b"'<f4'", b"'<c8'"))
    damage("type-object", replace(b"'<f4'", b"'|O' "))
    damage("type-size", replace(b"'<f4'", b"'<f9'"))
    damage("type-word", replace(b"'<f4'", b"exec "))
    damage("shape-negative", replace(b"(2, 3, 4)", b"(2, 3,-4)"))
    damage("shape-overflow", replace(b"(2, 3, 4), }", b"(4294967296, 4294967296, 4294967296), }"))
    damage("shape-bytes-overflow", replace(b"(2, 3, 4), }", b"(4611686018427387904,), }"))
    damage("shape-digits", replace(b"(2, 3, 4), }", b"(99999999999999999999,), }"))
    damage("shape-number", replace(b"(2, 3, 4)", b"(24)     "))
    damage("shape-open", replace(b"(2, 3, 4)", b"(2, 3, 4 "))
    damage("shape-rank", replace(b"(2, 3, 4), }", b"(2, 3, 4, 1, 1, 1, 1, 1, 1), }"))
    damage("order-word", replace(b"False", b"Maybe"))
    damage("key-missing", replace(b"'fortran_order': False, ", b""))
    damage("key-twice", replace(b"'shape': (2, 3, 4), }", b"'shape': (2, 3, 4), 'shape': (24,), }"))
    damage("key-more", replace(b"(2, 3, 4), }", b"(2, 3, 4), 'x': 1, }"))
    damage("behind", replace(b", }", b", } or 1"))
    record = numpy.zeros(3, [("a", "<f4"), ("b", "<i2")])
    with open(FOLDER / "bad/record.npy", "wb") as file:
        numpy.lib.format.write_array(file, record)


if __name__ == "__main__":
    main()
