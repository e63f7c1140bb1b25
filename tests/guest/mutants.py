#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Switches off one rule of the hypervisor at a time and demands that the named micro-kernel notices.

  mutants.py [--kernels DIR] [--work DIR] [--committed] [NAME...]

mutants.tsv has a line for each: name, micro-kernel, file, text, replacement, tab-separated. The text must occur exactly
once in the file, else the line is stale and the run fails. Works on a copy of the tree. A mutant that does not compile
proves nothing and fails too. Last line: "N caught, N missed".
"""
import argparse, os, pathlib, shutil, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def table():
    rows = [line.split("\t") for line in (HERE / "mutants.tsv").read_text().splitlines() if line and line[0] != "#"]
    for row in rows:
        if len(row) != 5:
            raise SystemExit(f"mutants.tsv: {row[0]}: {len(row)} columns, not 5")
    return rows


PARTS = ["Makefile", "hypervisor", "pv-abi", "tools", "tests/guest/build.mk"]


def committed(into):
    """The sources of the last commit, unpacked."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD", *PARTS], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", into], input=archive, check=True)
    return into


def copy_tree(root, tree):
    """The sources of root; unchanged files keep their time, so that make rebuilds only what changed."""
    if root == ROOT:
        names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *PARTS], cwd=ROOT,
                               capture_output=True, text=True, check=True).stdout.splitlines()
    else:
        names = [str(p.relative_to(root)) for p in root.rglob("*")]
    wanted = {n for n in names if (root / n).is_file()}
    for old in [p for p in tree.rglob("*") if p.is_file() and str(p.relative_to(tree)) not in wanted]:
        old.unlink()
    for name in wanted:
        source, target = root / name, tree / name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


# Without link-time optimisation: a mutant is then one file compiled and a link.
def build(tree, out):
    # with a base directory, ccache names an object otherwise in its .d file than make does
    env = {**{k: v for k, v in os.environ.items() if k != "CCACHE_BASEDIR"}, "MAKEFLAGS": ""}
    r = subprocess.run(["make", "-s", "-j2", "HV_LTO=", f"BUILD={out}", f"{out}/parapet"], cwd=tree, env=env, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return r.returncode == 0, r.stdout


def passes(hv, kernels, logs, names):
    r = subprocess.run([sys.executable, HERE / "run.py", "--hv", hv, "--kernels", kernels, "--log", logs, *names],
                       text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return r.returncode == 0, r.stdout


def reason(output):
    lines = [line.strip() for line in output.splitlines() if line.startswith("     ") and "log:" not in line]
    first = next((line for line in output.splitlines() if line.startswith("FAIL")), "")
    return lines[0] if lines else first


def try_mutant(row, tree, out, kernels, logs):
    name, kernel, file, old, new = row
    path = tree / file
    if not path.exists():
        return False, f"stale: no file {file}"
    text = path.read_text()
    if text.count(old) != 1:
        return False, f"stale: the text occurs {text.count(old)} times in {file}"
    path.write_text(text.replace(old, new))
    try:
        built, output = build(tree, out)
        if not built:
            return False, "does not compile: " + next((x for x in output.splitlines() if "error" in x), output[-200:])
        passed, output = passes(out / "parapet", kernels, logs, [kernel])
        return (False, f"{kernel} still passes") if passed else (True, f"{kernel}: {reason(output)}")
    finally:
        path.write_text(text)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--kernels", type=pathlib.Path, default=ROOT / os.environ.get("BUILD", "build") / "guest")
    ap.add_argument("--work", type=pathlib.Path)
    ap.add_argument("--committed", action="store_true", help="the last commit instead of the files as they are")
    ap.add_argument("names", nargs="*")
    a = ap.parse_args()
    kernels = a.kernels.resolve()
    work = (a.work or kernels.parent / "mutants").resolve()
    tree, out, logs = work / "tree", work / "build", work / "logs"
    tree.mkdir(parents=True, exist_ok=True)
    rows = [r for r in table() if not a.names or r[0] in a.names]
    copy_tree(committed(work / "head") if a.committed else ROOT, tree)
    built, output = build(tree, out)
    if not built:
        raise SystemExit(f"mutants: the unchanged tree does not build:\n{output[-2000:]}")
    _, output = passes(out / "parapet", kernels, logs, sorted({r[1] for r in rows}))
    failing = {line.split()[1] for line in output.splitlines() if line.startswith("FAIL")}
    caught = 0
    for row in rows:
        ok, remark = False, f"{row[1]} fails on the unchanged hypervisor already"
        if row[1] not in failing:
            ok, remark = try_mutant(row, tree, out, kernels, logs)
        caught += ok
        print(f"{'caught' if ok else 'MISSED'} {row[0]:28} {remark[:150]}", flush=True)
    print(f"{caught} caught, {len(rows) - caught} missed")
    return 0 if caught == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
