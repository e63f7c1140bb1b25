# SPDX-License-Identifier: MIT
"""What the Debian disks have in common: mmdebstrap's call, the first boot that finishes one, its place in the cache.

A disk is made of a folder, nothing is mounted; what wants to see the real disk is done by the script /finish, run as
init in QEMU. Each is kept as KIND_KEY.img beside the packages, one a kind; the key names what went into it.
"""
import contextlib, fcntl, hashlib, pathlib, re, shutil, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
import pkgcache  # noqa: E402
import machine  # noqa: E402

MIB = 1 << 20


def call(*cmd, **more):
    done = subprocess.run([str(c) for c in cmd], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        raise SystemExit(f"{pathlib.Path(sys.argv[0]).stem}: {cmd[0]} failed ({done.returncode}):\n"
                         f"{done.stdout[-3000:]}")
    return done.stdout


def sources():
    """The machine's own sources of its release, security and updates, as mmdebstrap wants them."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", pathlib.Path("/etc/os-release").read_text(), re.M)[1]
    known = call("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
    found = re.findall(rf"^({release}(?:-security|-updates)?) main (\S+)$", known, re.M)
    if not found:
        raise SystemExit(f"debian: this machine's apt has no source of {release} main")
    return release, [f"deb {uri} {name} main" for name, uri in dict(found).items()]


def debootstrap(tree, scratch, packages, files, modules, late):
    """A folder with the installed system and FILES. LATE is shell, run last but for clearing apt's lists, with the
    folder as $1. The initramfs has MODULES in place of all, which takes long to unpack in TCG, and fsck for ext4: in a
    folder it cannot be seen what the root will be."""
    for name, text in files.items():
        path = scratch / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (scratch / "files/finish").chmod(0o755)
    release, lines = sources()
    early = (f'mkdir -p "$1/etc/initramfs-tools/conf.d"; printf "%s\\n" MODULES=list FSTYPE=ext4 > '
             f'"$1/etc/initramfs-tools/conf.d/debian"; printf "%s\\n" {modules} > "$1/etc/initramfs-tools/modules"')
    last = (f'{late}; cp -r {scratch}/files/. "$1/"; '
            'sed -i "s/^LOGIN_TIMEOUT.*/LOGIN_TIMEOUT 600/" "$1/etc/login.defs"; '
            'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*')
    call("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}",
         '--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io", f"--essential-hook={early}",
         f"--customize-hook={last}", release, tree, *lines)


def make_root(tree, disk, start, size, uuid):
    call("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, "-U", uuid, "-E", f"offset={start}", disk, f"{size // 1024}k")


def finish(tree, disk, uuid, log):
    """Boots the kernel with /finish as init."""
    boot = {k: next((tree / "boot").glob(f"{k}-*")) for k in ("vmlinuz", "initrd.img")}
    with machine.Console(["-kernel", boot["vmlinuz"], "-initrd", boot["initrd.img"], "-no-reboot", "-append",
                          f"root=UUID={uuid} rw init=/finish console=ttyS0 panic=-1"], disk, log) as c:
        c.wait(r"FINISH-IS-DONE", 600)
        c.ended(60)


def key(packages, recipe, *more):
    """Names a disk by what goes into it; "" when apt knows nothing of its packages."""
    packages = [*packages, pkgcache.kernel_package()]
    pkgcache.ask(packages)
    known = {p: pkgcache.show(p).get("Version", "") for p in packages}
    whole = repr((recipe, sorted(known.items()), *more))
    return hashlib.sha256(whole.encode()).hexdigest()[:16] if all(known.values()) else ""


def cached(kind, name, build):
    """The path of the disk; BUILD makes it of a scratch folder, a path and a log. A disk that cannot be made anew, for
    want of a NAME, is still served from the cache."""
    pkgcache.CACHE.mkdir(parents=True, exist_ok=True)
    with open(pkgcache.CACHE / f".{kind}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = sorted(pkgcache.CACHE.glob(f"{kind}_*.img"), key=lambda p: p.stat().st_mtime)
        if not name and there:
            return there[-1]
        path = pkgcache.CACHE / f"{kind}_{name}.img"
        if not path.exists():
            print(f"{kind}: making {path.name}, some minutes", file=sys.stderr)
            build_disk(kind, path, build)
        for old in set(there) - {path}:
            old.unlink()
        return path


def build_disk(kind, path, build):
    with contextlib.ExitStack() as stack:
        roomy = [d for d in ("/dev/shm", pkgcache.CACHE) if shutil.disk_usage(d).free > 6 << 30] or [pkgcache.CACHE]
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{kind}-", dir=roomy[0])))
        scratch.chmod(0o755)
        disk = path.with_suffix(".tmp")
        build(scratch, disk, path.with_suffix(".log"))
        disk.rename(path)
