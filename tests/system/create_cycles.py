#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ten cycles of create and destroy of the stock domU and fifty of a mini domain leave nothing: frames, heap bytes,
ports, grant and foreign mappings, xenstore nodes and watches, files and threads of the daemons, whose memory is level.

Some go before the first reading, so that caches (the unpacked kernel, xenstored's tables) are filled. Of the mini
domains two come and go at a time; every tenth is heard to answer, the others are destroyed while they start.

  create_cycles.py [N]      N mini cycles, 50 by default, or $CYCLES; make cycles N=1000
"""
import os, re, sys
import ledger
from harness import HV, Run, expect, passed

SCRIPT = ledger.SHELL + r"""
stock() {
    run vmctl create /guest/domU.cfg
    usleep 500000
    [ "$1" = 10 ] && ledger during
    run vmctl destroy first
}
mini() { # who does it, number of the cycle
    vmctl create /tmp/mini.cfg name=mini$1 > /tmp/said$1 2>&1 || { cat /tmp/said$1; fail "create in cycle $2"; }
    if [ $(($2 % 10)) = 0 ]; then
        id=$(sed -n "s/^'mini$1' is domain \([0-9]*\).*/\1/p" /tmp/said$1)
        xenstore-write /local/domain/$id/data/request $2
        within 10 "no answer in cycle $2" '[ "$(xenstore-read /local/domain/'$id'/data/answer)" = "'$2' by '$id'" ]'
    fi
    vmctl destroy mini$1 > /tmp/said$1 2>&1 || { cat /tmp/said$1; fail "destroy in cycle $2"; }
}
minis() { # from, to: by two at the same time
    rm -f /tmp/done*
    for w in 0 1; do ( for n in $(seq $(($1 + w)) 2 $2); do mini $w $n; done; touch /tmp/done$w ) & done
    wait; [ -e /tmp/done0 ] && [ -e /tmp/done1 ] || exit 1
}
gone() { [ $(vmctl list | wc -l) = 2 ] || { vmctl list; fail "a domain is left"; }
    within 10 "a vmctl stays" '[ $(processes) = 0 ]'; sleep 2; }
stock 0; minis 1 12; gone
ledger before
for n in $(seq 10); do stock $n; done; gone
ledger between
for n in $(seq 1 50 $cycles); do
    minis $n $((n + 49 < cycles ? n + 49 : cycles)); gone; ledger mini$n
done
ledger after
"""

cycles = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CYCLES", 50))
run = Run("--smp", 2, "--vmctl", *ledger.MINI, script=f"cycles={cycles}\n{SCRIPT}", timeout=200 + cycles)
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-400:]}", run)
books = ledger.read(run)
during = books["during"]
expect(HV == "xen" or during["grant_mappings"] + during["foreign_mappings"] > 0,
       f"a domain that lives shows no foreign mapping: {during}")
for word, book in books.items():
    if re.fullmatch(r"mini\d+", word):
        print(f"    {word:<10}", {k: book.get(k) for k in ("free_frames", "heap_bytes", *ledger.ROUGH)})
ledger.balanced(books["before"], books["between"])
counts = ledger.balanced(books["between"], books["after"])
passed(f"equal after 10 cycles of the stock domU and {cycles} of a mini domain: {counts}")
