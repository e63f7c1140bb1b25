#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Debian package on a whole Debian disk: what it holds, and that the disk boots Parapet by BIOS and by UEFI.

The disk (make debian-dom0) has GRUB's menu as Debian's own scripts write it. By BIOS its default entry is Parapet;
dom0 there reboots, and from the same menu plain Debian is chosen, where the package is removed and purged. By UEFI
the disk as it was boots Parapet again.
"""
import os, pathlib, re, subprocess, tempfile, time
from harness import BUILD, PATIENCE, expect, passed, skip_on_xen, skipped
from debian_disk import machine, make, pkgcache, show_silent, told

UNITS = "parapet-consoled parapet-lifed parapet-autostart"
TOOLS = ("vmctl", "parapet-consoled", "parapet-lifed")
FILES = {"./boot/xen-4.17-parapet.gz": "-rw-r--r--", "./etc/parapet/auto/": "drwxr-xr-x",
         **{f"./usr/sbin/{tool}": "-rwxr-xr-x" for tool in TOOLS},
         **{f"./usr/share/man/man8/{tool}.8.gz": "-rw-r--r--" for tool in TOOLS},
         **{f"./lib/systemd/system/{unit}.service": "-rw-r--r--" for unit in UNITS.split()},
         "./usr/share/bash-completion/completions/vmctl": "-rw-r--r--",
         "./usr/share/doc/parapet/README.md": "-rw-r--r--",
         "./usr/share/doc/parapet/copyright": "-rw-r--r--", "./usr/share/doc/parapet/changelog.gz": "-rw-r--r--"}
ENTRY = [r"multiboot2\s+/boot/xen-4\.17-parapet\.gz placeholder .*\$\{xen_rm_opts\}",
         r"module2\s+/boot/vmlinuz-\S+ placeholder root=UUID=\S+ ro .*console=hvc0",
         r"module2\s+--nounzip\s+/boot/initrd\.img-\S+"]
UP = "\x10"  # ^P, which GRUB takes for the key


def check_package(deb):
    """Names, modes, owners, dependencies; the same bytes when packed again."""
    listed = {}
    for line in subprocess.run(["dpkg-deb", "-c", deb], capture_output=True, text=True).stdout.splitlines():
        mode, owner, _, _, _, name = line.split(None, 5)
        listed[name] = mode
        expect(owner == "root/root", f"{name} belongs to {owner}")
    for name, mode in FILES.items():
        expect(listed.get(name) == mode, f"the package has {name} with mode {listed.get(name)}, not {mode}")
    known = subprocess.run(["dpkg-deb", "-f", deb, "Depends", "Version"], capture_output=True, text=True).stdout
    expect("xen-utils-4.17" in known and "xenstore-utils" in known, f"dependencies: {known}")
    before = deb.read_bytes()
    os.environ["TZ"] = "Asia/Tokyo"
    make("deb")
    expect(deb.exists() and deb.read_bytes() == before, "packed again, the package differs")
    return re.search(r"Version: (\S+)", known)[1]


def check_dom0(c, firmware, version):
    """Logged in on dom0's console: the target is reached, the tools answer, nothing failed."""
    c.wait(r"\(parapet\) Parapet, a paravirtualizing hypervisor; loaded by GRUB", 150 * PATIENCE)
    line = c.wait(r"\(parapet\) command line: (.*)", 10 * PATIENCE)[1]
    want = "placeholder console=com1" if firmware == "BIOS" else "no-real-mode edd=off"
    expect(want in line, f"by {firmware} the command line is {line}")
    c.login(200 * PATIENCE)
    told(c, "timeout 300 systemctl is-system-running --wait; systemctl is-active multi-user.target", 100)
    failed = told(c, "systemctl --failed --no-legend --plain")
    expect(not failed.strip(), f"failed units: {failed}")
    told(c, f"systemctl is-active {UNITS} && ! pidof xenconsoled && pidof parapet-lifed && "
            "pidof xenstored oxenstored")
    info = told(c, "vmctl info")
    expect(re.search(r"version +4\.17\.0-parapet", info) and re.search(r"domains +1\b", info), f"vmctl info: {info}")
    expect("Domain-0" in told(c, "vmctl list"), "vmctl list has no Domain-0")
    expect(version in told(c, "dpkg-query -W parapet"), "another version is installed")
    has_efi = c.run("test -d /sys/firmware/efi")[0] == 0
    expect(has_efi == (firmware == "UEFI"), f"/sys/firmware/efi is there: {has_efi}, by {firmware}")
    told(c, "dmesg | grep -q 'ACPI: Interpreter enabled' && grep -q 'xen-pirq.*virtio' /proc/interrupts")


