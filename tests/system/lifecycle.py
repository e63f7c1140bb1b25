#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Domains that power off, reboot (twice) and crash, with each on_* action; parapet-lifed
killed and started in between, also in the middle of a restart; renamed and resized domains keep that when they are
started again; a domain that never stays up is given up; events and crash cards say what happened; a directory of
configurations is started, one bad among them; xenstored is killed and started: domains run on and can be managed."""
from harness import BUILD, Run, expect, passed, skip_on_xen

skip_on_xen()
SCRIPT = r"""
fail() { echo "FAILED $*"; vmctl list; tail -n 6 /var/log/parapet-events.log /var/log/lifed.log; cat /tmp/out; exit 1; }
within() { # seconds, what, command: until it succeeds
    tries=$(($1 * 15)); what=$2; shift 2 # a busy host gets three times as long
    until eval "$*"; do tries=$((tries - 1)); [ $tries -lt 0 ] && fail "$what"; usleep 200000; done
}
number() { vmctl list | awk '$1 == "'$1'" { print $2 }'; }
state() { vmctl list | awk '$1 == "'$1'" { print $5 }'; }
ready() { grep -c PARAPET-DOMU-READY /var/log/parapet/$1.log 2>/dev/null; }
said() { grep -q "\"event\":\"$2\",\"name\":\"$1\".*$3" /var/log/parapet-events.log; }
status() { # what it shall be, words, command
    wanted=$1 words=$2; shift 2
    "$@" > /tmp/out 2>&1; got=$?
    [ $got = $wanted ] || fail "status $got, not $wanted, of $*"
    grep -q "$words" /tmp/out || fail "no '$words' of $*"
}
lifed() { parapet-lifed >> /var/log/lifed.log 2>&1 & within 5 "no parapet-lifed" 'pidof parapet-lifed > /dev/null'; }
stop_lifed() { kill -$1 $(pidof parapet-lifed); within 5 "parapet-lifed stays" '! pidof parapet-lifed > /dev/null'; }
create() { vmctl create /guest/domU.cfg memory=96 "$@" > /tmp/out 2>&1 || fail "create $*"; }
mode() { echo "extra='console=hvc0 parapet.mode=$1'"; }
vmctl --json events --follow > /tmp/follow 2>&1 &
follower=$!

# Each end, each action. What ends while nobody attends is seen to later.
stop_lifed TERM
create name=off "$(mode poweroff)"
grep -q 'parapet-lifed does not run' /tmp/out || fail "create does not tell that nobody attends"
create name=kept on_crash=preserve "$(mode crash)"
within 60 "off is $(state off)" '[ "$(state off)" = poweroff ]'
within 60 "kept is $(state kept)" '[ "$(state kept)" = crash ]'
status 3 'nobody would start' vmctl reboot kept --wait
lifed
within 10 "off is not destroyed" '[ -z "$(number off)" ]'
within 10 "kept is not settled" 'said kept action preserve'
[ "$(state kept)" = crash ] || fail "kept is $(state kept)"
kept=$(number kept)
echo "OK late: destroy, preserve"

# The crash card, of one that is still there.
vmctl why kept > /tmp/out || fail "why kept"
for words in 'kept (domain' 'reports its own crash' 'vCPU 0 (kernel mode)' 'rip .*0xffffffff8' '^stack: 0x' 'sched_op' \
    '^console:' 'Kernel panic'; do grep -q "$words" /tmp/out || fail "the card of kept has no '$words'"; done
[ "$(sed -n 's/^hypercalls, the last one first: //p' /tmp/out | wc -w)" = 20 ] || fail "not the last 20 hypercalls"
vmctl --json why kept | grep -q '"hypercalls"' || fail "no card as JSON"
status 3 'is down already (crash)' vmctl shutdown kept
status 3 'is down' vmctl mem-set kept 64
echo "OK card"

create name=set on_crash=rename-restart "$(mode crash)"
within 60 "no set-1" '[ "$(state set-1)" = crash ]'
within 60 "set is not started again" '[ "$(number set)" ]'
within 30 "set stays" '
    for n in $(vmctl list | grep -o "^set[-0-9]*"); do vmctl destroy $n; done
    ! vmctl list | grep -q ^set && [ "$(ls /run/parapet/domains | wc -l)" = 1 ]' # of kept; none is to come
