# SPDX-License-Identifier: MIT
"""An initramfs for dom0 with more of Debian's Xen tools than every test needs: xentop and the test programs of
xen-utils, and the hotplug scripts of xen-utils-common with the shell they ask for."""
import pathlib, stat, subprocess, sys
from harness import BUILD, TOP

sys.path[:0] = [str(TOP / "tools"), str(TOP / "tools/image")]
import build as image  # noqa: E402
import pkgcache  # noqa: E402

PACKAGES = "xen-utils-4.17 xen-utils-common libncurses6 libtinfo6 bash util-linux bsdutils mount libsmartcols1".split()
PROGRAMS = {"xen-utils-4.17": "xentop test-resource test-xenstore test-tsx xenpm xen-ucode flask-getenforce".split(),
            "bash": ["bin/bash"], "mount": ["sbin/losetup"], "util-linux": ["usr/bin/flock"],
            "bsdutils": ["usr/bin/script"]}


def initrd(path, files=()):
    """Writes dom0's usual initramfs with the tools behind it; (name, contents) of more files."""
    cpio, done = image.Cpio(), set()
    roots = {name: pkgcache.fetch(name) for name in image.XEN_PACKAGES + PACKAGES}
    for package, programs in PROGRAMS.items():
        for program in programs:
            source = roots[package] / (program if "/" in program else f"usr/lib/xen-4.17/bin/{program}")
            cpio.file(f"sbin/{source.name}", source, 0o755)
            image.add_libs(cpio, source, [*roots.values(), "/"], done)
    cpio.link("bin/bash", "/sbin/bash")
    scripts = roots["xen-utils-common"] / "etc/xen/scripts"
    for script in sorted(scripts.iterdir()):
        cpio.file(f"etc/xen/scripts/{script.name}", script)
    for name, contents in files:
        cpio.entry(name, stat.S_IFREG | 0o755, contents)
    pathlib.Path(path).write_bytes((BUILD / "image/dom0.cpio").read_bytes() + cpio.bytes())
    return path
