#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A Debian 12 disk with systemd and GRUB (BIOS and UEFI), and the same with the package parapet installed.

  debian_dom0.py --base                 makes the plain disk in the package cache, if it is not there; prints its path
  debian_dom0.py --deb FILE --out DISK  installs FILE into a copy-on-write child of it: dpkg does, on a running system

The plain disk is keyed by its packages' versions and by the constants below. Nothing is mounted: the disk is made of
a folder, and GRUB is installed by the system itself, in QEMU. root's password is `parapet`; the console is ttyS0, and
hvc0 below a hypervisor. Needs root, for mmdebstrap.
"""
import argparse, contextlib, fcntl, hashlib, pathlib, re, shutil, subprocess, sys, tarfile, tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
import pkgcache  # noqa: E402
import machine  # noqa: E402

PACKAGES = """linux-image-amd64 systemd-sysv udev kmod grub-pc grub-efi-amd64-bin xen-utils-4.17 xenstore-utils
    xen-hypervisor-common iproute2 pciutils less bash-completion""".split()
RECIPE = 2  # another number makes the plain disk anew: whatever changes it beside the constants here
MIB = 1 << 20
DISK, ESP, ROOT = 1440 * MIB, (2 * MIB, 32 * MIB), 36 * MIB  # sizes; where the partitions start, ESP's size
ROOT_UUID, ESP_ID = "5a1e6b0c-70c6-4f0c-9d0a-0d0d0a0d0a04", "5A1E-6B0C"
MODULES = "virtio_pci virtio_blk ahci sd_mod ata_piix nvme ext4"  # in place of all, which takes long to unpack in TCG
FILES = {
    "etc/fstab": f"UUID={ROOT_UUID} / ext4 errors=remount-ro 0 1\n"  # a busy host's TCG needs more than 90 s for udev
                 f"UUID={ESP_ID} /boot/efi vfat umask=0077,x-systemd.device-timeout=900 0 1\n",
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1 localhost debian\n",
    "etc/default/grub": """GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT=""
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