vmctl destroy kept || fail "destroy kept"
vmctl why kept > /tmp/out || fail "no card of kept once it is gone"
grep -q "domain $kept" /tmp/out || fail "another card of kept"
echo "OK rename-restart"

# Two reboots, with a rename, another size, and a killed parapet-lifed in between.
create name=again maxmem=160 on_reboot=restart on_poweroff=destroy
first=$(number again)
within 60 "no user space" '[ "$(ready again)" = 1 ]'
status 3 "already there" vmctl rename again again
status 3 "may have letters" vmctl rename again 'two words'
vmctl rename again other || fail rename
[ "$(number other)" = $first ] && [ -z "$(number again)" ] || fail "rename"
memory() { # what the guest itself counts
    ( sleep 1; echo 'echo total-$(awk "/MemTotal/ { print \$2 }" /proc/meminfo)-'; sleep 2 ) |
        timeout 5 vmctl console other > /tmp/console 2>&1
    sed -n 's/.*total-\([0-9][0-9]*\)-.*/\1/p' /tmp/console | tail -n 1
}
before=$(memory)
vmctl mem-set other 120 --wait > /tmp/out 2>&1 || fail "mem-set up"
up=$(memory)
[ $up -gt $((before + 16000)) ] || fail "the guest has $up KiB after $before"
vmctl mem-set other 80m --wait > /tmp/out 2>&1 || fail "mem-set down"
down=$(memory)
[ $down -lt $((before - 14000)) ] || fail "the guest has $down KiB after $before"
status 3 'may have 160 MiB at most' vmctl mem-set other 200
status 3 'mem-set first' vmctl mem-max other 40
status 3 'no amount of memory' vmctl mem-set other much
vmctl mem-max other 200 || fail mem-max
vmctl mem-set other 100 --wait > /tmp/out 2>&1 || fail "mem-set 100"
echo "OK memory: the guest saw $before KiB, then $up, then $down"
stop_lifed KILL; lifed
vmctl reboot other --wait > /tmp/out 2>&1 || fail "reboot --wait"
second=$(number other)
[ "$second" ] && [ $second != $first ] || fail "other is domain $second after $first"
[ "$(vmctl list | awk '$1 == "other" { print $3 }')" = 100 ] || fail "its memory is not what it was"
within 60 "no user space after the reboot" '[ "$(ready other)" = 1 ]'
# parapet-lifed is killed in the middle of the restart
vmctl shutdown other --reboot
within 30 "no restart is under way" '
    said other action "\"reason\":\"reboot\",\"detail\":\"restart\"" && [ "$(number other)" != $second ]'
stop_lifed KILL; lifed
within 60 "lost in a restart that was killed" '[ "$(state other)" ] && [ "$(number other)" != $second ]'
within 60 "no user space after the second reboot" '[ "$(ready other)" -ge 2 ]'
echo "OK reboots"

vmctl pause other; status 3 'is paused' vmctl shutdown other; vmctl unpause other
status 4 "there is no domain 'oter'.*did you mean 'other'" vmctl reboot oter
status 3 'domain 0 ends by its own' vmctl shutdown 0
status 3 'domain 0 cannot be renamed' vmctl rename 0 zero
status 2 'shutdown needs either' vmctl shutdown
status 4 'no end of it is known' vmctl why nobody
vmctl shutdown other --wait > /tmp/out 2>&1 || fail "shutdown --wait"
[ -z "$(number other)" ] || fail "other is $(state other) after shutdown --wait"
echo "OK refusals"

# One that never stays up.
vmctl create /guest/domU.cfg name=loop kernel=/guest/reboot "ramdisk=/guest/initrd" on_reboot=restart > /tmp/out 2>&1 ||
    fail "create loop"
within 60 "loop is started for ever" 'said loop action "not started again"'
within 10 "loop is $(state loop)" '[ -z "$(number loop)" ]'
echo "OK throttled after $(grep -c '"created","name":"loop"' /var/log/parapet-events.log) lives"

