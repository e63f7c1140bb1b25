#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The processes beside a domain: a console daemon that is stopped, or killed, gets all consoles back when it starts
again, goes on when its disk is full, and leaves no node; parapet-lifed restarts a guest whose configuration named its
files from another directory, rotates its log, and keeps a crashed guest (on_crash preserve) or sets it aside and starts
another (rename-restart).
Where xenstored is gone, vmctl says so and does not wait for ever."""
from harness import Run, expect, passed

SCRIPT = r"""
fail() { echo "FAILED $*"; vmctl list; tail -n 3 /var/log/parapet-events.log /var/log/consoled2.log; exit 1; }
within() { # seconds, what, command: until it succeeds
    tries=$(($1 * 5)); what=$2; shift 2
    until eval "$*"; do tries=$((tries - 1)); [ $tries -lt 0 ] && fail "$what"; usleep 200000; done
}
number() { vmctl list | awk '/^first / { print $2 }'; }
state() { vmctl list | awk '$1 == "'$1'" { print $5 }'; }
tty() { xenstore-read /local/domain/$(number)/console/tty; }
answers() { # the guest's shell computes what we look for
    ( sleep 1; echo "echo answer-\$((6 * $1))"; sleep 3 ) | timeout 6 vmctl console first > /tmp/console 2>&1
    grep -q "answer-$((6 * $1))" /tmp/console
}
mkdir -p /tmp/disk && mount -t tmpfs -o size=64k disk /tmp/disk
cd /guest
sed 's,/guest/,,; s/on_reboot.*/on_reboot = "restart"/' domU.cfg > /tmp/rel.cfg
sed -i 's/on_crash.*/on_crash = "rename-restart"/' /tmp/rel.cfg
vmctl create /tmp/rel.cfg || fail create
cd /
within 60 "no user space" grep -q PARAPET-DOMU-READY /var/log/parapet/first.log
within 10 "no answer" answers 2
kill $(pidof parapet-consoled); within 5 "no end by SIGTERM" '! pidof parapet-consoled > /dev/null'
[ -z "$(tty)" ] || fail "$(tty) is still published"
parapet-consoled --log /tmp/disk > /var/log/consoled2.log 2>&1 &
within 10 "no answer after SIGTERM" answers 3
kill -9 $(pidof parapet-consoled); sleep 1
parapet-consoled --log /tmp/disk > /var/log/consoled2.log 2>&1 &
within 10 "no answer after SIGKILL" answers 4
( sleep 1; echo 'for i in $(seq 3000); do echo 0123456789012345678901234567890123456789; done'; sleep 8 ) |
    timeout 12 vmctl console first > /dev/null 2>&1
[ $(stat -c %s /tmp/disk/first.log) -ge 61440 ] || fail "the disk is not full: $(ls -l /tmp/disk)"
within 10 "no answer with a full disk" answers 5
[ $(grep -c 'output is lost' /var/log/consoled2.log) = 1 ] || fail "says $(cat /var/log/consoled2.log)"
vmctl create /guest/domU.cfg name=kept memory=96 on_crash=preserve \
    "extra='console=hvc0 parapet.mode=crash'" || fail kept
before=$(number)
head -c 1048576 /dev/zero > /var/log/parapet-events.log
vmctl shutdown -r first
within 30 "no restart" '[ "$(number)" ] && [ "$(number)" != $before ]'
within 5 "no word of the restart" grep -q '"created.*first.*domain.*:$(number),"' /var/log/parapet-events.log
[ $(stat -c %s /var/log/parapet-events.log.1) = 1048576 ] || fail "the log is not rotated: $(ls -l /var/log)"
within 5 "no console" '[ "$(tty)" ]'
within 60 "kept is $(state kept)" '[ "$(state kept)" = crash ]'
before=$(number)
within 60 "no user space after the restart" answers 6
( sleep 1; echo 'echo c > /proc/sysrq-trigger'; sleep 1 ) | timeout 3 vmctl console first > /dev/null 2>&1
within 30 "no restart after a crash" '[ "$(number)" ] && [ "$(number)" != $before ]'
[ "$(vmctl list | awk '$1 == "first-1" { print $2, $5 }')" = "$before crash" ] || fail "first-1 is not domain $before"
within 60 "no user space after the crash" answers 7
[ "$(state kept)" = crash ] || fail "kept is $(state kept)"
vmctl destroy first-1; vmctl destroy kept
vmctl destroy first; sleep 1
vmctl list | grep -E '^(first|kept)' && fail "a domain is left"
xenstore-ls /local/domain | grep -q tty && fail "a node is left"
kill $(pidof xenstored); within 5 "xenstored stays" '! pidof xenstored > /dev/null'
timeout 60 vmctl list 2>&1 | grep -q 'is xenstored running?' || fail "no word of xenstored's end"
vmctl crate x 2>&1 | grep -q "did you mean 'create'" || fail "no did-you-mean"
exit 0
"""

run = Run("--vmctl", script=SCRIPT, timeout=300)
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-500:]}", run)
passed("consoles come back, the guest restarts, crashed ones are kept, nothing is held")