def take_it_off(c):
    """Removed, the menu has it no more; purged, nothing is left of it."""
    told(c, "dpkg -r parapet && ! grep -q parapet /boot/grub/grub.cfg && grep -q vmlinuz /boot/grub/grub.cfg && "
            "! ls -d /usr/sbin/vmctl /boot/xen-4.17-parapet.gz && ls -d /var/log/parapet", 150)
    told(c, "dpkg -P parapet && ! dpkg -s parapet && ! find / -xdev -path /var/lib/dpkg -prune -o -path /var/cache "
            "-prune -o -iname '*parapet*' -print | grep .", 100)


def by_bios(disk, log, version):
    with machine.Console(["-snapshot"], disk, log) as c:
        check_dom0(c, "BIOS", version)
        first = c.age()
        menu = told(c, "cat /boot/grub/grub.cfg")
        for line in ENTRY:
            expect(re.search(line, menu), f"grub.cfg has no line {line}")
        told(c, "dpkg -V grub-common parapet")  # GRUB's script is Debian's own, and the package is whole
        c.send("reboot\n")
        c.wait(r"GNU GRUB", 150 * PATIENCE)
        c.wait(r"Xen hypervisor", 20 * PATIENCE)
        for key in UP * 3 + "\r":
            c.send(key)
            time.sleep(0.3)
        c.login(200 * PATIENCE)
        expect("BOOT_IMAGE=/boot/vmlinuz" in told(c, "cat /proc/cmdline"), "not booted by GRUB's linux command")
        told(c, f"! test -e /sys/hypervisor/type && ! systemctl is-active {UNITS}")
        failed = told(c, "systemctl --failed --no-legend --plain")
        expect(not failed.strip(), f"failed units on plain Debian: {failed}")
        take_it_off(c)
        c.send("poweroff\n")
        c.ended(120 * PATIENCE)
        return first, c.age()


def by_uefi(disk, log, version, tmp):
    ovmf = machine.firmware(pkgcache.fetch("ovmf"), tmp / "vars")
    with machine.Console(["-snapshot", *ovmf], disk, log) as c:
        check_dom0(c, "UEFI", version)
        first = c.age()
        c.send("poweroff\n")
        c.ended(120 * PATIENCE)
        return first, c.age()


def main():
    skip_on_xen()
    if os.geteuid() != 0:
        skipped("a Debian disk is made by root only")
    make("deb")
    deb = next(BUILD.glob("parapet_*_amd64.deb"))
    version = check_package(deb)
    make("debian-dom0")
    disk = BUILD / "debian-dom0.qcow2"
    (BUILD / "log").mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="parapet-test-") as tmp:
            bios = by_bios(disk, BUILD / "log/installed-bios.log", version)
            uefi = by_uefi(disk, BUILD / "log/installed-uefi.log", version, pathlib.Path(tmp))
    except machine.Silent as e:
        show_silent(e)
    passed(f"parapet {version}; dom0 checked after {bios[0]:.0f} s by BIOS, {uefi[0]:.0f} s by UEFI; plain Debian from "
           f"the same menu, all off after {bios[1]:.0f} and {uefi[1]:.0f} s")


if __name__ == "__main__":
    main()