# One that cannot be started again.
cp /guest/initrd /tmp/initrd
create name=gone ramdisk=/tmp/initrd on_reboot=restart "$(mode reboot)"
rm /tmp/initrd
within 60 "no word of the failed restart" 'said gone "not started" "No such file"'
within 60 "it is not given up" 'said gone "given up"'
status 0 'given up' vmctl why gone
echo "OK given up"

# A directory of configurations.
mkdir -p /tmp/auto
for n in 1 2; do sed "s/\"first\"/\"auto$n\"/; s/^memory.*/memory = 96/" /guest/domU.cfg > /tmp/auto/$n-good.cfg; done
sed 's/^memory/memroy/' /guest/domU.cfg > /tmp/auto/0-bad.cfg
sed 's/"first"/"auto3"/; s:/guest/vmlinuz:/none:' /guest/domU.cfg > /tmp/auto/3-bad.cfg
echo nonsense > /tmp/auto/notes
status 1 '2 of 4 were not started' vmctl autostart /tmp/auto --jobs 2
grep -q "0-bad.cfg:6:1: .*did you mean 'memory'" /tmp/out || fail "no place of the mistake"
[ "$(number auto1)" ] && [ "$(number auto2)" ] || fail "a bad configuration stopped good ones"
rm /tmp/auto/*bad.cfg
status 0 'is there already' vmctl autostart /tmp/auto
status 4 'No such file' vmctl autostart /none
status 2 'Value' vmctl autostart /tmp/auto --jobs 0
vmctl destroy auto2
within 60 "no user space in auto1" '[ "$(ready auto1)" = 1 ]'
echo "OK autostart"

kill $follower
for event in created shutdown crashed destroyed; do
    grep -q "\"event\":\"$event\"" /tmp/follow || fail "events --follow has no $event: $(head -n 3 /tmp/follow)"
done
vmctl events | grep -q 'kept (domain [0-9]*)  crashed: crash' || fail "no events"
vmctl --json events | grep -v '^{.*}$' && fail "not all lines are objects"
echo "OK events"

# xenstored goes, and a new one comes that knows nothing.
auto1=$(number auto1)
kill -9 $(pidof xenstored); within 5 "xenstored stays" '! pidof xenstored > /dev/null'
timeout 100 vmctl list > /tmp/out 2>&1 && fail "list without xenstored"
grep -q 'is xenstored running' /tmp/out || fail "no clear message"
grep -q 'waiting for it to come back' /var/log/lifed.log || fail "parapet-lifed does not tell"
pidof parapet-lifed > /dev/null || fail "parapet-lifed ended with xenstored"
rm -f /run/xenstored.pid
xenstored --pid-file /run/xenstored.pid || fail "xenstored does not start again"
within 20 "auto1 is not known again" '[ "$(number auto1)" = $auto1 ]'
case $(state auto1) in idle | running | ready) ;; *) fail "auto1 is $(state auto1)" ;; esac
within 20 "no console" '[ "$(xenstore-read /local/domain/$auto1/console/tty 2>/dev/null)" ]'
( sleep 1; echo 'echo answer-$((6 * 7))'; sleep 3 ) | timeout 6 vmctl console auto1 > /tmp/out 2>&1
grep -q answer-42 /tmp/out || fail "auto1 does not answer"
create name=after
within 90 "no user space in a new domain" '[ "$(ready after)" = 1 ]'
vmctl destroy auto1 && vmctl destroy after || fail "destroy after xenstored's end"
echo "OK xenstored"
within 5 "records are left: $(ls /run/parapet/domains)" '[ -z "$(ls /run/parapet/domains)" ]'
exit 0
"""

run = Run("--file", f"guest/reboot={BUILD / 'guest/reboot'}", script=SCRIPT, timeout=500)
lines = run.out.splitlines()
failed = [line for line in lines if line.startswith("FAILED ")]
expect(run.status == 0, f"status {run.status}: {' '.join(failed)}: {' / '.join(lines)[-600:]}", run)
good = [line[3:] for line in lines if line.startswith("OK ")]
expect(len(good) == 11, f"{len(good)} parts, not 11: {good}", run)
passed("; ".join(good))
