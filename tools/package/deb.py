#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds DIR/parapet_VERSION_amd64.deb from what `make install` has put into DIR/package and the files of this folder.

  deb.py --build DIR [--libs '-lNAME...']    prints the package's path; --version prints the version alone

The version is that of tools/package/VERSION, with the commit's date and name behind it and `+dirty` when tracked files
differ from it. Times in the package are the commit's (SOURCE_DATE_EPOCH, if set): one tree makes one package.
"""
import argparse, email.utils, gzip, hashlib, os, pathlib, re, shutil, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
STATIC = "libc6-dev libstdc++-12-dev libcli11-dev libfmt-dev nlohmann-json3-dev".split()  # and the -l libraries


def output(*cmd):
    return subprocess.run([str(c) for c in cmd], check=True, cwd=TOP, stdout=subprocess.PIPE, text=True).stdout.strip()


def git(*cmd):
    """What git says, or "" in a tree without its history."""
    done = subprocess.run(["git", *cmd], cwd=TOP, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def commit_time():
    newest = max(p.stat().st_mtime for p in (TOP / "Makefile", HERE / "VERSION"))
    return int(os.environ.get("SOURCE_DATE_EPOCH") or git("show", "-s", "--format=%ct", "HEAD") or newest)


def version():
    base, commit = (HERE / "VERSION").read_text().strip(), git("rev-parse", "--short=8", "HEAD")
    if not commit:
        return base
    dirty = "+dirty" if git("status", "--porcelain", "--untracked-files=no") else ""
    when = time.strftime("%Y%m%d.%H%M", time.gmtime(int(git("show", "-s", "--format=%ct", "HEAD"))))
    return f"{base}+git{when}.{commit}{dirty}"


def static_sources(libs):
    """The source packages whose code is in our static binaries, as `Built-Using` wants them."""
    where = [os.path.realpath(output("g++", f"-print-file-name=lib{lib[2:]}.a")) for lib in libs]
    owners = output("dpkg-query", "-S", *where) if where else ""
    packages = sorted({line.partition(":")[0] for line in owners.splitlines()} | set(STATIC))
    return ", ".join(sorted(set(output("dpkg-query", "-Wf", "${source:Package} (= ${source:Version})\n", *packages)
                               .splitlines())))


def changelog(ver, when):
    subject = git("show", "-s", "--format=%s", "HEAD")
    return (f"parapet ({ver}) bookworm; urgency=medium\n\n  * Built from {git('rev-parse', 'HEAD') or 'a plain tree'}"
            f"{f':{chr(10)}    {subject}' if subject else ''}\n\n"
            f" -- Parapet developers <parapet@localhost.localdomain>  {email.utils.formatdate(when)}\n")


def zipped(path, text):
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    path.chmod(0o644)


def complete(root, ver, when):
    """Adds what a package has beside the installed files."""
    doc = root / "usr/share/doc/parapet"
    shutil.copyfile(HERE / "debian/copyright", doc / "copyright")
    zipped(doc / "changelog.gz", changelog(ver, when))
    overrides = root / "usr/share/lintian/overrides"
    overrides.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "debian/lintian-overrides", overrides / "parapet")


def control(root, ver, libs):
    files = sorted(p for p in root.rglob("*") if p.is_file())
    size = sum(-(-p.stat().st_size // 1024) for p in files) + sum(p.is_dir() for p in root.rglob("*"))
    fields = {"VERSION": ver, "SIZE": str(size), "STATIC": static_sources(libs)}
    text = re.sub(r"@(\w+)@", lambda m: fields[m[1]], (HERE / "debian/control").read_text())
    debian = root / "DEBIAN"
    debian.mkdir()
    (debian / "control").write_text(text)
    (debian / "md5sums").write_text("".join(
        f"{hashlib.md5(p.read_bytes()).hexdigest()}  {p.relative_to(root)}\n" for p in files))
    for name in ("postinst", "prerm", "postrm"):
        shutil.copyfile(HERE / "debian" / name, debian / name)
        (debian / name).chmod(0o755)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    ap.add_argument("--libs", default="")
    ap.add_argument("--version", action="store_true")
    a = ap.parse_args()
    ver = version()
    if a.version:
        return print(ver)
    os.umask(0o022)
    os.environ["SOURCE_DATE_EPOCH"] = str(commit_time())
    build = TOP / a.build
    root, deb = build / "package", build / f"parapet_{ver}_amd64.deb"
    complete(root, ver, commit_time())
    control(root, ver, a.libs.split())
    for old in build.glob("parapet_*_amd64.deb"):
        old.unlink()
    output("dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, deb)
    print(os.path.relpath(deb, os.getcwd()))


if __name__ == "__main__":
    sys.exit(main())
