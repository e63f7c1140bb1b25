#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The hypervisor's command line: dom0_mem beyond the machine is clamped, one too small refused, unknown words are
warned about and ignored; what is too long of dom0's is cut with a warning."""
import re
from harness import Run, expect, passed, skip_on_xen

skip_on_xen()
BASE = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all"
run = Run("--mode", "bare", "--append", f"{BASE} dom0_mem=64G wibble=7 sched=credit2 cpufreq=xen dom0_max_vcpus=1")
expect(run.status == 0, f"status {run.status}", run)
expect(re.search(r"\(parapet\) warning: .*dom0_mem", run.log), "no warning about dom0_mem", run)
expect(re.search(r"\(parapet\) warning: .*wibble", run.log), "no warning about an unknown word", run)
expect(not re.search(r"warning: .*(sched|cpufreq|com1)", run.log), "warned about a known word", run)
run = Run(script="awk '/MemTotal/ { print $2 }' /proc/meminfo\n", timeout=100)
kib = int(run.out or 0)
expect(360000 < kib < 524288, f"dom0_mem=512M, but dom0 sees {kib} KiB", run)
run = Run("--mode", "bare", "--append", f"{BASE} dom0_mem=384M,max:700M")
expect(run.status == 0, f"dom0_mem with max: status {run.status}", run)
run = Run("--mode", "bare", "--append", f"{BASE} dom0_mem=max:400M")
expect(run.status == 0 and "dom0: 400 MiB" in run.log, f"dom0_mem=max: alone is no limit: status {run.status}", run)
run = Run("--append", f"{BASE} dom0_mem=1K", "--until", "cannot start dom0: .*do not fit.*raise dom0_mem=", timeout=60)
expect(run.status == 0, f"dom0_mem=1K: no refusal (status {run.status})", run)
run = Run("--dom0-args", "x" * 2000, "--until", "kernel module: its command line is cut to 1023 bytes", timeout=60)
expect(run.status == 0, f"a long command line: no warning (status {run.status})", run)
passed(f"clamped, warned; 512M is {kib} KiB of MemTotal")