def call(*cmd, **more):
    done = subprocess.run([str(c) for c in cmd], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        raise SystemExit(f"debian_dom0: {cmd[0]} failed ({done.returncode}):\n{done.stdout[-3000:]}")
    return done.stdout


def key():
    """Names the plain disk by what goes into it; "" when apt knows nothing of its packages."""
    pkgcache.ask([*PACKAGES, pkgcache.kernel_package()])
    known = {p: pkgcache.show(p).get("Version", "") for p in [*PACKAGES, pkgcache.kernel_package()]}
    recipe = repr((RECIPE, sorted(known.items()), MODULES, FILES, DISK, ESP, ROOT, ROOT_UUID, ESP_ID))
    return hashlib.sha256(recipe.encode()).hexdigest()[:16] if all(known.values()) else ""


def sources():
    """The machine's own sources of its release, security and updates, as mmdebstrap wants them."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", pathlib.Path("/etc/os-release").read_text(), re.M)[1]
    known = call("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
    found = re.findall(rf"^({release}(?:-security|-updates)?) main (\S+)$", known, re.M)
    if not found:
        raise SystemExit(f"debian_dom0: this machine's apt has no source of {release} main")
    return release, [f"deb {uri} {name} main" for name, uri in dict(found).items()]


def debootstrap(tree, scratch):
    """A folder with the installed system; /finish is left to do."""
    for name, text in FILES.items():
        path = scratch / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (scratch / "files/finish").chmod(0o755)
    release, lines = sources()
    early = (f'mkdir -p "$1/etc/initramfs-tools/conf.d"; echo MODULES=list > "$1/etc/initramfs-tools/conf.d/modules"; '
             f'printf "%s\\n" {MODULES} > "$1/etc/initramfs-tools/modules"')
    late = (f'cp -r {scratch}/files/. "$1/"; mkdir -p "$1/boot/efi"; echo root:parapet | chroot "$1" chpasswd; '
            'sed -i "s/^LOGIN_TIMEOUT.*/LOGIN_TIMEOUT 600/" "$1/etc/login.defs"; '
            'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*')
    call("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}",
         '--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io", f"--essential-hook={early}",
         f"--customize-hook={late}", release, tree, *lines)


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
    call("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, "-U", ROOT_UUID, "-E", f"offset={ROOT}", disk,
         f"{(DISK - ROOT - 2 * MIB) // 1024}k")


def finish(tree, disk, log):
    """Boots the kernel with /finish as init."""
    boot = {k: next((tree / "boot").glob(f"{k}-*")) for k in ("vmlinuz", "initrd.img")}
    with machine.Console(["-kernel", boot["vmlinuz"], "-initrd", boot["initrd.img"], "-no-reboot", "-append",
                          f"root=UUID={ROOT_UUID} rw init=/finish console=ttyS0 panic=-1"], disk, log) as c:
        c.wait(r"FINISH-IS-DONE", 600)
        c.ended(60)


def newest():
    return max(pkgcache.CACHE.glob("debian-dom0_*.img"), key=lambda p: p.stat().st_mtime, default=None)


def base():
    """The plain disk's path. A disk that cannot be made anew is still served from the cache."""
    pkgcache.CACHE.mkdir(parents=True, exist_ok=True)
    with open(pkgcache.CACHE / ".debian-dom0.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        name = key()
        path = pkgcache.CACHE / f"debian-dom0_{name}.img"
        if not name and newest():
            return newest()
        if not path.exists():
            build_base(path)
        for old in set(pkgcache.CACHE.glob("debian-dom0_*.img")) - {path}:
            old.unlink()
        return path


def build_base(path):
    print(f"debian_dom0: making {path.name}, some minutes", file=sys.stderr)
    with contextlib.ExitStack() as stack:
        roomy = [d for d in ("/dev/shm", pkgcache.CACHE) if shutil.disk_usage(d).free > 6 << 30] or [pkgcache.CACHE]
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="debian-dom0-", dir=roomy[0])))
        scratch.chmod(0o755)
        debootstrap(scratch / "tree", scratch)
        disk = path.with_suffix(".tmp")
        make_disk(scratch / "tree", disk)
        finish(scratch / "tree", disk, path.with_suffix(".log"))
        disk.rename(path)


def install(deb, out, log):
    """A child of the plain disk with the package: installed by dpkg on plain Debian, booted by GRUB."""
    parent = base()
    tmp = out.with_suffix(".tmp")
    call("qemu-img", "create", "-q", "-f", "qcow2", "-b", parent, "-F", "raw", tmp)
    with tempfile.TemporaryDirectory(prefix="debian-dom0-") as scratch:
        tar = pathlib.Path(scratch) / "deb.tar"
        with tarfile.open(tar, "w") as t:
            t.add(deb, "parapet.deb")
        with machine.Console(["-drive", f"file={tar},if=virtio,format=raw,readonly=on", "-no-reboot"], tmp, log) as c:
            c.login(300)
            status, text = c.run("tar -xf /dev/vdb -C /root && dpkg -i /root/parapet.deb && apt-get check", 300)
            if status:
                raise SystemExit(f"debian_dom0: dpkg says:\n{text}")
            c.run("rm /root/parapet.deb")
            c.send("poweroff\n")
            c.ended(120)
    tmp.rename(out)
    return text


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--base", action="store_true")
    ap.add_argument("--deb", type=pathlib.Path)
    ap.add_argument("--out", type=pathlib.Path)
    a = ap.parse_args()
    if a.base:
        return print(base())
    if not a.deb or not a.out:
        ap.error("want --base, or --deb and --out")
    stamp = a.out.with_suffix(".made")
    made = hashlib.sha256(a.deb.read_bytes() + str(base()).encode()).hexdigest()
    if a.out.exists() and stamp.exists() and stamp.read_text() == made:
        return None
    text = install(a.deb, a.out, a.out.with_suffix(".log"))
    a.out.with_suffix(".dpkg").write_text(text)
    stamp.write_text(made)


if __name__ == "__main__":
    sys.exit(main())
