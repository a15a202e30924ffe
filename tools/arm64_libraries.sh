#!/bin/sh
# tools/arm64_libraries.sh FOLDER - unpacks into FOLDER the libraries that rmseg is built with on 64-bit ARM, but for HDF5, with their
# headers and the C library, from the Debian that runs here: a sysroot (cmake/aarch64-linux-gnu.cmake). Needs no root; installs
# nothing. Fails where the system's mirror has no arm64.
set -eu

root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial"
: >"$work/status" # nothing is installed: the packages come with all that they need
arm64() {
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists="$work/lists" -o Dir::State::status="$work/status" \
        -o Dir::Cache="$work" -o Debug::NoLocking=true -o APT::Sandbox::User=root "$@"
}
arm64 update
arm64 install --yes --download-only --no-install-recommends libc6-dev zlib1g-dev libjansson-dev libpng-dev libjpeg-dev libtiff-dev libcmocka-dev

rm -rf "$root"
mkdir -p "$root"
for package in "$work"/archives/*.deb; do
    dpkg-deb --extract "$package" "$root"
done
find "$root" -type l -lname '/*' | while read -r link; do # what points to the whole system's root
    ln -snfr "$root$(readlink "$link")" "$link"
done
