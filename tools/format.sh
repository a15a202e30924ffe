#!/bin/sh
# Formats the C sources, or with --check says which are not formatted. Versions of clang-format differ in what they make of
# the same settings, so one version is used: the system's where it is that one, else PyPI's in build/.
set -eu
cd "$(dirname "$0")/.."
version=14

find_formatter() {
    for program in clang-format-$version clang-format build/clang-format/bin/clang-format; do
        if "$program" --version 2>/dev/null | grep -q "version $version\."; then
            echo "$program"
            return
        fi
    done
    python3 -m venv build/clang-format >&2
    build/clang-format/bin/pip install --quiet clang-format==14.0.6 >&2
    echo build/clang-format/bin/clang-format
}

formatter=$(find_formatter)
sources=$(find include src tests bench python examples -type f \( -name '*.[ch]' -o -name '*.cu' -o -name '*.inc' \) 2>/dev/null | sort)
if [ "${1:-}" = --check ]; then
    failed=0
    for source in $sources; do
        "$formatter" "$source" | cmp -s - "$source" && continue
        echo "$source is not formatted: make format"
        failed=1
    done
    exit $failed
fi
# shellcheck disable=SC2086 # one word per file is meant
"$formatter" -i $sources
