#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The stock kernel reaches its user space as dom0: on three CPU models, in 512 MB, 2 GB and 8 GB of machine memory, and
with the mitigations forced on and off."""
from harness import HV, Run, expect, passed

CASES = [("qemu64", 2048, "512M"), ("qemu64", 512, "256M"), ("qemu64", 8192, "512M"), ("Nehalem", 2048, "512M"),
         ("max,-smap", 2048, "512M")]
FORCED = [("spec-ctrl=on", "page-table isolation off, buffer clearing on"),
          ("spec-ctrl=off xpti=on", "page-table isolation on, buffer clearing off")]

times = []
for cpu, mem, dom0 in CASES:
    run = Run("--mode", "bare", "--cpu", cpu, "--mem", mem, "--append",
              f"console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_mem={dom0}")
    expect(run.status == 0, f"-cpu {cpu} -m {mem}: no nonce from dom0 (status {run.status})", run)
    times.append(f"{cpu}/{mem}M {run.stages['dom0-user']:.1f}s")
for words, chosen in [] if HV == "xen" else FORCED:
    run = Run("--mode", "bare", "--cpu", "max,-smap", "--hv-args", words)
    expect(f"mitigations: {chosen}" in run.log, f"{words}: not the mitigations {chosen}", run)
    expect(run.status == 0, f"{words}: no nonce from dom0 (status {run.status})", run)
    times.append(f"{words} {run.stages['dom0-user']:.1f}s")
passed(", ".join(times))
