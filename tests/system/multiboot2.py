#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The GRUB image: the same hypervisor and dom0, loaded by multiboot2, reach dom0's user space."""
from harness import Run, expect, passed

run = Run("--mode", "bare", "--iso", timeout=240)
expect(run.status == 0, f"status {run.status}", run)
passed(f"dom0 user space after {run.stages['dom0-user']:.1f} s, GRUB included")
