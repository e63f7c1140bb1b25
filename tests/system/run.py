#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the system tests (all, or those named), JOBS at a time; each ends in a PASS, SKIP or FAIL line. Last: a summary.

What measures time runs alone, after the others. A test that fails is run once more, alone: under TCG a guest's clock
goes on while the host runs something else. Both runs are printed, and the summary counts those that needed two.
"""
import concurrent.futures, os, pathlib, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
OTHER = {"debian_disk.py", "driver_work.py", "guests.py", "harness.py", "ledger.py", "programs.py", "qmp.py", "run.py",
         "xen_tools.py"}
TARGETS = {"domu_torment.py", "drivers.py"}  # too long for the suite: make targets of their own
ALONE = {"create_time", "fairness"}
FIRST = {"debian_domu", "installed", "lifecycle", "soak", "xl"}  # the longest, or the others wait for them at the end
SKIPPED = []  # for want of something that is not the tree's


def run(path):
    start = time.monotonic()
    try:
        done = subprocess.run([sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=1800)
        text, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as e:
        text, code = (e.stdout or b"").decode(errors="replace") + f"\nFAIL {path.stem}: over 1800 s", 1
    verdict = text.rstrip().rpartition("\n")[2]
    if not verdict.startswith("FAIL" if code else ("PASS", "SKIP")):
        text, code = f"{text.rstrip()}\nFAIL {path.stem}: ended with status {code} and no verdict", 1
    print(f"{text.rstrip()} ({time.monotonic() - start:.0f} s)", flush=True)
    if verdict.startswith("SKIP"):
        SKIPPED.append(path.stem)
    return code == 0


def main():
    names = sys.argv[1:]
    found = sorted(HERE.glob("*.py"), key=lambda p: (p.stem not in FIRST, p.stem))
    tests = [p for p in found if p.name not in OTHER | TARGETS and (not names or p.stem in names)]
    if unknown := set(names) - {p.stem for p in tests}:
        sys.exit(f"run.py: no system test is called {' or '.join(sorted(unknown))} (see the files of {HERE})")
    together = [p for p in tests if p.stem not in ALONE]
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        results = dict(zip(together, pool.map(run, together)))
    results |= {p: run(p) for p in tests if p.stem in ALONE}
    failed = [p for p, good in results.items() if not good]
    again = {p: run(p) for p in failed} if len(failed) <= 2 else {}
    results |= again
    good = [p for p, passed in results.items() if passed and p.stem not in SKIPPED]
    if again:
        print(f"system: run twice: {', '.join(p.stem for p in again)}")
    bad = [p for p, passed in results.items() if not passed]
    skipped = f", {len(SKIPPED)} skipped ({', '.join(SKIPPED)})" if SKIPPED else ""
    print(f"system: {len(good)} passed, {len(bad)} failed{skipped}")
    return 0 if results and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
