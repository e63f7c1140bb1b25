#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An image of `make DEBUG=1`, which checks the order of locks at every acquire and audits all frames when a domain is
gone: dom0 on two CPUs, a domU that boots and is destroyed, and one that is destroyed half-built. No assertion fires."""
from harness import BUILD, Run, expect, passed, skip_on_xen

SCRIPT = r"""
fail() { echo "FAILED $*"; exit 1; }
create() { vmctl create /guest/domU.cfg vcpus=2 "$@" > /tmp/create 2>&1 || { cat /tmp/create; fail "create $*"; }; }
gone() { # name
    vmctl destroy $1 || fail "destroy $1"
    tries=0
    while vmctl list | grep -q "^$1 "; do
        tries=$((tries + 1)); [ $tries -gt 100 ] && fail "$1 is still listed"; usleep 100000
    done
}
create
tries=0
until grep -qs PARAPET-DOMU-READY /var/log/parapet/first.log; do
    tries=$((tries + 1)); [ $tries -gt 180 ] && fail "domU is not up"; sleep 1
done
create name=second --paused
gone second; gone first
vmctl create /guest/domU.cfg name=third kernel=/guest/initrd > /tmp/create 2>&1 && fail "an initrd as kernel"
usleep 300000
"""

skip_on_xen()
run = Run("--hv", BUILD / "debug/parapet", "--smp", 2, script=SCRIPT, timeout=120)
expect(run.status == 0, f"status {run.status}: {run.out.strip()[-300:]}", run)
audits = run.log.count("(parapet) audit: clean, ")
expect("PANIC" not in run.log and "audit: not now" not in run.log and "differences" not in run.log, "a report", run)
expect(audits == 2, f"{audits} audits for two domains that died", run)
passed(f"{audits} clean audits, no assertion")
