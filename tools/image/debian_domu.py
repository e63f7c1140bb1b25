#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A Debian 12 disk with systemd for a domU: stock kernel, one partition, SQLite, an apt archive of a few packages.

  debian_domu.py             makes the disk in the package cache, if it is not there; prints its path
  debian_domu.py --out DISK  a copy of it, sparse; one that is there stays as it is, unless the disk is another now

root logs in on hvc0 without a password; the network comes by DHCP. The menu for GRUB is the one that Debian's own
scripts write; nothing else of GRUB is installed, PV-GRUB reads it from outside. Needs root, for mmdebstrap.
"""
import argparse, hashlib, pathlib, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import debian  # noqa: E402
from debian import MIB, call  # noqa: E402

PACKAGES = """linux-image-amd64 systemd-sysv udev kmod grub2-common e2fsprogs iproute2 iputils-ping netcat-openbsd
    sqlite3""".split()
ARCHIVE = "jq libjq1 libonig5 tree".split()  # packages that wait below /srv/archive to be installed
RECIPE = 1  # another number makes the disk anew: whatever changes it beside the constants here
DISK, ROOT = 1400 * MIB, 1 * MIB
ROOT_UUID = "5a1e6b0c-70c6-4f0c-9d0a-0d0d0a0d0a05"
MODULES = "xen-blkfront virtio_pci virtio_blk ext4"  # virtio for the first boot
FILES = {
    "etc/fstab": f"UUID={ROOT_UUID} / ext4 errors=remount-ro 0 1\n",
    "etc/hostname": "domu\n",
    "etc/hosts": "127.0.0.1 localhost domu\n",
    "etc/apt/sources.list": """deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
""",
    "etc/apt/sources.list.d/local.list": "deb [trusted=yes] file:/srv/archive ./\n",
    "etc/systemd/network/20-wired.network": "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\n\n"
                                            "[DHCPv4]\nClientIdentifier=mac\n",
    "etc/default/grub": """GRUB_DEFAULT=0
GRUB_TIMEOUT=2
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="console=hvc0"
GRUB_TERMINAL=console
""",
    "finish": """#!/bin/sh
# The first boot's init: what wants to see the real disk.
set -eux
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /boot/grub
update-grub
exec sh -euc 'rm /finish; mount -o remount,ro /; echo FINISH-IS-DONE; poweroff -f'
"""}
# A guest that waits for a network nobody offers would be a failed one. Timesync and the like are not installed.
LATE = f"""chroot "$1" passwd -d root; mkdir -p "$1/srv/archive"
chroot "$1" sh -ec 'cd /srv/archive; apt-get -qq -o APT::Sandbox::User=root download {' '.join(ARCHIVE)}
    systemctl enable systemd-networkd; systemctl disable systemd-networkd-wait-online'"""


def index(archive):
    """The archive's Packages."""
    stanzas = []
    for deb in sorted(archive.glob("*.deb")):
        data = deb.read_bytes()
        stanzas.append(call("dpkg-deb", "-f", deb).rstrip("\n") + f"\nFilename: ./{deb.name}\nSize: {len(data)}\n"
                       f"SHA256: {hashlib.sha256(data).hexdigest()}\n")
    if len(stanzas) != len(ARCHIVE):
        raise SystemExit(f"debian_domu: {len(stanzas)} packages in the archive, not {len(ARCHIVE)}")
    (archive / "Packages").write_text("\n".join(stanzas))


def build(scratch, disk, log):
    tree = scratch / "tree"
    debian.debootstrap(tree, scratch, PACKAGES, FILES, MODULES, LATE)
    index(tree / "srv/archive")
    with open(disk, "wb") as f:
        f.truncate(DISK)
    call("sfdisk", "--quiet", disk, input=f"label: dos\nlabel-id: 0x5a1e6b05\nstart={ROOT // 512}, type=83, bootable\n")
    debian.make_root(tree, disk, ROOT, DISK - ROOT, ROOT_UUID)
    debian.finish(tree, disk, ROOT_UUID, log)


def base():
    return debian.cached("debian-domu", debian.key([*PACKAGES, *ARCHIVE], RECIPE, LATE, MODULES, FILES, DISK, ROOT,
                                                   ROOT_UUID), build)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=pathlib.Path)
    a = ap.parse_args()
    if not a.out:
        return print(base())
    disk, tmp, stamp = base(), a.out.with_suffix(".tmp"), a.out.with_suffix(".made")
    if a.out.exists() and stamp.exists() and stamp.read_text() == disk.name:
        return None
    call("cp", "--sparse=always", "--reflink=auto", disk, tmp)
    tmp.rename(a.out)
    stamp.write_text(disk.name)
    return None


if __name__ == "__main__":
    sys.exit(main())
