#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PV-GRUB (Debian's grub-xen-host) boots the Debian domU from the domU's own disk, by the menu that Debian's scripts
wrote there, to a login; its kernel and command line are those of the menu, nothing comes from dom0."""
import re
from harness import HERE, Run, expect, passed, skip_on_xen
import guests

skip_on_xen()
SCRIPT = r"""
{ config; echo 'kernel = "/pvgrub"'; } > /tmp/debian.cfg
start=$(up)
vmctl create /tmp/debian.cfg || fail create
log=/var/log/parapet/first.log
within 60 "no menu" 'grep -q "GNU GRUB" $log && grep -q "Debian GNU/Linux" $log'
echo "TIME menu $(($(up) - start))"
login
echo "TIME login $(($(up) - start))"
guest 'cat /proc/cmdline; words=$(grep -o "root=UUID=.*console=hvc0" /proc/cmdline) &&
    grep "linux./boot/vmlinuz-$(uname -r) $words" /boot/grub/grub.cfg && [ "$(findmnt -no SOURCE /)" = /dev/xvda1 ]' ||
    fail "not booted by the menu: $(cat /tmp/said)"
guest "timeout 200 systemctl is-system-running --wait" || fail "the system is $(cat /tmp/said)"
vmctl shutdown --wait first || fail shutdown
check_disk
echo "TIME off $(($(up) - start))"
exit 0
"""

with guests.debian_disk() as (tmp, drive):
    binary = guests.pkgcache.fetch("grub-xen-host") / "usr/lib/grub-xen/grub-x86_64-xen.bin"
    files = guests.module_files(tmp, guests.DISK) + guests.fsck_files() + ["--file", f"pvgrub={binary}"]
    script = "".join((HERE / name).read_text() for name in ("devices.sh", "debian.sh")) + SCRIPT
    run = Run("--vmctl", "--qemu-args", drive, *files, script=script, timeout=300)
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-600:]}", run)
times = re.findall(r"^TIME (\w+) (\d+)", run.out, re.M)
expect(len(times) == 3, f"not all was done: {run.out[-300:]}", run)
passed(f"seconds: {', '.join(' '.join(t) for t in times)}")
