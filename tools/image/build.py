#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the dom0 initramfs (with the domU's kernel, initramfs and configuration inside) from Debian packages.

  build.py --out DIR [--kernel 6.12] TOOL...    writes DIR/dom0.cpio, DIR/domu.cpio, DIR/vmlinuz (a link) and
                                                DIR/vmlinux, the ELF file packed in it
  build.py --cpio OUT NAME=FILE...              a small archive to append to an initramfs

Archives are uncompressed newc: the kernel unpacks them faster than anything compressed. A file is rewritten
only when its contents change, so that nothing downstream is rebuilt or copied in vain.
"""
import argparse, lzma, os, pathlib, re, stat, struct, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import pkgcache  # noqa: E402

XEN_PACKAGES = """xen-utils-4.17 xenstore-utils libxenmisc4.17 libxencall1 libxenevtchn1 libxenforeignmemory1
    libxengnttab1 libxenstore4 libxentoollog1 libxentoolcore1 libxendevicemodel1 libxenhypfs1 libyajl2
    libnl-route-3-200 libnl-3-200""".split()
MODULES = "xen-evtchn xen-privcmd xen-gntdev xen-gntalloc xenfs loop xen-blkback xen-netback llc stp bridge".split()
DOMU_MODULES = ["xen-blkfront", "xen-netfront"]
XEN_TOOLS = "xl xenstored xenconsoled xenconsole xen-init-dom0 xenstore-control lsevtchn xenctx".split()
STORE_VERBS = "chmod exists list ls read rm watch write".split()
LIBDIRS = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "lib64", "usr/lib64"]


class Cpio:
    """A newc archive in memory; parents are made as needed."""

    def __init__(self):
        self.parts, self.seen = [], set()

    def entry(self, name, mode, data=b"", rdev=(0, 0)):
        name = name.strip("/")
        if name in self.seen:
            return
        self.seen.add(name)
        parent = name.rpartition("/")[0]
        if parent and parent not in self.seen:
            self.entry(parent, stat.S_IFDIR | 0o755)
        self._raw(name, mode, data, rdev, len(self.seen))

    def _raw(self, name, mode, data, rdev, ino):
        fields = [ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        self.parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def file(self, name, path, mode=None):
        path = pathlib.Path(path)
        self.entry(name, stat.S_IFREG | (mode or (0o755 if os.access(path, os.X_OK) else 0o644)), path.read_bytes())

    def link(self, name, target):
        self.entry(name, stat.S_IFLNK | 0o777, target.encode())

    def bytes(self):
        self._raw("TRAILER!!!", 0, b"", (0, 0), 0)
        out = b"".join(self.parts)
        return out + b"\0" * (-len(out) % 512)


def write(path, data):
    if not path.exists() or path.read_bytes() != data:
        tmp = path.with_name(path.name + ".tmp")
        tmp.write_bytes(data)
        tmp.rename(path)


def find_lib(name, roots):
    for root in roots:
        for d in LIBDIRS:
            if (p := pathlib.Path(root) / d / name).exists():
                return p.resolve()
    raise SystemExit(f"image: no library {name} in the packages nor on this machine")


def add_libs(cpio, binary, roots, done):
    """Everything a dynamic binary needs, to any depth, under /lib."""
    out = subprocess.run(["readelf", "-ld", binary], capture_output=True, text=True).stdout
    if m := re.search(r"interpreter: (/[^\]]+)\]", out):
        if m[1] not in done:
            done.add(m[1])
            cpio.file(m[1], pathlib.Path(m[1]).resolve(), 0o755)
    for lib in re.findall(r"NEEDED.*\[(.+)\]", out):
        if lib not in done:
            done.add(lib)
            path = find_lib(lib, roots)
            cpio.file(f"lib/{lib}", path, 0o755)
            add_libs(cpio, path, roots, done)


def stripped(binary):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["strip", "-o", out.name, binary], check=True)
        return pathlib.Path(out.name).read_bytes()


def base(busybox):
    """What both guests share: busybox with its applets, device nodes, power-off that needs no init."""
    cpio = Cpio()
    for d in "proc sys dev tmp root run etc bin sbin lib mnt".split():
        cpio.entry(d, stat.S_IFDIR | 0o755)
    cpio.entry("dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))
    cpio.entry("dev/null", stat.S_IFCHR | 0o666, rdev=(1, 3))
    cpio.file("bin/busybox", busybox, 0o755)
    for verb in ("poweroff", "reboot", "halt"):
        cpio.entry(f"sbin/{verb}", stat.S_IFREG | 0o755, f"#!/bin/sh\nexec /bin/busybox {verb} -f\n".encode())
    # busybox's shell prefers its own applets, which ask an init that we do not have
    cpio.entry("etc/profile", stat.S_IFREG | 0o644, b"".join(
        b"%s() { /sbin/%s; }\n" % (v, v) for v in (b"poweroff", b"reboot", b"halt")))
    for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True).stdout.split():
        if applet not in ("busybox", "poweroff", "reboot", "halt", "init"):
            cpio.link(f"bin/{applet}", "busybox")
    return cpio


def modules(kernel, names):
    """{name: contents}. Newer kernels' packages hold them compressed, which insmod cannot read."""
    mods = {p.name.partition(".")[0]: p for p in (kernel / "lib/modules").rglob("*.ko*")}
    if missing := [m for m in names if m not in mods]:
        raise SystemExit(f"image: the kernel package lacks {missing}")
    return {name: lzma.decompress(mods[name].read_bytes()) if mods[name].suffix == ".xz" else mods[name].read_bytes()
            for name in sorted(names)}


