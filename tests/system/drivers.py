#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dom0 on real drivers: the Debian disk boots Parapet from virtio-blk, AHCI and NVMe, in a machine that has all three,
three kinds of NIC and USB. Everything moves data, interrupts are counted; reboot, poweroff and the power button end it.

The same disk with Debian's Xen in the same machine says what is right: complaints in dmesg, drivers in lspci -k and the
interrupts' names and kinds must be those of Xen, save what EXPECTED names.
"""
import concurrent.futures, os, pathlib, re, sys, tempfile
import driver_work as work
from debian_disk import machine, make, show_silent, told
from harness import BUILD, PATIENCE, expect, passed, skip_on_xen, skipped
from qmp import Monitor

DISKS = ("virtio", "ahci", "nvme")
ENDS = {"virtio": ("reboot", "guest-reset"), "ahci": ("the power button", "guest-shutdown"),
        "nvme": ("poweroff", "guest-shutdown")}
INTERRUPTS = {"virtio": r"-msi-x virtio\d+-req", "ahci": r"-msi ahci", "nvme": r"-msi-x nvme0q",
              "virtio-net": r"-msi-x virtio\d+-input", "e1000e": r"-msi-x \w+-rx-0", "e1000": r"-ioapic-level .*\ben",
              "USB": r"-msi-x xhci_hcd", "clock": r"-ioapic-edge rtc0"}

# Normalised complaints and interrupts that may differ, and why.
EXPECTED = [(re.compile(pattern), why) for pattern, why in [
    (r"Long readout interval|clocksource: .*skew|hrtimer: interrupt took|rcu.*stall", "the host was busy"),
    (r"xen-percpu -virq debug\d", "bound by kernels without FIFO event channels, which Xen has"),
]]


def devices(root, disk, folder):
    """QEMU's words for the one machine: ROOT is which of its three controllers has the system's disk."""
    words = ["-no-reboot", "-snapshot", "-qmp", f"unix:{folder}/qmp,server=on,wait=off"]
    for kind, device in zip(DISKS, ("virtio-blk-pci,addr=3", "ide-hd,bus=ide.0", "nvme,serial=nvme,addr=4")):
        if kind != root:
            scratch = folder / f"{kind}.img"
            with open(scratch, "wb") as f:
                f.truncate(64 << 20)
            words += ["-drive", f"file={scratch},if=none,id={kind},format=raw"]
        words += ["-device", f"{device},drive={kind},bootindex={0 if kind == root else 1 + DISKS.index(kind)}"]
    for n, nic in enumerate(("e1000,addr=5", "e1000e,addr=6", "virtio-net-pci,addr=7")):
        words += ["-netdev", f"user,id=net{n},net=10.0.{10 + n}.0/24", "-device", f"{nic},netdev=net{n},romfile="]
    return words + ["-device", "qemu-xhci,addr=8", "-device", "usb-kbd", "-device", "usb-tablet"]


def interrupts(c):
    """{name and kind: count} of /proc/interrupts, numbers in the names left out of account."""
    found = {}
    for line in told(c, "cat /proc/interrupts").splitlines()[1:]:
        if m := re.match(r"\s*(\w+):\s+(\d+)\s+(.*?)\s*$", line):
            name = re.sub(r" +", " ", m[3]) if m[1].isdigit() else m[1]
            found[name] = found.get(name, 0) + int(m[2])
    return found


def complaints(c):
    """The kernel's lines of level warn and worse, without times and numbers."""
    plain = (re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", "N", re.sub(r"^\[ *[\d.]+\] ", "", line))
             for line in told(c, "dmesg -l warn,err,crit,alert,emerg").splitlines())
    return [line for line in plain if line.strip()]


def observe(c):
    return {"dmesg": complaints(c), "lspci": told(c, "lspci -k").splitlines(), "interrupts": sorted(interrupts(c))}


