# SPDX-License-Identifier: MIT
"""What tests with whole guests share: programs and modules that dom0's image lacks, and the Debian domU's disk."""
import contextlib, lzma, os, pathlib, re, subprocess, sys, tempfile
from harness import BUILD, TOP, expect, skipped

sys.path[:0] = [str(TOP / "tools"), str(TOP / "tools/image")]
import build as image, pkgcache  # noqa: E402

DISK = ["virtio_pci", "virtio_blk", "crc32c_generic", "ext4"]
NET = ["virtio_net"]
NAT = ["nft_chain_nat", "nft_masq"]
NFT = """nftables libnftables1 libnftnl11 libmnl0 libjansson4 libgmp10 libedit2 libxtables12 libbsd0 libmd0
    libtinfo6""".split()


def module_files(tmp, names, folder="mods"):
    """Options of tools/run: kernel modules with all that they need, named so that a glob has them in order."""
    kernel = (BUILD / "image/vmlinuz").resolve().parents[1]
    found = {p.name.partition(".")[0].replace("-", "_"): p for p in (kernel / "lib/modules").rglob("*.ko*")}
    order = {}

    def add(name):
        path = found[name]
        data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        for other in re.search(rb"\0depends=([^\0]*)", data)[1].decode().split(","):
            if other and other.replace("-", "_") not in order:
                add(other.replace("-", "_"))
        order[name] = data

    for name in names:
        add(name)
    options = []
    for n, (name, data) in enumerate(order.items()):
        path = tmp / f"{n:02}-{name}.ko"
        path.write_bytes(data)
        options += ["--file", f"{folder}/{path.name}={path}"]
    return options


class Files:
    """Stands in for an archive: what goes into it becomes options of tools/run."""

    def __init__(self):
        self.options = []

    def file(self, name, path, _mode=None):
        self.options += ["--file", f"{name.lstrip('/')}={path}"]


def fsck_files():
    return ["--file", f"sbin/e2fsck={pkgcache.fetch('e2fsck-static') / 'sbin/e2fsck.static'}"]


def nft_files():
    """nft with its libraries, but for those that dom0's image has."""
    pkgcache.ask(NFT)
    roots, files = [pkgcache.fetch(p) for p in NFT], Files()
    nft = roots[0] / "usr/sbin/nft"
    files.file("sbin/nft", nft)
    there = {"/lib64/ld-linux-x86-64.so.2", "ld-linux-x86-64.so.2", "libc.so.6"}
    image.add_libs(files, nft, [*roots, "/"], there)
    return files.options


@contextlib.contextmanager
def debian_disk():
    """A folder, and in it a child of the Debian domU's disk to write to, as options of QEMU."""
    if os.geteuid() != 0:
        skipped("a Debian disk is made by root only")
    made = subprocess.run([sys.executable, TOP / "tools/image/debian_domu.py"], capture_output=True, text=True)
    expect(made.returncode == 0, f"no Debian disk: {made.stderr.strip()[-600:]}")
    with tempfile.TemporaryDirectory(prefix="parapet-debian-") as tmp:
        child = pathlib.Path(tmp) / "disk"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", made.stdout.strip(), "-F", "raw", child],
                       check=True)
        yield pathlib.Path(tmp), f"-drive file={child},if=virtio,format=qcow2,cache=unsafe"
