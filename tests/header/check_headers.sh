#!/bin/sh
# Each header compiles on its own: public ones as C11 and C++17, those of the rooms as C11.
# usage: check_headers.sh <source folder> <C compiler> [<C++ compiler>]
set -u
cd "$1" || exit 1
cc=$2
cxx=${3:-}
failed=0
checked=0

check() { # check <header> <compiler and options>
    header=$1
    shift
    checked=$((checked + 1))
    printf '#include "%s"\n' "$header" | "$@" -Wall -Wextra -Werror -fsyntax-only -Iinclude - && return
    echo "$header does not compile alone: $*"
    failed=1
}

for header in include/rmseg/*.h; do
    header=${header#include/}
    check "$header" "$cc" -x c -std=c11 -pedantic
    [ -z "$cxx" ] || check "$header" "$cxx" -x c++ -std=c++17 -pedantic
done
for header in src/*/*.h; do
    check "${header#src/}" "$cc" -x c -std=c11 -D_GNU_SOURCE -Isrc
done
echo "$checked headers compiled"
[ "$checked" -gt 0 ] && exit $failed
