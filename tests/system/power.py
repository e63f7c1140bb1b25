#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dom0's power-off ends the machine (ACPI S5), its reboot resets it."""
from harness import Run, expect, passed

run = Run(script="echo up; exit 3\n")
expect(run.status == 3 and run.out == "up\n", f"script: status {run.status}, output {run.out!r}", run)
expect(run.off, "power-off did not end the machine", run)
run = Run(script="/bin/busybox reboot -f; sleep 60\n", timeout=90)
expect(run.off and "reboot: " in run.log, f"reboot did not reset the machine (status {run.status})", run)
passed("S5 and reset")
