#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A Debian 12 disk with systemd and GRUB (BIOS and UEFI), and the same with the package parapet installed.

  debian_dom0.py --base                 makes the plain disk in the package cache, if it is not there; prints its path
  debian_dom0.py --deb FILE --out DISK  installs FILE into a copy-on-write child of it: dpkg does, on a running system
  debian_dom0.py --xen --out DISK       the same child with Debian's Xen 4.17 as the hypervisor, to compare with

The plain disk is keyed by its packages' versions and by the constants below. Nothing is mounted: the disk is made of
a folder, and GRUB is installed by the system itself, in QEMU. root's password is `parapet`; the console is ttyS0, and
hvc0 below a hypervisor. Needs root, for mmdebstrap.
"""
import argparse, hashlib, pathlib, sys, tarfile, tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import debian, machine, pkgcache  # noqa: E402
from debian import MIB, call  # noqa: E402

PACKAGES = """linux-image-amd64 systemd-sysv udev kmod grub-pc grub-efi-amd64-bin xen-utils-4.17 xenstore-utils
    xen-hypervisor-common iproute2 pciutils less bash-completion dbus""".split()
RECIPE = 4  # another number makes the plain disk anew: whatever changes it beside the constants here
XEN_PACKAGE, XEN = "xen-hypervisor-4.17-amd64", "xen-4.17-amd64"
DISK, ESP, ROOT = 1440 * MIB, (2 * MIB, 32 * MIB), 36 * MIB  # sizes; where the partitions start, ESP's size
ROOT_UUID, ESP_ID = "5a1e6b0c-70c6-4f0c-9d0a-0d0d0a0d0a04", "5A1E-6B0C"
MODULES = "virtio_pci virtio_blk ahci sd_mod ata_piix nvme ext4"
FILES = {
    "etc/fstab": f"UUID={ROOT_UUID} / ext4 errors=remount-ro 0 1\n"  # a busy host's TCG needs more than 90 s for udev
                 f"UUID={ESP_ID} /boot/efi vfat umask=0077,x-systemd.device-timeout=900 0 1\n",
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1 localhost debian\n",
    "etc/systemd/network/wired.network": "[Match]\nName=en* eth*\n[Network]\nDHCP=ipv4\n",
    "etc/default/grub": """GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="norandmaps"
GRUB_CMDLINE_LINUX="console=ttyS0"
GRUB_CMDLINE_XEN="console=com1 com1=115200,8n1 loglvl=all dom0_mem=768M"
GRUB_CMDLINE_LINUX_XEN_REPLACE="console=hvc0 earlyprintk=xen"
GRUB_TERMINAL=serial
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
""",
    "finish": """#!/bin/sh
# The first boot's init: what wants to see the real disk.
set -eux
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount /boot/efi
grub-install --target=i386-pc /dev/vda
grub-install --target=x86_64-efi --removable --no-nvram --efi-directory=/boot/efi
update-grub
umount /boot/efi
exec sh -euc 'rm /finish; mount -o remount,ro /; echo FINISH-IS-DONE; poweroff -f'
"""}


def key():
    return debian.key(PACKAGES, RECIPE, MODULES, FILES, DISK, ESP, ROOT, ROOT_UUID, ESP_ID)


def make_disk(tree, disk):
    """GPT: BIOS boot, EFI system, root."""
    with open(disk, "wb") as f:
        f.truncate(DISK)
    call("sfdisk", "--quiet", disk, input=f"""label: gpt
start={MIB // 512}, size={MIB // 512}, type=21686148-6449-6E6F-744E-656564454649
start={ESP[0] // 512}, size={ESP[1] // 512}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start={ROOT // 512}, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
""")
    serial = ESP_ID.replace("-", "")
    call("mformat", "-i", f"{disk}@@{ESP[0]}", "-T", ESP[1] // 512, "-h", 64, "-s", 32, "-N", serial, "::")
    with open(disk, "r+b") as f:  # where mformat's boot code stands, GRUB would see a partition table
        f.seek(ESP[0] + 446)
        f.write(bytes(64))
    debian.make_root(tree, disk, ROOT, DISK - ROOT - 2 * MIB, ROOT_UUID)


def build(scratch, disk, log):
    late = ('mkdir -p "$1/boot/efi"; echo root:parapet | chroot "$1" chpasswd; '
            'systemctl --root="$1" enable systemd-networkd; systemctl --root="$1" disable systemd-networkd-wait-online')
    debian.debootstrap(scratch / "tree", scratch, PACKAGES, FILES, MODULES, late)
    make_disk(scratch / "tree", disk)
    debian.finish(scratch / "tree", disk, ROOT_UUID, log)


def base():
    return debian.cached("debian-dom0", key(), build)


def install(files, command, out, log):
    """A child of the plain disk with FILES (path there: file here) in it and COMMAND run on it, on plain Debian booted
    by GRUB; what that said."""
    parent = base()
    tmp = out.with_suffix(".tmp")
    call("qemu-img", "create", "-q", "-f", "qcow2", "-b", parent, "-F", "raw", tmp)
    with tempfile.TemporaryDirectory(prefix="debian-dom0-") as scratch:
        tar = pathlib.Path(scratch) / "files.tar"
        with tarfile.open(tar, "w") as t:
            for name, path in files.items():
                t.add(path, name)
        with machine.Console(["-drive", f"file={tar},if=virtio,format=raw,readonly=on", "-no-reboot"], tmp, log) as c:
            c.login(300)
            status, text = c.run(f"tar -xf /dev/vdb -C / && {command}", 300)
            if status:
                raise SystemExit(f"debian_dom0: {command} says:\n{text}")
            c.send("poweroff\n")
            c.ended(120)
    tmp.rename(out)
    return text


def child(files, command, out):
    """Makes OUT by `install`, unless it was made of the same."""
    stamp, parts = out.with_suffix(".made"), [command.encode(), str(base()).encode()]
    made = hashlib.sha256(b"".join([*parts, *(path.read_bytes() for path in files.values())])).hexdigest()
    if out.exists() and stamp.exists() and stamp.read_text() == made:
        return
    text = install(files, command, out, out.with_suffix(".log"))
    out.with_suffix(".said").write_text(text)
    stamp.write_text(made)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--base", action="store_true")
    ap.add_argument("--deb", type=pathlib.Path)
    ap.add_argument("--xen", action="store_true")
    ap.add_argument("--out", type=pathlib.Path)
    a = ap.parse_args()
    if a.base:
        return print(base())
    if (a.deb is None) == (not a.xen) or not a.out:
        ap.error("want --base, or --out with either --deb or --xen")
    if a.xen:
        return child({f"boot/{XEN}.gz": pkgcache.fetch(XEN_PACKAGE) / f"boot/{XEN}.gz"}, "update-grub", a.out)
    install_deb = "dpkg -i /root/parapet.deb && apt-get check && rm /root/parapet.deb"
    return child({"root/parapet.deb": a.deb}, install_deb, a.out)


if __name__ == "__main__":
    sys.exit(main())
