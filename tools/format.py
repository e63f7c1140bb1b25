#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-format over our C++ (not pv-abi's tables nor assembly): --check lists what differs, --fix rewrites it."""
import shutil, subprocess, sys

DIRS = ["hypervisor", "dom0-tools", "frontends", "backends", "tests"]


def main():
    tool = shutil.which("clang-format-14") or "clang-format"
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *(f"{d}/*.{e}" for d in DIRS
                           for e in ("cpp", "hpp"))], capture_output=True, text=True).stdout.split()
    if not files:
        return 0
    if "--fix" in sys.argv:
        return subprocess.run([tool, "-i", *files]).returncode
    out = subprocess.run([tool, "--dry-run", *files], capture_output=True, text=True).stderr
    bad = sorted({line.split(":")[0] for line in out.splitlines() if "clang-format-violations" in line})
    print("\n".join(f"{f}: not formatted (make format)" for f in bad) if bad else "format: ok")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
