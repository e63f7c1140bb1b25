#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guest software as Debian packages, unpacked into a cache; nothing is installed on this machine.

  pkgcache.py [--backports] NAME...   make sure each package is in the cache and print its folder, one a line
  pkgcache.py --kernel [VERSION]      the real kernel package behind linux-image-amd64 (of backports: VERSION 6.12)

The cache is ${XDG_CACHE_HOME:-~/.cache}/parapet/<package>_<version>/. A package that apt can no longer
fetch is still served from the cache. PARAPET_PKG_OFFLINE=1 never asks apt. Backports come from the mirror that this
machine's apt takes the release from, by a configuration and package lists of our own, in the cache.
"""
import contextlib, fcntl, os, pathlib, re, shutil, subprocess, sys, tempfile

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "parapet"
OFFLINE = os.environ.get("PARAPET_PKG_OFFLINE") == "1"


def run(*cmd, cwd=None):
    return subprocess.run(cmd, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


_shown = {}
_options = []  # of apt, that make it look elsewhere than this machine's does


def ask(names):
    """Ask apt for the candidates of all these packages in one go."""
    out = "" if OFFLINE else run("apt-cache", *_options, "show", "--no-all-versions", *names).stdout
    for stanza in out.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.M))
        if fields:
            _shown[fields["Package"]] = fields


@contextlib.contextmanager
def backports():
    """Within it, packages are those of Debian's backports to this machine's release."""
    global _shown, _options, _updated
    base, kept = CACHE / "backports", (_shown, _options, _updated)
    release = re.search(r"^VERSION_CODENAME=(\w+)", pathlib.Path("/etc/os-release").read_text(), re.M)
    known = run("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
    mirrors = re.findall(rf"^{release and release[1]} main (\S+)$", known.stdout, re.M)
    for part in ("lists/partial", "archives/partial"):
        (base / part).mkdir(parents=True, exist_ok=True)
    signed = next(pathlib.Path("/usr/share/keyrings").glob("debian-archive-keyring.*"), None)
    (base / "sources.list").write_text("".join(
        f"deb {f'[signed-by={signed}] ' if signed else ''}{uri} {release[1]}-backports main\n" for uri in mirrors[:1]))
    places = {"Etc::SourceList": base / "sources.list", "Etc::SourceParts": "/dev/null", "State::Lists": base / "lists",
              "State::Status": "/dev/null", "Cache": base, "Etc::Preferences": "/dev/null",
              "Etc::PreferencesParts": "/dev/null"}
    _shown, _options, _updated = {}, [w for k, v in places.items() for w in ("-o", f"Dir::{k}={v}")], False
    try:
        yield
    finally:
        _shown, _options, _updated = kept


def show(name):
    """The candidate's fields as apt knows them, or {} when apt knows no such package."""
    if name not in _shown:
        ask([name])
    return _shown.get(name, {})


def cached(name):
    """The newest unpacked version of a package, or None."""
    found = [p for p in CACHE.glob(f"{name}_*") if (p / ".complete").exists()]
    return max(found, key=lambda p: p.stat().st_mtime, default=None)


class CannotDownload(Exception):
    pass


def unpack(name, version):
    dest = CACHE / f"{name}_{version.replace(':', '%3a')}"
    if (dest / ".complete").exists():
        return dest
    print(f"fetching {name} {version}", file=sys.stderr)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as tmp:
        got = subprocess.run(["apt-get", *_options, "download", "-q", "-o", "APT::Sandbox::User=root",
                              f"{name}={version}"],
                             cwd=tmp, capture_output=True, text=True)
        debs = list(pathlib.Path(tmp).glob("*.deb"))
        if got.returncode or not debs:
            raise CannotDownload(f"pkgcache: cannot download {name}={version}: {got.stderr.strip()}")
        root = pathlib.Path(tmp) / "root"
        subprocess.run(["dpkg", "-x", debs[0], root], check=True)
        (root / ".complete").touch()
        shutil.rmtree(dest, ignore_errors=True)
        root.rename(dest)
    return dest


_updated = False


def update(name):
    """Asks the mirror anew, once; what apt knows of a package after that, or {} when there is nothing new to know."""
    global _updated
    if OFFLINE or _updated:
        return {}
    _updated = True
    subprocess.run(["apt-get", *_options, "update", "-q", "-o", "APT::Sandbox::User=root"], stdout=subprocess.DEVNULL)
    _shown.clear()
    return show(name)


def fetch(name):
    """The folder of a package, downloading and unpacking it when needed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        info = show(name)
        if not info and not cached(name):
            info = update(name)
        if not info:
            if old := cached(name):
                return old
            raise SystemExit(f"pkgcache: no package {name}")
        try:
            return unpack(name, info["Version"])
        except CannotDownload as e:  # old lists name a version that the mirror no longer has, or there is no mirror
            if newer := update(name):
                try:
                    return unpack(name, newer["Version"])
                except CannotDownload as again:
                    e = again
            if old := cached(name):
                print(f"{e}; taking {old.name} from the cache", file=sys.stderr)
                return old
            raise SystemExit(str(e)) from None


def kernel_package(version=""):
    """linux-image-amd64 is a metapackage: the package it depends on holds the kernel."""
    meta = "linux-image-amd64"
    for known in (show, update):
        if m := re.search(rf"linux-image-{re.escape(version)}[0-9.][^ ,]*-amd64", known(meta).get("Depends", "")):
            return m[0]
    old = [p.name.split("_")[0] for p in CACHE.glob(f"linux-image-{version or '6.1'}.*-amd64_*")]
    if not old:
        raise SystemExit(f"pkgcache: no {meta} {version}")
    return sorted(old)[-1]


def fetch_kernel(version=""):
    """The folder of the release's kernel package, or of backports' when that is the VERSION asked for."""
    with backports() if version else contextlib.nullcontext():
        return fetch(kernel_package(version))


def main(args):
    if args[:1] == ["--kernel"]:
        return print(fetch_kernel(*args[1:]))
    with backports() if args[:1] == ["--backports"] else contextlib.nullcontext():
        args = args[args[:1] == ["--backports"]:]
        ask(args)
        for name in args:
            print(fetch(name))


if __name__ == "__main__":
    main(sys.argv[1:])
