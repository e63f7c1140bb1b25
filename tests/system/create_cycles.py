#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ten create/destroy cycles leave nothing: frames, heap bytes, ports, grant and foreign mappings, xenstore nodes.

One cycle goes before the first reading, so that caches (the unpacked kernel, xenstored's tables) are filled.
"""
import json
from harness import HV, Run, expect, passed

SCRIPT = r"""
fail() { echo "FAILED $*"; exit 1; }
cycle() {
    vmctl create /guest/domU.cfg > /tmp/create 2>&1 || { cat /tmp/create; fail "create in cycle $1"; }
    usleep 500000
    [ "$1" = 10 ] && echo "DURING $(vmctl --json info | tr -d '\n')"
    vmctl destroy first || fail "destroy in cycle $1"
    tries=0
    while vmctl list | grep -q '^first'; do
        tries=$((tries + 1)); [ $tries -gt 50 ] && fail "first still listed in cycle $1"; usleep 100000
    done
}
cycle 0; sleep 2
echo "BEFORE $(vmctl --json info | tr -d '\n')"
for n in 1 2 3 4 5 6 7 8 9 10; do cycle $n; done
sleep 2
echo "AFTER $(vmctl --json info | tr -d '\n')"
"""

NEEDED = ["free_frames", "xenstore_nodes", "domains"]
NEEDED_HERE = ["heap_bytes", "open_ports", "grant_mappings", "foreign_mappings"]

run = Run("--vmctl", script=SCRIPT, timeout=400)
expect(run.status == 0, f"status {run.status}: {run.out.strip()[-300:]}", run)
reading = {line.split()[0]: json.loads(line.split(" ", 1)[1]) for line in run.out.splitlines() if "{" in line}
keys = NEEDED + ([] if HV == "xen" else NEEDED_HERE)
before, after = ({k: reading[w].get(k) for k in keys} for w in ("BEFORE", "AFTER"))
print("    before", before)
print("    after ", after)
expect(None not in before.values(), f"vmctl info lacks {[k for k in keys if before[k] is None]}")
during = reading["DURING"]
expect(HV == "xen" or during["grant_mappings"] + during["foreign_mappings"] > 0,
       f"a domain that lives shows no foreign mapping: {during}")
expect(before == after, f"{ {k: (before[k], after[k]) for k in keys if before[k] != after[k]} }")
passed(f"equal after ten cycles: {before}")
