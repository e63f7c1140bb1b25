# SPDX-License-Identifier: MIT
"""What the tests on whole Debian disks share: make, and commands on the console of one that booted."""
import fcntl, subprocess, sys
from harness import BUILD, PATIENCE, TOP, expect

sys.path[:0] = [str(TOP / "tools"), str(TOP / "tools/image")]
import machine, pkgcache  # noqa: E402, F401


def make(*words):
    """One at a time: two tests package the same tree."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / ".package.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "--no-print-directory", f"BUILD={BUILD}", *words], cwd=TOP, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    expect(done.returncode == 0, f"make {words[0]} failed: {done.stdout[-600:]}")


def told(c, command, seconds=120):
    """What a command says that must succeed."""
    status, text = c.run(command, seconds * PATIENCE)
    if status:
        raise machine.Silent(f"`{command}` exits with {status}: {text[-400:]}")
    return text


def show_silent(e):
    """Ends the test with what a machine did not say."""
    print("\n".join(f"    | {line}" for line in str(e).splitlines()[1:]))
    expect(False, str(e).splitlines()[0])
