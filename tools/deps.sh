#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages needed to build and to run QEMU; silent when nothing is missing.
# Guest software (kernels, Xen, xenstored) is never installed: tools/pkgcache.py unpacks it into a cache.
set -eu
want="g++ make python3 ccache cpio zstd qemu-system-x86 qemu-utils libxen-dev liblzma-dev libzstd-dev liblz4-dev
      zlib1g-dev libcli11-dev nlohmann-json3-dev libfmt-dev libgtest-dev libgmock-dev clang-14 libclang-rt-14-dev
      clang-format-14 xorriso mtools grub-pc-bin grub-common mmdebstrap fdisk"
missing=""
for p in $want; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get update && apt-get install -y --no-install-recommends $missing
}
