#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A create that fails leaves nothing behind, whichever step it fails in: bad configurations, too little memory,
duplicates, signals in every step, output nobody reads. Domains, frames, xenstore nodes and dom0's size stay equal."""
from harness import Run, expect, passed

SCRIPT = r"""
fail() { echo "FAILED $*"; tail -n 3 /tmp/out; exit 1; }
state() {
    vmctl --json info | tr -d ' ,' | grep -E 'free_frames|"domains|xenstore_nodes|foreign_mappings|open_ports'
    xenstore-read /local/domain/0/memory/target
    ls /var/cache/parapet
}
same() {
    tries=0
    until state > /tmp/now 2>&1; cmp -s /tmp/before /tmp/now; do # dom0's balloon and xenstored take their time
        tries=$((tries + 1)); [ $tries -gt 50 ] && { diff /tmp/before /tmp/now; fail "left behind after $*"; }
        usleep 200000
    done
}
refused() { # words of the message, then settings
    words=$1; shift
    vmctl create /guest/domU.cfg "$@" > /tmp/out 2>&1 && fail "created with $*"
    grep -q "$words" /tmp/out || fail "no '$words' for $*"
    same "$*"
}
said() { # waits for a line of the create that runs
    until grep -q "$1" /tmp/out 2>/dev/null; do kill -0 $pid 2>/dev/null || fail "never said '$1'"; usleep 2000; done
}
# kills a create right after it said $2, or after $3 microseconds; one that was through by then lives, and is no test
killed() {
    for tries in 1 2 3 4 5 6 7 8 9 10; do
        rm -f /tmp/out
        vmctl create /guest/domU.cfg name=victim memory=96 > /tmp/out 2>&1 & pid=$!
        if [ "$2" ]; then said "$2"; else usleep $3; fi
        kill -$1 $pid; wait $pid; status=$?
        grep -q introduced /tmp/out || break
        vmctl destroy victim; same "destroying what was through after '$2$3'"; status=late
    done
    [ $status != late ] || fail "signal $1 after '$2$3' came too late ten times"
    [ $status != 0 ] || fail "created in spite of signal $1 after '$2$3'"
    [ "$2" ] && { grep -q interrupted /tmp/out || fail "signal $1 after '$2' is not mentioned"; }
    same "signal $1 after '$2$3'"
}
xenstore-write /local/domain/0/memory/target $((512 * 1024))
for n in 1 2; do vmctl create /guest/domU.cfg > /tmp/out || fail "create"; vmctl destroy first; sleep 2; done
state > /tmp/before
refused '2 "name=two words":6: the name .two words. may have' "name=two words"
refused "did you mean 'memory'" memroy=64
refused 'MiB needed, .* MiB free, .*vmctl destroy' memory=99999
refused 'to be loaded\|to start' memory=8
refused 'No such file' kernel=/none
refused 'would be taken for a domain number' name=7
refused "'kernel': 3: No such file" kernel=3
refused 'neither a Linux bzImage' kernel=/guest/initrd
refused 'PV-GRUB' bootloader=pygrub
for s in TERM HUP; do killed $s 'domain .* made'; done
for step in 'unpacked in the cache' populated 'kernel loaded'; do killed TERM "$step"; done
for delay in 20000 50000 80000; do killed TERM '' $delay; done
free=$(vmctl --json info | sed -n 's/.*"free_mib": *\([0-9]*\).*/\1/p')
vmctl create /guest/domU.cfg name=victim memory=$((free + 32)) > /tmp/out 2>&1 & pid=$!
said 'taken from domain 0'
kill -TERM $pid; wait $pid && fail "created in spite of SIGTERM"
same "signal after dom0 gave memory"
target() { xenstore-read /local/domain/0/memory/target; }
lends() { # how much: starts a create for which dom0 must give that, and returns as soon as dom0 is asked
    before=$(target); free=$(vmctl --json info | sed -n 's/.*"free_mib": *\([0-9]*\).*/\1/p')
    vmctl create /guest/domU.cfg name=victim memory=$((free + $1)) > /tmp/out 2>&1 & pid=$!
    while [ $(target) = $before ]; do kill -0 $pid 2>/dev/null || fail "dom0 was never asked"; done
}
lends 200; kill -TERM $pid; wait $pid && fail "created in spite of SIGTERM while dom0 gave memory"
grep -q interrupted /tmp/out || fail "SIGTERM while dom0 gave memory is not mentioned"
same "signal while dom0 gave memory"
lends 200; kill -KILL $pid; wait $pid
[ $(target) != $before ] || fail "the killed create was through already"
refused 'to be loaded\|to start' memory=8
lends 200; kill -KILL $pid; wait $pid; xenstore-write /local/domain/0/memory/target $((500 * 1024))
vmctl create /guest/domU.cfg memory=8 > /tmp/out 2>&1
[ $(target) = $((500 * 1024)) ] || fail "what was set after a killed create is lost"
xenstore-write /local/domain/0/memory/target $before; same "another target"
vmctl create /guest/domU.cfg name=piped memory=96 | true
sleep 2; vmctl list > /tmp/out; grep -q '^piped' /tmp/out || fail "the reader of its output went away, and so did it"
vmctl create /guest/domU.cfg name=piped > /tmp/out 2>&1 && fail "created twice"
grep -q 'already there' /tmp/out || fail "a duplicate name is refused for another reason"
vmctl destroy piped; same "destroy"
"""

run = Run("--vmctl", script=SCRIPT, timeout=300, shipped=True)  # the cache of unpacked kernels is under test, too
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-400:]}", run)
passed("refused or killed in any step: nothing left")
