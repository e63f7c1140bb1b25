#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The GRUB image: the same hypervisor and dom0, loaded by multiboot2, reach dom0's user space by BIOS and by UEFI.

Under UEFI the ACPI tables and SMBIOS are found through EFI's configuration tables alone.
"""
from harness import HV, Run, expect, passed

SCRIPT = """
test -d /sys/firmware/efi || echo NO-EFI
dmesg | grep -c 'ACPI: Interpreter enabled'
dmesg | grep 'DMI: '
echo irq-$(grep -c xen-pirq /proc/interrupts)
"""

run = Run("--mode", "bare", "--iso", timeout=240, shipped=True)
expect(run.status == 0, f"status {run.status}", run)
detail = f"dom0 user space after {run.stages['dom0-user']:.1f} s, GRUB included"
if HV != "xen":  # whose own EFI image is another file
    run2 = Run("--uefi", "--hv-args", "placeholder no-real-mode edd=off", script=SCRIPT, timeout=300,
               shipped=True)
    expect(run2.status == 0, f"by UEFI: status {run2.status}", run2)
    lines = run2.out.split("\n")
    expect("NO-EFI" not in lines and lines[0] == "1" and "DMI: QEMU" in run2.out and "irq-0" not in lines,
           f"by UEFI dom0 does not see the firmware's tables: {run2.out!r}", run2)
    expect("unknown" not in run2.log.split("Linux version")[0], "a word of Debian's is unknown", run2)
    detail += f"; by UEFI after {run2.stages['dom0-user']:.1f} s, with ACPI and SMBIOS"
passed(detail)
