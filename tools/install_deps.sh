#!/bin/sh
# Installs what building and testing rmseg needs, on Debian and Ubuntu; with "ci", what .ci/run needs besides; with "arm64", what building
# for 64-bit ARM and running that under QEMU needs besides. Looks first, and does nothing where all is there.
set -eu

missing=""
need() { # need <package> <command that succeeds when it is there>
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

need gcc command -v cc
need cmake command -v cmake
need ninja-build command -v ninja
need pkg-config command -v pkg-config
need python3 command -v python3
need zlib1g-dev pkg-config --exists zlib
need libjansson-dev pkg-config --exists jansson
need libpng-dev pkg-config --exists libpng
need libjpeg-dev pkg-config --exists libjpeg
need libtiff-dev pkg-config --exists libtiff-4
need libhdf5-dev pkg-config --exists hdf5
need libcmocka-dev pkg-config --exists cmocka
if [ "${1:-}" = ci ]; then
    need clang command -v clang
    need g++ command -v c++
    need groff-base command -v groff
    need python3-venv python3 -c 'import ensurepip' # tools/format.sh may fetch its clang-format
elif [ "${1:-}" = arm64 ]; then
    need gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
    need qemu-user command -v qemu-aarch64
fi

[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "missing (by their Debian names):$missing. Please install them with this system's package manager." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    sudo=""
elif command -v sudo >/dev/null 2>&1; then
    sudo="sudo"
else
    echo "missing:$missing. Neither root nor sudo: please ask an administrator to apt-get install them." >&2
    exit 1
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086 # one word per package is meant
$sudo apt-get install -y -qq --no-install-recommends $missing libc6-dev
