#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dom0's power-off ends the machine (ACPI S5), its reboot resets it. Before it, a script's output comes out as it was,
also where it looks like lines of the hypervisor, a crash or our own marks."""
import re
from harness import HV, Run, expect, passed

SCRIPT = r"""
echo "(XEN) hello"; echo "a (parapet) b"; printf 'x (d1) y\nnext line\n'
echo 'Kernel panic: \o \\ PARAPET-SCRIPT-EXIT 7'
printf 'back\rforth \303\274\n'; echo end
[ -x /sbin/vmctl ] && vmctl audit && vmctl dmesg > /tmp/dmesg && wc -l < /tmp/dmesg && cat /tmp/dmesg
printf 'no (XEN) newline'; exit 3
"""
EXPECTED = ("(XEN) hello\na (parapet) b\nx (d1) y\nnext line\nKernel panic: \\o \\\\ PARAPET-SCRIPT-EXIT 7\n"
            "back\nforth ü\nend\n")  # read as text, a carriage return ends a line
run = Run(script=SCRIPT)
expect(run.status == 3 and run.out.startswith(EXPECTED), f"script: status {run.status}, output {run.out!r}", run)
expect(run.out.endswith("no (XEN) newline"), f"script: output {run.out!r}", run)
lines = run.out.splitlines()
if not HV:
    at = next((i for i, line in enumerate(lines) if re.fullmatch(r" *\d+", line)), 0)
    log = [line for line in lines[at + 1:-1] if line.startswith("(")]
    expect(at and len(lines) - at - 2 == int(lines[at]) and log, f"lines of dmesg are missing: {run.out!r}", run)
expect(run.off, "power-off did not end the machine", run)
run = Run(script="/bin/busybox reboot -f; sleep 60\n", timeout=90)
expect(run.off and "reboot: " in run.log, f"reboot did not reset the machine (status {run.status})", run)
passed("S5 and reset")
