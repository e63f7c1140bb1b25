#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the QEMU of Debian 12 cannot show: x2APIC and SMAP. They need a QEMU of 9.1 or later: this machine's, or the one
of Debian's backports, unpacked into the package cache. dom0 on two CPUs serves a domU, and the auditor stops them all;
a CPU whose id needs more than eight bits starts; x2apic=off keeps the older mode; micro-kernels run with SMAP on.
"""
import contextlib, io, pathlib, re, subprocess, sys, tempfile
from harness import BUILD, TOP, Run, expect, passed, skip_on_xen, skipped

sys.path.insert(0, str(TOP / "tools"))
import pkgcache  # noqa: E402

PACKAGES = "qemu-system-x86 qemu-system-common qemu-system-data seabios".split()
KERNELS = "syscall-user traps-user user-edges iret-edges pte-emulation event-delivery grant-copy fuzz-pointers".split()
SCRIPT = r"""
fail() { echo "FAILED $*"; exit 1; }
[ "$(nproc)" = 2 ] || fail "dom0 has $(nproc) processors"
vmctl create /guest/domU.cfg vcpus=2 > /tmp/create 2>&1 || { cat /tmp/create; fail "create"; }
tries=0
until grep -q 'PARAPET-DOMU-READY' /var/log/parapet/first.log; do
    tries=$((tries + 1)); [ $tries -gt 180 ] && fail "domU is not up"; sleep 1
done
vmctl audit 2>&1 | grep -q 'audit: clean' || fail "audit"
vmctl destroy first || fail "destroy"
awk '/timer[01]/ { print "TIMER", $2 + $3 }' /proc/interrupts
"""


def version(command):
    try:
        said = subprocess.run([command, "--version"], capture_output=True, text=True)
    except OSError:
        return (0, 0), "it does not start"
    found = re.search(r"version (\d+)\.(\d+)\S*", said.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0), found[0] if found else said.stderr.strip()


def find_qemu(tmp):
    """A command that is a QEMU new enough."""
    if version("qemu-system-x86_64")[0] >= (9, 1):
        return "qemu-system-x86_64"
    why = io.StringIO()
    try:
        with contextlib.redirect_stderr(why), pkgcache.backports():
            x86, common, data, bios = [pkgcache.fetch(name) for name in PACKAGES]
    except SystemExit as e:
        skipped(f"no QEMU of 9.1 or later, neither here nor in backports: {e}")
    command = tmp / "qemu"
    command.write_text(f"""#!/bin/sh
export QEMU_MODULE_DIR={common}/usr/lib/x86_64-linux-gnu/qemu
exec {x86}/usr/bin/qemu-system-x86_64 -L {bios}/usr/share/seabios -L {data}/usr/share/qemu "$@"
""")
    command.chmod(0o755)
    got, what = version(command)
    if got < (9, 1):
        skipped(f"backports' {x86.name} is of no use here: {what}")
    return command


skip_on_xen()
with tempfile.TemporaryDirectory(prefix="parapet-qemu-") as tmp:
    qemu = find_qemu(pathlib.Path(tmp))
    main = run = Run("--qemu", qemu, "--cpu", "max", "--smp", 2, "--hv-args", "smap=on", script=SCRIPT, timeout=120)
    expect("interrupts: local x2APIC 0" in run.log, "x2APIC is not in use", run)
    expect(re.search(r"^\(parapet\) CPU: .*, SMEP, SMAP", run.log, re.M), "SMAP is not in use", run)
    expect(run.status == 0, f"status {run.status}: {run.out.strip()[-300:]}", run)
    timers = [int(n) for n in re.findall(r"^TIMER (\d+)", run.out, re.M)]
    expect(len(timers) == 2 and min(timers) > 20, f"timer interrupts of dom0's vCPUs: {timers}", run)

    for cpu, words, more, mode in [
            ("max", "x2apic=off", "-smp 2", "APIC"), ("qemu64,+x2apic", "", "-smp 4", "x2APIC"),
            ("qemu64,+x2apic", "x2apic=off", "-smp 1,sockets=2,cores=256,maxcpus=512 "
             "-device qemu64-x86_64-cpu,x2apic=on,socket-id=1,core-id=3,thread-id=0", "x2APIC")]:
        run = Run("--qemu", qemu, "--cpu", cpu, "--hv-args", f"watchdog_timeout=60 {words}", "--mode", "bare",
                  "--qemu-args", more, "--until", r"^\(parapet\) \d+ CPUs run; TSCs|^\(parapet\) dom0: ", timeout=60)
        cpus = 4 if "-smp 4" in more else 2
        expect(f"interrupts: local {mode} 0" in run.log, f"-cpu {cpu} {more} {words}: not by {mode}", run)
        expect(f"{cpus} CPUs run" in run.log, f"-cpu {cpu} {more} {words}: not {cpus} CPUs", run)

    done = subprocess.run([sys.executable, TOP / "tests/guest/run.py", "--hv", BUILD / "parapet", "--qemu", qemu,
                           "--cpu", "max", "--append", "smap=on", "--log", f"{tmp}/logs", *KERNELS],
                          capture_output=True, text=True)
    verdict = done.stdout.rstrip().rpartition("\n")[2]
    expect(done.returncode == 0, f"micro-kernels with SMAP: {verdict or done.stderr[-300:]}\n{done.stdout}")
    what = version(qemu)[1]
passed(f"QEMU {what}; dom0 {main.stages['dom0-user']:.1f} s, timers {timers}; micro-kernels with SMAP: {verdict}")
