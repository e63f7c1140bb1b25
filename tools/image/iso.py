#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A GRUB image that boots the hypervisor with dom0 by multiboot2.

  iso.py --out FILE --hv IMAGE --kernel VMLINUZ --initrd CPIO [--append ARGS] [--dom0-args ARGS]
"""
import argparse, pathlib, shutil, subprocess, tempfile

GRUB = """set timeout=0
serial --unit=0 --speed=115200
terminal_output console serial
menuentry "Parapet" {{
    multiboot2 /boot/hypervisor {append}
    module2 /boot/vmlinuz {dom0}
    module2 /boot/initrd
    boot
}}
"""


def build(out, hv, kernel, initrd, append, dom0, grub="/usr/lib/grub/i386-pc"):
    """GRUB's modules, and with them the firmware, are those of the folder GRUB."""
    with tempfile.TemporaryDirectory(prefix="parapet-iso-") as tmp:
        boot = pathlib.Path(tmp) / "boot"
        (boot / "grub").mkdir(parents=True)
        (boot / "grub/grub.cfg").write_text(GRUB.format(append=append, dom0=dom0))
        for source, name in ((hv, "hypervisor"), (kernel, "vmlinuz"), (initrd, "initrd")):
            shutil.copyfile(source, boot / name)
        made = subprocess.run(["grub-mkrescue", "-d", str(grub), "-o", str(out), tmp],
                              capture_output=True, text=True)
        if made.returncode:
            raise SystemExit(f"iso: grub-mkrescue failed:\n{made.stderr}")


def main():
    ap = argparse.ArgumentParser()
    for name in ("--out", "--hv", "--kernel", "--initrd"):
        ap.add_argument(name, required=True, type=pathlib.Path)
    ap.add_argument("--append", default="console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_mem=512M")
    ap.add_argument("--dom0-args", default="console=hvc0 earlyprintk=xen")
    a = ap.parse_args()
    build(a.out, a.hv, a.kernel, a.initrd, a.append, a.dom0_args)


if __name__ == "__main__":
    main()
