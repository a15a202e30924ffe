#!/usr/bin/env python3
"""Checks the rooms' one rule: include downward only, never sideways, and another room only through its door.

A file of src/<room> may include "<room>/...", "<lower>/<lower>.h", "rmseg/*.h" and system headers. The
command sees public headers only. Exit status 1 and one line for each offence.
"""
import pathlib
import re
import sys

LEVELS = {"core": 0, "field": 1, "image": 1, "backend": 2, "loss": 3, "metric": 3, "nn": 3, "data": 3,
          "run": 4, "report": 4, "cli": 5}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def fault(room, target):
    """Why a file of `room` may not include `target`; None where it may."""
    if target.startswith("rmseg/"):
        return None
    other = target.split("/")[0]
    if other == room:
        return None
    if other not in LEVELS:
        return "is not a header of a room: write \"room/file.h\""
    if room == "cli":
        return "is not public: the command uses rmseg/*.h only"
    if LEVELS[other] >= LEVELS[room]:
        return f"is not below: {other} is level {LEVELS[other]}, {room} is level {LEVELS[room]}"
    if target != f"{other}/{other}.h":
        return f"is not the door: include \"{other}/{other}.h\""
    return None


def main():
    source = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "src"
    offences = 0
    files = sorted(p for p in source.rglob("*") if p.suffix in {".c", ".h", ".inc", ".cu"})
    for path in files:
        room = path.relative_to(source).parts[0]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            why = fault(room, match[1]) if match else None
            if why:
                offences += 1
                print(f'{path}:{number}: "{match[1]}" {why}')
    if not files:
        sys.exit(f"{source}: no sources found")
    print(f"{len(files)} files, {offences} offences")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
