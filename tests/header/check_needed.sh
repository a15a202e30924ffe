#!/bin/sh
# librmseg_core stands on libc, libm and threads alone.
# usage: check_needed.sh <librmseg_core.so>
set -eu
needed=$(LC_ALL=C readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p')
[ -n "$needed" ] || { echo "$1: no shared libraries are listed"; exit 1; }
failed=0
for library in $needed; do
    case $library in
    libc.so* | libm.so* | libpthread.so* | ld-linux* | libc.musl*) echo "$library" ;;
    *)
        echo "$library does not belong into librmseg_core"
        failed=1
        ;;
    esac
done
exit $failed