def add_modules(cpio, kernel, names):
    for name, data in modules(kernel, names).items():
        cpio.entry(f"lib/modules/{name}.ko", stat.S_IFREG | 0o644, data)


def unpacked(kernel):
    """The ELF file in a kernel packed by xz or zstd (Linux's boot protocol: setup_sects, payload_offset, _length)."""
    data = next((kernel / "boot").glob("vmlinuz-*")).read_bytes()
    offset, length = struct.unpack_from("<II", data, 0x248)
    offset += (data[0x1f1] + 1) * 512
    payload = data[offset:offset + length - 4]  # behind it stands the unpacked size
    if payload[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dc"], input=payload, stdout=subprocess.PIPE, check=True).stdout
    return lzma.decompress(payload)


def domu_image(busybox, kernel):
    cpio = base(busybox)
    add_modules(cpio, kernel, DOMU_MODULES)
    cpio.file("init", HERE / "domu-init", 0o755)
    return cpio.bytes()


def dom0_image(busybox, kernel, domu, tools):
    cpio, roots, done = base(busybox), [pkgcache.fetch(p) for p in XEN_PACKAGES], set()
    utils = next(r for r in roots if r.name.startswith("xen-utils-4.17_"))
    store = next(r for r in roots if r.name.startswith("xenstore-utils_"))
    binaries = {t: utils / "usr/lib/xen-4.17/bin" / t for t in XEN_TOOLS}
    binaries["xenstore"] = store / "usr/bin/xenstore"
    binaries |= {pathlib.Path(t).name: pathlib.Path(t) for t in tools}
    for name, path in binaries.items():
        cpio.entry(f"sbin/{name}", stat.S_IFREG | 0o755, stripped(path))
        add_libs(cpio, path, roots + ["/"], done)
    cpio.file("lib/libgcc_s.so.1", find_lib("libgcc_s.so.1", roots + ["/"]))  # dlopened by pthread_cancel
    for verb in STORE_VERBS:
        cpio.link(f"sbin/xenstore-{verb}", "xenstore")
    cpio.link("var/run", "/run")
    cpio.entry("etc/xen/xl.conf", stat.S_IFREG | 0o644, b'autoballoon="off"\n')
    cpio.link("usr/lib/xen-4.17/bin", "/sbin")
    add_modules(cpio, kernel, MODULES)
    cpio.file("guest/vmlinuz", next((kernel / "boot").glob("vmlinuz-*")), 0o644)
    cpio.entry("guest/initrd", stat.S_IFREG | 0o644, domu)
    cpio.file("guest/domU.cfg", HERE / "domU.cfg", 0o644)
    cpio.file("init", HERE / "dom0-init", 0o755)
    return cpio.bytes()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", type=pathlib.Path)
    ap.add_argument("--cpio", type=pathlib.Path)
    ap.add_argument("--kernel", default="")
    ap.add_argument("items", nargs="*")
    a = ap.parse_args()
    if a.cpio:
        cpio = Cpio()
        for item in a.items:
            name, _, path = item.partition("=")
            cpio.file(name, path)
        return write(a.cpio, cpio.bytes())
    kernel = pkgcache.fetch_kernel(a.kernel)
    pkgcache.ask(["busybox-static", *XEN_PACKAGES])
    busybox = pkgcache.fetch("busybox-static") / "bin/busybox"
    a.out.mkdir(parents=True, exist_ok=True)
    domu = domu_image(busybox, kernel)
    write(a.out / "domu.cpio", domu)
    write(a.out / "dom0.cpio", dom0_image(busybox, kernel, domu, a.items))
    link, target = a.out / "vmlinuz", next((kernel / "boot").glob("vmlinuz-*"))
    if not link.is_symlink() or os.readlink(link) != str(target):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        (a.out / "vmlinux").unlink(missing_ok=True)
    if not (a.out / "vmlinux").exists():
        write(a.out / "vmlinux", unpacked(kernel))


if __name__ == "__main__":
    main()
