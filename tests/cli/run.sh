#!/bin/sh
# Runs tests of the command line as text and compares what they say with what was recorded (README.md).
#
#     run.sh [--record] RMSEG NAME...      RMSEG is the command's path; NAME.test and NAME.out lie beside this script
#
# Exit 0: all as recorded; 1: a difference, which is printed; 77: skipped, with a sentence.
set -u
here=$(cd "$(dirname "$0")" && pwd)
record=0
if [ "${1:-}" = --record ]; then
    record=1
    shift
fi
RMSEG=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
GOLDEN=$here/../golden
shift

LC_ALL=C RMSEG_THREADS=2 TERM=dumb
unset NO_COLOR RMSEG_RECORD 2>/dev/null
export RMSEG GOLDEN LC_ALL RMSEG_THREADS TERM

# What differs from machine to machine and from run to run.
normalise() {
    sed -E \
        -e 's/ [0-9.e+-]+\/s  [0-9:]+ left/ RATE  TIME left/' \
        -e '/^! [a-z]+ [0-9]+\/[0-9]+ +RATE  TIME left.*$/d' \
        -e 's/(  in) [0-9:]+/\1 TIME/' \
        -e 's/loss (-?[0-9]+\.[0-9]+|nan)/loss LOSS/' \
        -e "s#$RMSEG#rmseg#g; s#$GOLDEN#golden#g"
}

one() { # one NAME: runs the test in a folder of its own
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/rmseg-cli.XXXXXX") || exit 1
    chmod 755 "$scratch"
    (cd "$scratch" && . "$here/steps.sh" && . "$here/$1.test") >"$scratch.raw" 2>&1
    code=$?
    normalise <"$scratch.raw" >"$scratch.out"
    if [ $code = 77 ]; then
        tail -n 1 "$scratch.out"
    elif [ $record = 1 ]; then
        cp "$scratch.out" "$here/$1.out"
        code=0
    else
        diff -u "$here/$1.out" "$scratch.out" && code=0 || code=1
        [ $code = 0 ] || echo "$1 differs; if the new text is right: $here/run.sh --record $RMSEG $1"
    fi
    chmod -R u+w "$scratch"
    rm -rf "$scratch" "$scratch.raw" "$scratch.out"
    return $code
}

worst=0
for name in "$@"; do
    one "$name" || worst=$?
done
exit $worst
