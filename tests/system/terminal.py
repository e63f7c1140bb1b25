#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`make run` as a person sees it: ticks, READY, a shell that answers, CTRL-a three times to the hypervisor's keys."""
import os, pty, re, select, subprocess, sys, time
from harness import TOP, expect, passed, skip_on_xen

skip_on_xen()
master, slave = pty.openpty()
tool = subprocess.Popen([sys.executable, TOP / "tools/run"], stdin=slave, stdout=slave, stderr=slave, cwd=TOP)
os.close(slave)
seen = ""
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours, and the shell's question where the cursor is


def wait_for(pattern, why, seconds=180):
    """Reads until the pattern shows in what has not been looked at yet, escape sequences left out."""
    global seen
    end = time.monotonic() + seconds
    while not (m := re.search(pattern, seen)):
        ready, _, _ = select.select([master], [], [], max(0.0, end - time.monotonic()))
        try:
            data = os.read(master, 65536) if ready else b""
        except OSError:  # the other side is closed
            data = b""
        if not data:
            tool.terminate()
            print("\n".join(f"    | {line}" for line in seen.splitlines()[-15:]))
            expect(False, why)
        seen = ESCAPE.sub("", seen + data.decode(errors="replace").replace("\r", ""))
    seen = seen[m.end():]


def type_keys(text):
    os.write(master, text.encode())


wait_for(r"✔.*dom0 user space +\d+\.\d+ s", "no tick for dom0's user space", 300)
wait_for(r"✔.*domU user space +\d+\.\d+ s", "no tick for the domU's user space", 300)
wait_for(r"READY(.*\n)+?.*vmctl list", "no READY with things to try")
wait_for(r"# $", "no prompt")
type_keys("echo $((6 * 7))-$(vmctl list | wc -l)\n")
wait_for(r"\n42-3\n", "the shell does not answer")
type_keys("timeout 2 vmctl console first; echo $(stty -a | grep -c -- -icanon)-done\n")
wait_for(r"0-done\n", "a killed console leaves the terminal raw")
type_keys("vmctl create /guest/domU.cfg name=second memory=96 -c; echo $?-$(stty -a | grep -c -- -icanon)-left\n")
wait_for(r"'second' is domain \d+", "no second domain")
wait_for(r"PARAPET-DOMU-READY(.*\n)+?.*# $", "create -c does not attach to the console")
type_keys("echo $((6 * 9))-$(ls /guest 2>/dev/null | wc -l)\n")
wait_for(r"\n54-0\n", "the guest's shell does not answer")
type_keys("\x1d")
wait_for(r"\n?0-0-left\n", "CTRL-] does not leave with status 0 and a sane terminal")
type_keys("vmctl destroy second; vmctl list | grep -c second\n")
wait_for(r"\n0\n", "the second domain is still there")
type_keys("\1\1\1")
wait_for(r"console input goes to parapet", "three times CTRL-a do not switch")
type_keys("h")
wait_for(r"key 'q':", "no list of keys")
type_keys("q")
wait_for(r"domain 0: alive", "no dump of the domains")
type_keys("\1\1\1")
wait_for(r"console input goes to dom0", "three times CTRL-a do not switch back")
type_keys("\n")
wait_for(r"# $", "no prompt after the switch")
type_keys("poweroff -f\n")
wait_for(r"power off|Power down", "poweroff does nothing")
try:
    status = tool.wait(120)
except subprocess.TimeoutExpired:
    tool.kill()
    expect(False, "the machine does not end")
expect(status == 0, f"status {status}")
passed("stages, READY, a shell, the hypervisor's keys and back")
