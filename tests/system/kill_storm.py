#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vmctl create, killed by SIGKILL at fifty random moments: what is half made is listed, destroyed by its number, and
nothing leaks. Then domains that are destroyed while another vmctl makes them: that one says so and leaves nothing."""
import re
import ledger
from harness import Run, expect, passed, skip_on_xen

KILLS, RACES = 50, 12
SCRIPT = f"kills={KILLS} races={RACES}\n" + ledger.SHELL + r"""
others() { vmctl --json list | awk '/"domain"/ && $2 + 0 != 0 { print $2 + 0 }'; }
quick() { # how long a create takes, in microseconds
    start=$(now); run vmctl create /tmp/mini.cfg; took=$((($(now) - start) * 10000 + 10000)); run vmctl destroy mini
}
quiet() { within 10 "a vmctl stays: $(ps)" '[ $(processes) = 0 ]'; }
quick; quick; quiet; sleep 1; ledger before
none=0 half=0 whole=0
for n in $(seq $kills); do
    vmctl create /tmp/mini.cfg > /tmp/said 2>&1 & pid=$!
    usleep $((took * (RANDOM % 100) / 100)); kill -9 $pid 2> /dev/null; wait $pid 2> /dev/null
    left=$(others)
    case "$(grep -c 'is domain' /tmp/said) $left" in
    "0 ") none=$((none + 1)) ;;
    "0 "*) half=$((half + 1)) ;;
    *) whole=$((whole + 1)) ;;
    esac
    for id in $left; do
        run vmctl destroy $id # which waits until the hypervisor has forgotten it
        [ -s /tmp/said ] && { cat /tmp/said; vmctl list; fail "kill $n: domain $id stays"; }
    done
    [ $((n % 20)) = 0 ] && quick
done
[ "$(others)" ] && { vmctl list; fail "a domain stays"; }
echo "KILLED none $none half $half whole $whole"
quiet; sleep 1; ledger killed
lost=0 late=0 early=0
for n in $(seq $races); do # the creator is stopped on its way, so that destroy meets a domain that is being made
    vmctl create /tmp/mini.cfg > /tmp/made 2>&1 & pid=$!
    usleep $((took * (20 + RANDOM % 70) / 100)); kill -STOP $pid 2> /dev/null
    id=$(others)
    [ "$id" ] || { early=$((early + 1)); kill -CONT $pid; wait $pid; run vmctl destroy mini; continue; }
    rm -f /tmp/destroyed
    { vmctl destroy $id > /tmp/gone 2>&1; echo $? > /tmp/destroyed; } & destroyer=$!
    until vmctl --json list | grep -q '"state": "dying"' || [ -s /tmp/destroyed ]; do usleep 20000; done
    kill -CONT $pid 2> /dev/null
    wait $destroyer; [ "$(cat /tmp/destroyed)" = 0 ] || { cat /tmp/gone; fail "race $n: destroy"; }
    if wait $pid; then late=$((late + 1)); else
        lost=$((lost + 1))
        grep -q '^vmctl: domain .* destroyed by another' /tmp/made || { cat /tmp/made; fail "race $n: no word of it"; }
    fi
    [ "$(others)" ] && { vmctl list; cat /tmp/made; fail "race $n: a domain stays"; }
done
tail -n 1 /tmp/made
echo "RACES lost $lost late $late early $early"
run vmctl audit; grep -q 'audit: clean' /tmp/said || fail "audit"
quiet; sleep 1; ledger after
"""

skip_on_xen()
run = Run("--smp", 2, *ledger.MINI, script=SCRIPT, timeout=200)
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-500:]}", run)
books = ledger.read(run)
killed = re.search(r"^KILLED none (\d+) half (\d+) whole (\d+)", run.out, re.M)
races = re.search(r"^RACES lost (\d+) late (\d+)", run.out, re.M)
ledger.balanced(books["before"], books["killed"])
counts = ledger.balanced(books["before"], books["after"])
expect(int(races[1]) >= RACES / 4, f"only {races[1]} of {RACES} destroys met a create on its way")
expect(int(killed[2]) >= KILLS / 10, f"only {killed[2]} of {KILLS} kills left something half made")
passed(f"{KILLS} killed creates: nothing {killed[1]}, half made {killed[2]}, through {killed[3]}; of {RACES} destroyed "
       f"while they were made {races[1]} did not come to life; {counts}")
