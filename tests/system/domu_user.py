#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shipped domU.cfg: created in dom0, its console shows, both nonces come back from user space, then power-off.

Before its user space starts as shipped, it reads the clock without system calls: pvclock, by the vDSO.
"""
import pathlib, subprocess, sys, tempfile
from harness import BUILD, HV, TOP, Run, expect, passed

sys.path.insert(0, str(TOP / "tools/image"))
import build as image  # noqa: E402

INIT = r"""#!/bin/sh
export PATH=/sbin:/bin
mount -t sysfs sys /sys
echo "VDSO clocksource $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
/vdso || echo "VDSO status $?"
/vdso raw > /dev/null 2>&1 && echo "VDSO takes system calls"
umount /sys
exec /init.shipped
"""

with tempfile.TemporaryDirectory(prefix="parapet-vdso-") as tmp:
    tmp = pathlib.Path(tmp)
    subprocess.run(["gcc", "-O2", "-static", "-Wall", "-Werror", "-o", tmp / "vdso", TOP / "tests/system/vdso.c"],
                   check=True)
    (tmp / "init").write_text(INIT)
    more = image.Cpio()
    more.file("init", tmp / "init", 0o755)
    more.file("init.shipped", TOP / "tools/image/domu-init", 0o755)
    more.file("vdso", tmp / "vdso", 0o755)
    (tmp / "initrd").write_bytes((BUILD / "image/domu.cpio").read_bytes() + more.bytes())
    run = Run("--mode", "first", "--file", f"guest/initrd={tmp / 'initrd'}", shipped=True)
expect(run.status == 0, f"status {run.status}, stages {run.stages}", run)
expect(run.off, "the machine did not power off", run)
said = [line.partition("VDSO ")[2] for line in run.log.splitlines() if "domU| VDSO " in line]
expect(HV == "xen" or said == ["clocksource xen", "monotonic"], f"the vDSO does not serve the clock: {said}", run)
passed(f"dom0 {run.stages['dom0-user']:.1f} s, domU {run.stages['domu-user']:.1f} s; {', '.join(said)}")
