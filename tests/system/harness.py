# SPDX-License-Identifier: MIT
"""What the system tests share: tools/run as a function, and the line a test ends in (PASS, SKIP or FAIL, name, why)."""
import json, os, pathlib, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get("BUILD", TOP / "build"))
HV = os.environ.get("HV", "")
NAME = pathlib.Path(sys.argv[0]).stem
PATIENCE = 3  # a test's limits are several times what it takes on an idle machine; a busy one gets this much more


class Run:
    """One boot: exit status of tools/run, what it printed, the serial log, stage times, whether power went off.

    It is a quick one (see tools/run), which halves its time, unless all shall be as it is shipped."""

    def __init__(self, *args, script=None, timeout=150, shipped=False):
        timeout *= PATIENCE
        with tempfile.TemporaryDirectory(prefix="parapet-test-") as tmp:
            tmp = pathlib.Path(tmp)
            cmd = [sys.executable, TOP / "tools/run", "--json", tmp / "json", "--log", tmp / "log",
                   "--timeout", timeout]
            if not shipped:
                cmd.append("--quick")
            if HV:
                cmd += ["--hv", HV]
            if script is not None:
                (tmp / "script").write_text(script)
                cmd += ["--script", tmp / "script"]
            done = subprocess.run([str(c) for c in [*cmd, *args]], capture_output=True, text=True, cwd=TOP,
                                  stdin=subprocess.DEVNULL, timeout=timeout + 60)
            self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
            self.log = self.read(tmp / "log")
            report = json.loads((tmp / "json").read_text()) if (tmp / "json").exists() else {}
            self.off, self.stages = report.get("off"), report.get("stages", {})

    @staticmethod
    def read(path):
        return path.read_bytes().decode(errors="replace").replace("\r", "") if path.exists() else ""

    def tail(self, lines=15):
        return "\n".join(self.log.splitlines()[-lines:])


def skip_on_xen():
    if HV == "xen":
        print(f"PASS {NAME}: not for Xen")
        sys.exit(0)


def skipped(reason):
    """Ends the test with a verdict of its own: what it needs is not to be had."""
    print(f"SKIP {NAME}: {reason}".replace("\n", " "))
    sys.exit(0)


def expect(condition, why, run=None):
    """Ends the test with a FAIL line unless the condition holds."""
    if condition:
        return
    if run is not None:
        print("\n".join(f"    | {line}" for line in (run.err.splitlines()[-5:] + run.tail().splitlines())))
    print(f"FAIL {NAME}: {why}")
    sys.exit(1)


def verdicts(run, count):
    """The OK lines of a script on devices.sh: so many, and none that says BAD or FAILED."""
    lines = run.out.splitlines()
    bad = [line for line in lines if line.startswith(("BAD", "FAILED"))]
    expect(run.status == 0 and not bad, f"status {run.status}: {'; '.join(bad)}", run)
    good = [line for line in lines if line.startswith("OK")]
    expect(len(good) == count, f"{len(good)} verdicts, not {count}:\n{run.out}")
    return good


def passed(detail):
    print(f"PASS {NAME}: {detail}")
