#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All tests, one kind after the other, counted; the last line is `N passed, N failed`. Status 0 when none failed.

  test.py [lint host fuzz guest system]      kinds to run (all by default)
"""
import concurrent.futures, os, pathlib, re, subprocess, sys, time

BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
JOBS = os.environ.get("JOBS", "2")
FUZZ_SECONDS = 10
SKIPPED = []  # lines of tests that could not be run
os.environ.setdefault("HAMMER_SECONDS", "60")


def stream(cmd, env=None):
    """Runs a command, copies its output, and returns (status, output)."""
    lines = []
    with subprocess.Popen([str(c) for c in cmd], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", env={**os.environ, **(env or {})}) as p:
        for line in p.stdout:
            lines.append(line)
            print(line, end="", flush=True)
    return p.returncode, "".join(lines)


def make(*targets):
    return stream(["make", "--no-print-directory", "-k", f"-j{JOBS}", f"BUILD={BUILD}", *targets])


def lint():
    """Style, and that the other compiler takes the hypervisor."""
    failed = sum(make(target)[0] != 0 for target in ("lint", "clang"))
    return 2 - failed, failed


def host():
    """Every GoogleTest counts; a folder that does not build or crashes counts as one failure."""
    for log in [*BUILD.glob("asan/bin/*.log"), *BUILD.glob("tsan/bin/*.log")]:
        log.unlink()
    for stamp in [*BUILD.glob("asan/bin/*.ok"), *BUILD.glob("tsan/bin/*.ok")]:
        stamp.unlink()
    status, _ = make("host-tests")
    good = bad = 0
    for log in [*BUILD.glob("asan/bin/*.log"), *BUILD.glob("tsan/bin/*.log")]:
        text = log.read_text(errors="replace")
        good += sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test", text, re.M))
        failed = sum(int(n) for n in re.findall(r"^\[  FAILED  \] (\d+) test", text, re.M))
        bad += failed or (0 if log.with_suffix(".ok").exists() else 1)
    return good, max(bad, 1 if status else 0)


def fuzz():
    """Builds and runs every fuzz target for a short while."""
    status, _ = make("fuzz-bins")

    def run(target):
        corpus = pathlib.Path("tests/fuzz/corpus") / target.name
        code, _ = stream(["timeout", FUZZ_SECONDS + 60, target, f"-max_total_time={FUZZ_SECONDS}", "-timeout=10",
                          "-rss_limit_mb=3000", "-verbosity=0", f"-artifact_prefix={BUILD}/",
                          *([corpus] if corpus.is_dir() else [])])
        print(f"{'FAIL' if code else 'PASS'} {target.name}: {FUZZ_SECONDS} s", flush=True)
        return code == 0

    with concurrent.futures.ThreadPoolExecutor(int(JOBS)) as pool:
        good = list(pool.map(run, sorted((BUILD / "fuzz/bin").glob("*_fuzz"))))
    return sum(good), good.count(False) + (1 if status else 0)


def counted(*targets):
    """A make target whose last `N passed, N failed` line tells the count."""
    status, out = make(*targets)
    found = re.findall(r"(\d+) passed, (\d+) failed", out)
    SKIPPED.extend(re.findall(r"^SKIP .*", out, re.M))
    good, bad = (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)
    return good, max(bad, 1 if status else 0)


KINDS = {"lint": lint, "host": host, "fuzz": fuzz, "guest": lambda: counted("test-guest"),
         "system": lambda: counted("test-system")}


def main():
    rows = []
    if unknown := [kind for kind in sys.argv[1:] if kind not in KINDS]:
        sys.exit(f"test.py: no kind of test is called {' or '.join(unknown)} (there are {', '.join(KINDS)})")
    for kind in sys.argv[1:] or KINDS:
        start = time.monotonic()
        rows.append((kind, *KINDS[kind](), time.monotonic() - start))
    for kind, good, bad, seconds in rows:
        print(f"{kind:8} {good:5} passed {bad:4} failed {seconds:6.0f} s")
    print(*SKIPPED, sep="\n", end="\n" if SKIPPED else "")
    good, bad = sum(r[1] for r in rows), sum(r[2] for r in rows)
    print(f"{good} passed, {bad} failed")
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.exit(main())
