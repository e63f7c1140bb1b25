#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every CPU: bring-up of 1, 2, 4 and 8, each with the golden IDT and TSS; dom0 on two; domUs with more vCPUs than
there are CPUs, and with 64; nothing left behind.

The domU's user space counts its processors; both of dom0's must have taken timer interrupts; the auditor, which needs
all CPUs to stand still, finds nothing wrong while four domains run and after they are gone.
"""
import re
from harness import Run, expect, passed, skip_on_xen
from qmp import stop_at

SCRIPT = r"""
fail() { echo "FAILED $*"; exit 1; }
clean() { vmctl audit 2>&1 | grep -q 'audit: clean' || fail "audit $1"; }
[ "$(nproc)" = 2 ] || fail "dom0 has $(nproc) processors"
vmctl create /guest/domU.cfg vcpus=4 > /tmp/create 2>&1 || { cat /tmp/create; fail "create"; }
tries=0
until grep -q 'PARAPET-DOMU-READY' /var/log/parapet/first.log; do
    tries=$((tries + 1)); [ $tries -gt 180 ] && fail "domU is not up"; sleep 1
done
grep -o 'Brought up 1 node, [0-9]* CPUs' /var/log/parapet/first.log
for n in 1 2 3; do
    vmctl create /guest/domU.cfg "name=\"x$n\"" memory=96 vcpus=2 > /tmp/create 2>&1 || { cat /tmp/create; fail "x$n"; }
done
sleep 2; clean "of five domains"
vmctl vcpu-pin first all 1 || fail "pin"
tries=0 # sleepers move at once, one that ran when it has left its CPU
while [ "$(vmctl vcpu-list first | awk 'NR > 1 && $4 != 1' | wc -l)" != 0 ]; do
    tries=$((tries + 1)); [ $tries -gt 10 ] && { vmctl vcpu-list first; fail "not on CPU 1"; }; sleep 1
done
vmctl vcpu-pin first 0 0-1 0 || fail "unpin"
vmctl vcpu-list first | grep -q 'all / 0' || { vmctl vcpu-list first; fail "affinity is not shown"; }
refuse() { # expected words, then the command
    words=$1; shift
    "$@" > /tmp/refused 2>&1 && fail "accepted: $*"
    grep -q "$words" /tmp/refused || { cat /tmp/refused; fail "another message: $*"; }
}
refuse 'no CPU 2: .* 0 to 1' vmctl vcpu-pin first 0 0,2
refuse "no vCPU '9'" vmctl vcpu-pin first 9 0
refuse '1 to 65535' vmctl sched first --weight 65536
refuse '400 % of one CPU' vmctl sched first --cap 401
refuse "did you mean 'first'" vmctl sched frist --cap 10
vmctl sched first --weight 512 --cap 50 || fail "sched"
vmctl sched first | grep -q ' 512 *50$' || { vmctl sched first; fail "share is not shown"; }
vmctl sched first --cap 0 || fail "uncap"
vmctl locks | grep -q '^scheduler ' || fail "locks"
vmctl --json top --once --interval 1 | grep -q '"table_updates"' || fail "top"
vmctl pause first || fail "pause"; vmctl unpause first || fail "unpause"
for n in x1 x2 x3 first; do vmctl destroy $n || fail "destroy $n"; done
online() { vmctl vcpu-list keys | awk 'NR > 1 && $5 != "offline"' | wc -l; }
vmctl create /guest/domU.cfg 'name="keys"' 'cpus="1"' cpu_weight=512 cap=50 vcpus=2 maxvcpus=4 > /tmp/create 2>&1 ||
    { cat /tmp/create; fail "keys"; }
[ "$(vmctl vcpu-list keys | grep -c ' 1 / all$')" = 4 ] || { vmctl vcpu-list keys; fail "cpus of the configuration"; }
vmctl sched keys | grep -q ' 512 *50$' || { vmctl sched keys; fail "share of the configuration"; }
vmctl sched keys --cap 0 || fail "uncap keys"
tries=0
until grep -q 'PARAPET-DOMU-READY' /var/log/parapet/keys.log && [ "$(online)" = 2 ]; do
    tries=$((tries + 1)); [ $tries -gt 180 ] && { vmctl vcpu-list keys; fail "keys is not up on 2 vCPUs"; }; sleep 1
done
for n in 1 4 2 3; do
    vmctl vcpu-set keys $n --timeout 90 2> /tmp/vcpu-set
    [ "$(online)" = $n ] || { cat /tmp/vcpu-set; vmctl vcpu-list keys; fail "vcpu-set $n"; }
    echo "VCPU-SET $n"
done
refuse "'keys' has 4 at most" vmctl vcpu-set keys 5
refuse 'at least one' vmctl vcpu-set keys 0
tries=0 # it may be in user space now and then
until vmctl vcpu-context keys 0 | grep -q '^rip  *ffffffff8.*rsp  *f'; do
    tries=$((tries + 1)); [ $tries -gt 20 ] && { vmctl vcpu-context keys 0; fail "context"; }; sleep 1