def end(c, monitor, how):
    if how == "the power button":
        monitor.execute("system_powerdown")
    else:
        c.send(f"{how}\n")
    c.ended(120 * PATIENCE)
    return next((e["data"]["reason"] for e in monitor.rest() if e["event"] == "SHUTDOWN"), None)


def boot(hypervisor, root):
    """One machine from GRUB to its end; what it showed, and what it did in figures."""
    disk = BUILD / ("debian-dom0.qcow2" if hypervisor == "parapet" else "debian-xen.qcow2")
    log = BUILD / f"log/drivers-{hypervisor}-{root}.log"
    with tempfile.TemporaryDirectory(prefix="parapet-test-") as folder, work.Server() as server:
        folder = pathlib.Path(folder)
        with machine.Console(devices(root, disk, folder), disk, log, f"none,id={root}") as c:
            c.login(300 * PATIENCE)
            monitor = Monitor(folder / "qmp")
            state = c.run("timeout 300 systemctl is-system-running --wait", 400)[1].strip()
            failed = told(c, "systemctl --failed --no-legend --plain")
            if state != "running":
                raise machine.Silent(f"{hypervisor} on {root}: systemd is {state}: {failed}")
            up, before = c.age(), interrupts(c)
            work.disks(c, root)
            rate = work.networks(c, server)
            work.usb(c, monitor)
            work.clock(c)
            after = interrupts(c)
            seen = observe(c)
            seen["counts"] = {name: count - before.get(name, 0) for name, count in after.items()}
            if hypervisor == "parapet":
                how, want = ENDS[root]
                reason = end(c, monitor, how)
                if reason != want:
                    raise machine.Silent(f"on {root}, {how} ended the machine by {reason}, not {want}\n{c.text[-800:]}")
        return seen, up, rate, c.age()


def compare(root, ours, theirs):
    """What Parapet shows and Xen does not, or the other way round where that is a lack."""
    bad = []
    for what, both in (("dmesg", False), ("lspci", True), ("interrupts", True)):
        got, want = set(ours[what]), set(theirs[what])
        for line in sorted(got ^ want if both else got - want):
            if not any(pattern.search(line) for pattern, _ in EXPECTED):
                bad.append(f"{root}: {what}: {'only on Parapet' if line in got else 'only on Xen'}: {line}")
    return bad


def counted(root, counts):
    """MSI, MSI-X and line interrupts of every device went up."""
    rose = [name for name, n in counts.items() if n > 0]
    return [f"{root}: no interrupt of {device} ({pattern})" for device, pattern in INTERRUPTS.items()
            if not any(re.search(f"xen-pirq {pattern}", name) for name in rose)]


def main():
    skip_on_xen()
    if os.geteuid() != 0:
        skipped("a Debian disk is made by root only")
    make("debian-dom0")
    make("debian-xen")
    (BUILD / "log").mkdir(exist_ok=True)
    roots = sys.argv[1:] or DISKS
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        xen = pool.submit(boot, "xen", "virtio")
        ours = {root: pool.submit(boot, "parapet", root) for root in roots}
        try:
            golden = xen.result()
            results = {root: future.result() for root, future in ours.items()}
        except machine.Silent as e:
            show_silent(e)
    bad = [line for root, (seen, *_) in results.items()
           for line in [*compare(root, seen, golden[0]), *counted(root, seen["counts"])]]
    bad += [f"Xen: {line}" for line in counted("virtio", golden[0]["counts"])]
    print("\n".join(f"    | {line}" for line in bad), end="\n" if bad else "")
    expect(not bad, f"{len(bad)} differences: {bad[0] if bad else ''}")
    passed("; ".join(f"{root}: up after {up:.0f} s, {rate:.1f} MB/s by the slowest NIC, off after {whole:.0f} s"
                     for root, (_, up, rate, whole) in results.items()) + f" (Xen: up after {golden[1]:.0f} s)")


if __name__ == "__main__":
    main()
