#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A machine check while the hypervisor runs: a report of every CPU, then a halt (`noreboot`) or a reset."""
import pathlib, re, socket, tempfile, threading, time
from harness import PATIENCE, Run, expect, passed, skip_on_xen

skip_on_xen()
MCE = b"mce 0 0 0xb200000000000000 0x5 0x1000 0x8c\n"  # CPU 0, uncorrected, context lost


def inject(log, monitor, stop):
    """Waits for dom0's user space, whose CPUs idle in the hypervisor then."""
    end = time.monotonic() + 100 * PATIENCE
    while not re.search(rb"PARAPET-DOM0-READY", log.read_bytes() if log.exists() else b""):
        if stop.wait(0.5) or time.monotonic() > end:
            return
    time.sleep(2)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(monitor))
        s.sendall(MCE)
        stop.wait(60)


def crash(*args):
    with tempfile.TemporaryDirectory() as tmp:
        log, monitor, stop = pathlib.Path(tmp) / "log", pathlib.Path(tmp) / "monitor", threading.Event()
        thread = threading.Thread(target=inject, args=(log, monitor, stop))
        thread.start()
        run = Run("--mode", "shell", "--smp", "2", "--log", log, "--until", r"\(parapet\) error: halted", *args,
                  "--qemu-args", f"-monitor unix:{monitor},server,nowait")
        stop.set()
        thread.join()
        run.log = Run.read(log)
    expect("PANIC on CPU 0: " in run.log, "no panic after a machine check", run)
    expect("PANIC" not in run.log.partition("PANIC")[2], "the report failed", run)
    for wanted in (r"vector 18 ", r"rip 0xe008:0x", r"CPU 1 is at 0x"):
        expect(re.search(wanted, run.log), f"no /{wanted}/ in the report", run)
    return run


halted = crash("--hv-args", "noreboot")
expect(halted.status == 0, f"noreboot: not halted (status {halted.status})", halted)
reset = crash()
expect("error: halted" not in reset.log and reset.status != 0, "the machine halted instead of a reset", reset)
passed("both CPUs reported; halted with noreboot, reset without")
