#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A hundred domains of 8 MB at once in 2 GB, made by eight vmctl at a time: each answers through xenstore and says so
on its console, list, top and audit are right about all of them, a domain costs the hypervisor at most 64 KiB beyond
its own memory, and when eight at a time have destroyed them nothing is left. $SCALE is another number."""
import json, os, re, statistics
import ledger
from harness import Run, expect, passed, skip_on_xen

COUNT, WORKERS, MOST_KIB = int(os.environ.get("SCALE", 100)), 8, 64
SCRIPT = f"count={COUNT} workers={WORKERS}\n" + ledger.SHELL + r"""
up() { read -r now _ < /proc/uptime; echo "$now"; }
each() { # command: for all numbers, by so many workers at once
    for w in $(seq $workers); do
        ( for n in $(seq $w $workers $count); do "$@" $n || echo "$* $n" >> /tmp/broken; done ) &
    done
    wait
    [ -e /tmp/broken ] && { cat /tmp/broken; fail "$*"; }
}
make() {
    vmctl --json create /tmp/mini.cfg name=mini$1 > /tmp/made.$1 2> /tmp/said.$1 &&
        [ ! -s /tmp/said.$1 ] || { cat /tmp/said.$1 /tmp/made.$1; return 1; }
}
unmake() { vmctl destroy mini$1 > /tmp/said.$1 2>&1 && [ ! -s /tmp/said.$1 ] || { cat /tmp/said.$1; return 1; }; }
numbers() { sed -n 's/^mini[0-9]* *\([0-9]*\) .*/\1/p' /tmp/list; }
answers() { xenstore-read $(numbers | sed 's,.*,/local/domain/&/data/answer,') > /tmp/answers 2>&1; }

for n in 0 00; do run vmctl create /tmp/mini.cfg name=mini; run vmctl destroy mini; done
sleep 2; ledger before
start=$(up); each make; echo "TOOK create $start $(up)"
cat /tmp/made.* | sed -n 's/^  "seconds": /SECONDS /p' | tr '\n' ' '; echo
vmctl list > /tmp/list; ledger full
[ $(grep -c '^mini[0-9]* .* 8 *1 *\(idle\|ready\)' /tmp/list) = $count ] || { cat /tmp/list; fail "list"; }
within 20 "not all are up" 'answers; [ $(grep -c "^up " /tmp/answers) = $count ]'
start=$(up)
xenstore-write $(numbers | sed 's,.*,/local/domain/&/data/request what&,') || fail "write"
numbers | sed 's/.*/what& by &/' > /tmp/wanted
within 20 "not all answer" 'answers; cmp -s /tmp/answers /tmp/wanted'
echo "TOOK answer $start $(up)"
for n in $(seq $count); do
    id=$(sed -n "s/^mini$n *\([0-9]*\) .*/\1/p" /tmp/list)
    grep -q "^mini: answers what$id by $id" /var/log/parapet/mini$n.log || fail "console of mini$n, domain $id"
done
echo "TOP $(vmctl --json top --once --interval 1 | tr -d '\n')"
run vmctl audit; cat /tmp/said; grep -q 'audit: clean' /tmp/said || fail "audit"
start=$(up); each unmake; echo "TOOK destroy $start $(up)"
[ $(vmctl list | wc -l) = 2 ] || { vmctl list; fail "some are left"; }
run vmctl audit
sleep 2; ledger after
"""

skip_on_xen()
run = Run("--smp", 2, *ledger.MINI, "--hv-args", "dom0_mem=768M watchdog_timeout=20", script=SCRIPT, timeout=260)
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-400:]}", run)
took = {what: float(end) - float(start) for what, start, end in re.findall(r"^TOOK (\w+) (\S+) (\S+)", run.out, re.M)}
seconds = [float(s) for s in re.findall(r'SECONDS ([0-9.]+)', run.out)]
expect(len(seconds) == COUNT, f"{len(seconds)} reports of a create")
top = json.loads(re.search(r"^TOP (.*)", run.out, re.M)[1])["domains"]
shown = {d["name"]: [v["cpu_percent"] + v["ready_percent"] + v["blocked_percent"] for v in d["vcpus"]] for d in top}
odd = {name: sums for name, sums in shown.items() if not all(75 < s < 125 for s in sums)}
expect(len(shown) == COUNT + 1 and not odd, f"top shows {len(shown)} domains, and of these {odd}")

books = ledger.read(run)
before, full = books["before"], books["full"]
taken = before["free_frames"] - full["free_frames"] + before["dom0_frames"] - full["dom0_frames"]
each = (taken - COUNT * 8 * 256) * 4 / COUNT
dom0 = sum(full[k] - before[k] for k in full if k.endswith(" KiB")) / COUNT
print(f"    took {took}, a create {statistics.median(seconds):.3f} s at the median, {max(seconds):.3f} s at most")
print(f"    a domain costs {each:.1f} KiB in the hypervisor, {dom0:.1f} KiB in dom0's daemons,"
      f" {(full['xenstore_nodes'] - before['xenstore_nodes']) / COUNT:.0f} nodes")
# What xenstored keeps nodes in grows with them and stays as large, as do dom0's tables of ports and of foreign grants:
TABLES = 6  # frames at most; it takes four, and a second hundred none
counts = ledger.balanced(before, books["after"], {
    "xenstored KiB": 16384, "parapet-consoled KiB": 512, "parapet-lifed KiB": 1024,  # it read a hundred records at once
    "free_frames": TABLES, "heap_bytes": TABLES * 4096})
expect(each <= MOST_KIB, f"a domain costs {each:.1f} KiB in the hypervisor")
passed(f"{COUNT} domains created in {took['create']:.1f} s, all answered in {took['answer']:.1f} s, destroyed in "
       f"{took['destroy']:.1f} s; {each:.1f} KiB each; {counts}")
