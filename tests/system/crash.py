#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dom0's crash prints a report; with `noreboot` the machine then stays, without it the machine resets."""
import re
from harness import HV, Run, expect, passed

SCRIPT = "echo c > /proc/sysrq-trigger; sleep 60\n"
stays = Run("--hv-args", "noreboot", "--linger", 12, script=SCRIPT, timeout=100)
expect(stays.status == 125 and "sysrq: Trigger a crash" in stays.log, f"no crash (status {stays.status})", stays)
expect(stays.off is False, "noreboot, and the machine went away", stays)
resets = Run("--linger", 30, script=SCRIPT, timeout=120)
expect(resets.off, "without noreboot the machine did not reset", resets)
if HV != "xen":
    report = stays.log[stays.log.index("sysrq: Trigger a crash"):]
    for what in (r"rip 0x[0-9a-f]+", r"stack", r"hypercall"):
        expect(re.search(r"\(parapet\) error:.*" + what, report), f"the report has no line like {what}", stays)
passed("report, then noreboot stays and the default resets")