done
vmctl --json vcpu-context keys 1 | grep -q '"cr3": "0x[0-9a-f]*000"' || fail "context as JSON"
refuse 'has no vCPU 4' vmctl vcpu-context keys 4
vmctl pause keys || fail "pause keys"
refuse 'uses 3: it is paused' vmctl vcpu-set keys 4
vmctl destroy keys || fail "destroy keys"
vmctl create /guest/domU.cfg 'name="most"' memory=256 vcpus=64 > /tmp/create 2>&1 || { cat /tmp/create; fail "most"; }
tries=0
until grep -q 'PARAPET-DOMU-READY' /var/log/parapet/most.log; do
    tries=$((tries + 1)); [ $tries -gt 240 ] && { tail -n 5 /var/log/parapet/most.log; fail "most is not up"; }; sleep 1
done
grep -o 'Brought up 1 node, [0-9]* CPUs' /var/log/parapet/most.log
[ "$(vmctl vcpu-list most | awk 'NR > 1 && $5 != "offline"' | wc -l)" = 64 ] || { vmctl vcpu-list most; fail "not 64"; }
clean "of 64 vCPUs"; vmctl destroy most || fail "destroy most"
sleep 1; clean "afterwards"
echo "FOREIGN $(vmctl --json info | tr -d '\n' | sed 's/.*"foreign_mappings": *\([0-9]*\).*/\1/')"
awk '/timer[01]/ { print "TIMER", $2 + $3 }' /proc/interrupts
"""

WINDOWS, CODE, TSS = 0xFFFF82B000000000, 0xE008, 0xE040  # docs/memory-map.md
IST = {1: 1, 2: 2, 18: 3, 8: 4}  # of #DB, NMI, #MC, #DF: a page each, the second and so on of the CPU's stacks
FROM_RING_3 = {3, 4, 0x80}


def tables(n):
    """Of each of @n CPUs its task register's selector, base and limit, the words of its TSS, and those of its IDT."""
    def look(monitor):
        found = []
        for cpu, regs in enumerate(monitor.ask("info registers -a").split("CPU#")[1:]):
            selector, base, limit = (int(w, 16) for w in re.search(r"^TR *=(\w+) (\w+) (\w+)", regs, re.M).groups())
            idt, idt_limit = (int(w, 16) for w in re.search(r"^IDT= *(\w+) (\w+)", regs, re.M).groups())
            expect(idt_limit == 256 * 16 - 1, f"CPU {cpu} of {n}: IDT limit {idt_limit:#x}")
            found.append(((selector, base, limit), monitor.words(base, 13, cpu), monitor.words(idt, 512, cpu)))
        return found
    return look


def check_tables(cpu, register, tss, idt):
    window = WINDOWS + cpu * 0x200000
    expect(register == (TSS, window + 0x22000, 0x67), f"CPU {cpu}: task register {[hex(n) for n in register]}")
    tss = b"".join(n.to_bytes(8, "little") for n in tss)
    rsp0, ists = (int.from_bytes(tss[4:12], "little"),
                  [int.from_bytes(tss[at:at + 8], "little") for at in range(0x24, 0x5c, 8)])
    expect(0 < window + 0x40000 - rsp0 < 0x400 and rsp0 % 16 == 0, f"CPU {cpu}: rsp0 {rsp0:#x}")
    golden = [window + 0x30000 + (i + 2) * 4096 for i in range(4)] + [0] * 3
    expect(ists == golden, f"CPU {cpu}: IST {[hex(n) for n in ists]}")
    expect(int.from_bytes(tss[0x66:], "little") > 0x67, f"CPU {cpu}: a port bitmap")
    for v in range(256):
        gate = idt[2 * v]
        got = gate >> 16 & 0xffff, gate >> 32 & 7, gate >> 40 & 0x1f, gate >> 45 & 3, gate >> 47 & 1
        wanted = CODE, IST.get(v, 0), 14, 3 if v in FROM_RING_3 else 0, 1  # an interrupt gate, its DPL, present
        expect(got == wanted, f"CPU {cpu}: vector {v}: {got}")


skip_on_xen()
for n in (1, 2, 4, 8):
    cpus, run = stop_at(rb"\(parapet\) %d CPUs run; TSCs|\(parapet\) dom0: " % n, tables(n), "--smp", n,
                        "--hv-args", "watchdog_timeout=60", "--mode", "bare")
    expect(cpus is not None and len(cpus) == n, f"{n} CPUs: status {run.status}", run)
    expect(n == 1 or f"{n} CPUs run" in run.log, f"not all of {n} CPUs came up", run)
    for cpu, found in enumerate(cpus):
        check_tables(cpu, *found)

run = Run("--smp", 2, script=SCRIPT, timeout=300)
expect(run.status == 0, f"status {run.status}: {run.out.strip()[-300:]}", run)
expect("Brought up 1 node, 4 CPUs" in run.out, "the domU did not bring up four vCPUs", run)
expect("Brought up 1 node, 64 CPUs" in run.out, "the domU did not bring up 64 vCPUs", run)
expect(run.out.count("VCPU-SET") == 4, "vcpu-set did not go down, up, down, up", run)
expect("FOREIGN 0" in run.out, "foreign mappings are left", run)
timers = [int(n) for n in re.findall(r"^TIMER (\d+)", run.out, re.M)]
expect(len(timers) == 2 and min(timers) > 50, f"timer interrupts of dom0's vCPUs: {timers}", run)
expect("stuck in the hypervisor" not in run.log, "the watchdog reported a CPU", run)
passed(f"1, 2, 4 and 8 CPUs start; dom0 on 2, domUs with 4 and 64 vCPUs; timers {timers}; audit clean")
