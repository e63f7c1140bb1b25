# SPDX-License-Identifier: MIT
"""Initramfs of guests under test: the domU's own with files appended, and with stock Debian programs, each with every
library that it needs: those of the packages named here, or else of this machine."""
import sys
from harness import BUILD, TOP

sys.path[:0] = [str(TOP / "tools"), str(TOP / "tools/image")]
import build as image  # noqa: E402
import pkgcache  # noqa: E402

# fio is linked against the clients of all the storage it knows, and they against what they need
FIO = """libacl1 libaio1 libargon2-1 libblkid1 libboost-iostreams1.74.0 libboost-thread1.74.0 libbz2-1.0 libcom-err2
    libcryptsetup12 libdaxctl1 libdevmapper1.02.1 libffi8 libfmt9 libgfapi0 libgfrpc0 libgfxdr0 libglusterfs0 libgmp10
    libgnutls30 libgssapi-krb5-2 libhogweed6 libibverbs1 libicu72 libidn2-0 libjson-c5 libk5crypto3 libkeyutils1
    libkmod2 libkrb5-3 libkrb5support0 liblzma5 libnbd0 libndctl6 libnettle8 libnl-3-200 libnl-route-3-200 libnuma1
    libp11-kit0 libpcre2-8-0 libpmem1 libpmemblk1 librados2 librbd1 librdmacm1 libselinux1 libssl3 libtasn1-6 libtirpc3
    libudev1 libunistring2 libuuid1 libxml2 libzstd1 zlib1g""".split()
IPERF = ["libiperf0", "libsctp1", "libssl3"]
LIBRARIES = {"fio": FIO, "iperf3": IPERF}
# The init of a guest that shall go on whatever happens to others: it writes to its disk, reads back and compares, over
# and over, with pauses that leave the CPU to them. Its interface, if it has one, is 10.9.0.9.
SECOND = r"""#!/bin/sh
export PATH=/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev 2> /dev/null
for m in /lib/modules/*.ko; do insmod $m; done
if [ -e /sys/bus/xen/devices/vif-0 ]; then
    until [ -e /sys/class/net/eth0 ]; do usleep 50000; done
    ip addr add 10.9.0.9/24 dev eth0; ip link set eth0 up
fi
until [ -b /dev/xvda ]; do usleep 50000; done
n=0
while :; do
    dd if=/dev/urandom of=/tmp/data bs=64k count=16 2> /dev/null
    dd if=/tmp/data of=/dev/xvda bs=64k oflag=direct 2> /dev/null &&
        dd if=/dev/xvda of=/tmp/back bs=64k count=16 iflag=direct 2> /dev/null && cmp /tmp/data /tmp/back ||
        echo "SECOND-BROKEN"
    n=$((n + 1)); echo "SECOND-ROUND $n"
    usleep 200000
done
"""


image.LIBDIRS.append("usr/lib/x86_64-linux-gnu/ceph")  # librados2 has one there


def add(cpio, package):
    """The program of the same name, to /bin."""
    names = LIBRARIES[package]
    pkgcache.ask([package, *names])
    roots = [pkgcache.fetch(name) for name in names]
    program = pkgcache.fetch(package) / "usr/bin" / package
    cpio.entry(f"bin/{package}", 0o100755, image.stripped(program))
    image.add_libs(cpio, program, [*roots, "/"], set())


def initrd(path, files, *packages):
    """files: {name: text}."""
    cpio = image.Cpio()
    for name, text in files.items():
        cpio.entry(name, 0o100755, text.encode())
    for package in packages:
        add(cpio, package)
    path.write_bytes((BUILD / "image/domu.cpio").read_bytes() + cpio.bytes())
