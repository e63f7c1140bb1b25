#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PV-GRUB, which vmctl names in the place of `bootloader=`, starts as a domU's kernel and prompts on its console.

Its image lies at the very start of the guest's memory, with the entry point in the first frame.
"""
import pathlib, subprocess, sys
from harness import TOP, Run, expect, passed

SCRIPT = r"""
sed '/ramdisk/d; s/first/grub/; s,/guest/vmlinuz,/pvgrub,' /guest/domU.cfg > /tmp/grub.cfg
vmctl create /tmp/grub.cfg || exit 1
tries=0
until grep -q 'grub>' /var/log/parapet/grub.log; do
    tries=$((tries + 1)); [ $tries -gt 60 ] && { tail -c 400 /var/log/parapet/grub.log; vmctl list; exit 1; }
    sleep 1
done
vmctl destroy grub
"""

fetched = subprocess.run([sys.executable, TOP / "tools/pkgcache.py", "grub-xen-host"], capture_output=True, text=True)
expect(fetched.returncode == 0, f"no grub-xen-host: {fetched.stderr.strip()[-200:]}")
binary = pathlib.Path(fetched.stdout.strip()) / "usr/lib/grub-xen/grub-x86_64-xen.bin"
run = Run("--vmctl", "--file", f"pvgrub={binary}", script=SCRIPT, timeout=200)
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-400:]}", run)
passed("it prompts")
