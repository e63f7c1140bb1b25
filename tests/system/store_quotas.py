#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A hostile guest takes all the nodes, watches and transactions that xenstored lets it have, then floods it with
writes; another sends it what is no request. A third domain answers all the same, domains come and go, and once the two
are destroyed nothing of theirs is left."""
import re
import ledger
from harness import Run, expect, passed, skip_on_xen

SCRIPT = ledger.SHELL + r"""
number() { vmctl list | awk '$1 == "'$1'" { print $2 }'; }
log() { tr -d '\r' < /var/log/parapet/$1.log; }
answers() { # good's answer to this
    xenstore-write /local/domain/$good/data/request $1
    within 10 "good does not answer $1" '[ "$(xenstore-read /local/domain/$good/data/answer)" = "'$1' by $good" ]'
}
cycle() { # word: how long two creates and destroys take
    start=$(now)
    for n in 1 2; do run vmctl create /tmp/mini.cfg; run vmctl destroy mini; done
    echo "CYCLE $1 $(($(now) - start))"
}
run vmctl create /tmp/mini.cfg; run vmctl destroy mini; sleep 1; ledger before
cycle quiet
run vmctl create /tmp/mini.cfg name=good; good=$(number good)
answers one
run vmctl create /tmp/mini.cfg name=greedy 'extra="hostile"'
within 60 "greedy is not through" 'log greedy | grep -q floods'
log greedy | sed 's/^/GREEDY /'
answers two
cycle flooded
run vmctl create /tmp/mini.cfg name=babbler 'extra="garbage"'
within 10 "nothing from the babbler" 'log babbler | grep -q babbles'
answers three
cycle babbled
echo "NODES $(xenstore-ls /local/domain/$(number greedy) | wc -l)"
run timeout 30 vmctl destroy greedy
run timeout 30 vmctl destroy babbler
answers four
cycle after
run vmctl destroy good
run vmctl audit; grep -q 'audit: clean' /tmp/said || fail "audit"
within 10 "a vmctl stays" '[ $(processes) = 0 ]'; sleep 1; ledger after
"""

skip_on_xen()
run = Run(*ledger.MINI, script=SCRIPT, timeout=120)
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-500:]}", run)
got = {what: (int(n), end) for n, what, end in re.findall(r"^GREEDY mini: (\d+) (.+), then (.+)$", run.out, re.M)}
print("    a hostile guest has", got)
for what, most, end in [("nodes", 1000, "ENOSPC"), ("watches", 129, "E2BIG"), ("transactions", 11, "ENOSPC"),
                        ("large values", 0, "ENOSPC"), ("foreign nodes", 0, "EACCES"),
                        ("nodes of domain 0", 0, "EACCES")]:
    n, refused = got.get(what, (-1, ""))
    expect(0 <= n <= most and refused == end, f"{what}: {n}, then {refused!r}; wanted at most {most}, then {end}")
expect(min(got["nodes"][0], got["watches"][0]) > 50, f"it did not even try: {got}")
nodes = int(re.search(r"^NODES (\d+)", run.out, re.M)[1])
expect(got["nodes"][0] < nodes < 1100, f"{nodes} nodes below its directory")
took = {word: int(n) / 100 for word, n in re.findall(r"^CYCLE (\w+) (\d+)", run.out, re.M)}
expect(max(took.values()) < 10 * took["quiet"] + 5, f"two creates and destroys took {took}")
books = ledger.read(run)
# The file that xenstored keeps nodes in, in its memory, grows with them, up to the quotas, and stays as large.
counts = ledger.balanced(books["before"], books["after"], {"xenstored KiB": 4096})
passed(f"{got['nodes'][0]} nodes, {got['watches'][0]} watches, then a flood; two creates and destroys took {took}; "
       f"{counts}")
