#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shipped domU.cfg: created in dom0, its console shows, both nonces come back from user space, then power-off."""
from harness import Run, expect, passed

run = Run("--mode", "first")
expect(run.status == 0, f"status {run.status}, stages {run.stages}", run)
expect(run.off, "the machine did not power off", run)
passed(f"dom0 {run.stages['dom0-user']:.1f} s, domU {run.stages['domu-user']:.1f} s")
