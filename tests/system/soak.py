#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two busy domUs of two vCPUs each on two CPUs, while dom0 pauses, pins and reweighs them at random, takes vCPUs away
and adds some (one to three), and makes and unmakes a third domain: nothing crashes or hangs, both guests go on, in the
end on all three vCPUs, the auditor is content.

  soak.py [SECONDS]      60 by default, or $SOAK; make soak takes half an hour
"""
import os, re, sys, tempfile
from harness import Run, expect, passed, skip_on_xen

# The guests' init: processes that come and go, page faults, and pipes whose ends wake each other across the vCPUs.
GUEST = r"""#!/bin/sh
export PATH=/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
uevent sh -c 'case $ACTION$DEVPATH in add/devices/system/cpu/cpu[0-9]*)
    for try in 1 2 3 4 5; do echo 1 > "/sys$DEVPATH/online" && break; usleep 100000; done ;;
esac' > /dev/null 2>&1 < /dev/null &
n=0
while :; do
    jobs=
    for i in 1 2 3 4; do (true) & jobs="$jobs $!"; done
    dd if=/dev/zero bs=4k count=500 2>/dev/null | dd bs=4k 2>/dev/null | tail -c 1 > /tmp/last &
    jobs="$jobs $!"
    awk 'BEGIN { for (i = 0; i < 5000; ++i) a[i] = i "x"; exit !(length(a) == 5000) }' || echo "GUEST-BROKEN"
    wait $jobs
    n=$((n + 1))
    echo "GUEST-ROUND $n of $(grep -c ^processor /proc/cpuinfo)"
done
"""

SCRIPT = r"""
fail() { echo "FAILED $*"; exit 1; }
run() { "$@" > /tmp/said 2>&1 || { cat /tmp/said; fail "$*"; }; }
clean() { run vmctl audit; grep -q 'audit: clean' /tmp/said || { cat /tmp/said; fail "audit $1"; }; }
now() { read -r up _ < /proc/uptime; echo "${up%.*}"; }
rounds() { grep -c '^GUEST-ROUND' "/var/log/parapet/$1.log"; }
goes_on() { # name: does it count?
    before=$(rounds "$1") tries=0
    until [ "$(rounds "$1")" -gt $((before + 1)) ]; do
        tries=$((tries + 1)); [ $tries -gt 180 ] && { tail -n 5 "/var/log/parapet/$1.log"; fail "$1 does not answer"; }
        sleep 1
    done
}
set_vcpus() { # name, count: true if the guest followed; a slow one may need longer than vmctl's patience
    vmctl vcpu-set --timeout 5 "$1" "$2" > /tmp/said 2>&1 && { sets=$((sets + 1)); return 0; }
    grep -q 'was asked for' /tmp/said || { cat /tmp/said; fail "vcpu-set $1 $2"; }
    return 1
}
churn() { # the third domain, until /tmp/stop is there
    cycles=0
    until [ -e /tmp/stop ]; do
        vmctl create /guest/domU.cfg "name='third'" memory=96 vcpus=2 > /tmp/create 2>&1 || break
        usleep $((RANDOM * 100))
        vmctl destroy third > /tmp/create 2>&1 || break
        cycles=$((cycles + 1)); echo $cycles > /tmp/cycles
    done
    [ -e /tmp/stop ] || cp /tmp/create /tmp/churn-failed
}

mkdir /tmp/guest; cp /guest.init /tmp/guest/init; chmod +x /tmp/guest/init
{ cat /guest/initrd; cd /tmp/guest; echo init | cpio -o -H newc; } > /tmp/initrd 2> /tmp/said || fail "initrd"
for g in one two; do
    run vmctl create /guest/domU.cfg "name='$g'" vcpus=2 maxvcpus=3 "ramdisk='/tmp/initrd'"
done
for g in one two; do goes_on $g; done
run vmctl sched Domain-0 --weight 2048 # or it would do little
churn &
ops=0 sets=0 end=$(($(now) + length))
while [ "$(now)" -lt $end ]; do
    [ -e /tmp/churn-failed ] && { cat /tmp/churn-failed; fail "the third domain"; }
    [ $((RANDOM % 2)) = 0 ] && g=one || g=two
    case $((RANDOM % 8)) in
    0 | 1) run vmctl pause $g; usleep $((RANDOM * 20)); run vmctl unpause $g ;;
    2) run vmctl vcpu-pin $g $((RANDOM % 3)) $((RANDOM % 2)) ;;
    3) run vmctl vcpu-pin $g all 0-1 $((RANDOM % 2)) ;;
    4) run vmctl sched $g --weight $((64 + RANDOM % 1024)) ;;
    5) run vmctl sched $g --cap $((RANDOM % 2 * (30 + RANDOM % 170))) ;;
    6) usleep $((RANDOM * 20)); clean "while they run" ;;
    7) set_vcpus $g $((1 + RANDOM % 3)) ;;
    esac
    ops=$((ops + 1))
done
touch /tmp/stop; wait
[ -e /tmp/churn-failed ] && { cat /tmp/churn-failed; fail "the third domain"; }
for g in one two; do
    run vmctl vcpu-pin $g all 0-1; run vmctl sched $g --weight 256 --cap 0
    for try in 1 2 3 4 5 6 7 8 9 10; do set_vcpus $g 3 && break; done
    vmctl vcpu-list $g | awk 'NR > 1 && $5 == "offline" { exit 1 }' || { cat /tmp/said; fail "$g: a vCPU is missing"; }
    goes_on $g; tail -n 5 "/var/log/parapet/$g.log" | grep -q '^GUEST-ROUND.* of 3' || fail "$g does not use 3 vCPUs"
    grep -E 'GUEST-BROKEN|BUG|Oops|rcu.*stall|soft lockup' "/var/log/parapet/$g.log" && fail "$g complains"
done
clean "at the end"
echo "SOAK ops $ops sets $sets cycles $(cat /tmp/cycles) one $(rounds one) two $(rounds two)"
for g in one two; do run vmctl destroy $g; done
sleep 1; clean "afterwards"
"""

skip_on_xen()
length = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SOAK", 60))
with tempfile.NamedTemporaryFile("w", prefix="parapet-soak-") as guest:
    guest.write(GUEST)
    guest.flush()
    # The auditor holds all CPUs, for seconds on a busy host.
    run = Run("--smp", 2, "--hv-args", "watchdog_timeout=20", "--file", f"guest.init={guest.name}",
              script=f"length={length}\n{SCRIPT}", timeout=length + 300)
expect(run.status == 0, f"status {run.status}: {run.out.strip()[-300:]}", run)
expect("stuck in the hypervisor" not in run.log, "the watchdog reported a CPU", run)
done = dict(zip(*[iter(re.search(r"^SOAK (.*)", run.out, re.M)[1].split())] * 2))
expect(int(done["ops"]) > length / 12 and int(done["cycles"]) > length / 60, f"too little was done: {done}")
passed(f"{length} s: {done}")
