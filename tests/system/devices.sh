# SPDX-License-Identifier: MIT
# What the tests of split devices share in dom0; put in front of their scripts. A test writes its own lines as OK or
# BAD; anything that makes going on useless is FAILED.
exec 3>&1
trap 'kill $(jobs -p) 2> /dev/null' EXIT # nobody may hold our output when we are gone
fail() { echo "FAILED $*" >&3; tail -n 5 /var/log/parapet/first.log >&3; exit 1; }
good() { # LABEL COMMAND...
    label=$1; shift
    if "$@" > /tmp/out 2>&1; then echo "OK $label"; else echo "BAD $label: $(tail -n 3 /tmp/out)"; fi
}
within() { # seconds, what, command: until it succeeds
    tries=$(($1 * 5)); what=$2; shift 2
    until eval "$*" > /dev/null 2>&1; do tries=$((tries - 1)); [ $tries -lt 0 ] && fail "$what"; usleep 200000; done
}
# the first device that dom0 serves makes the hypervisor's tables grow (12 KiB), and they stay so for the next
grown='free_frames|heap_bytes'
count() { # leaves out what $uncounted says
    vmctl --json info | tr -d ' ,' |
        grep -E '"(domains|free_frames|xenstore_nodes|heap_bytes|open_ports|grant_mappings|foreign_mappings)"' |
        grep -vE "^\"(${uncounted:-none})\""
    losetup -a; ls /sys/bus/xen-backend/devices; ls /sys/class/net
}
same() { # file of an earlier count, what was done: nothing is left of it
    tries=0
    until count > /tmp/now 2>&1; cmp -s "$1" /tmp/now; do
        tries=$((tries + 1))
        [ $tries -gt 50 ] && { echo "BAD left after $2: $(diff "$1" /tmp/now | tr '\n' ' ')"; return 1; }
        usleep 200000
    done
}
refused() { # LABEL PATTERN COMMAND...: status not 0, a message that matches, nothing left behind
    label=$1 pattern=$2; shift 2
    count > /tmp/unrefused 2>&1
    "$@" > /tmp/out 2>&1 && { echo "BAD $label: status 0"; return; }
    grep -q -- "$pattern" /tmp/out || { echo "BAD $label: $(cat /tmp/out)"; return; }
    same /tmp/unrefused "$label" && echo "OK $label"
}
log() { echo "/var/log/parapet/$1.log"; }
second_config() { # of programs.SECOND, with a disk of 1 MiB, and an interface if its words are given
    head -c 1048576 /dev/zero > /tmp/second.img
    sed "s/^name.*/name = 'second'/; s/^memory.*/memory = 96/; s,^ramdisk.*,ramdisk = '/guest/second'," \
        /guest/domU.cfg > /tmp/second.cfg
    echo "disk = [ '/tmp/second.img,raw,xvda,w' ]" >> /tmp/second.cfg
    [ -z "$1" ] || echo "vif = [ '$1' ]" >> /tmp/second.cfg
}
rounds() { grep -c '^SECOND-ROUND' "$(log second)"; }
start_second() {
    rm -f "$(log second)"
    vmctl create /tmp/second.cfg > /tmp/out 2>&1 || fail "create second: $(cat /tmp/out)"
    within 60 "the second domain" '[ "$(rounds)" -gt 1 ]'
    grep -q ^vif /tmp/second.cfg || return 0
    within 20 "the second domain's network" ping -c 1 -W 2 10.9.0.9
}
turn=0
number() { vmctl list | awk '/^first / { print $2 }'; }
talk() { # with the shell on the guest's console in its boot number $1, as guest() does
    within 60 "the guest's user space" '[ "$(grep -c PARAPET-DOMU-READY /var/log/parapet/first.log)" -ge '"$1 ]"
    console "$1"
    guest "echo hello" || fail "the guest's shell says nothing"
}
console() { # of boot number $1: its input is descriptor 5, its output /tmp/guest.out
    within 10 "the guest's console" '[ "$(xenstore-read /local/domain/$(number)/console/tty)" ]'
    mkfifo "/tmp/in$1"
    vmctl console first < "/tmp/in$1" > /tmp/guest.out 2>&1 &
    exec 5> "/tmp/in$1"
}
guest() { # a command for the guest's shell: its status is ours, what it printed is in /tmp/said
    turn=$((turn + 1))
    echo "echo BEGIN-$turn-; $1; echo END-$turn-\$?-" >&5
    within "${patience:-90}" "no answer of the guest to: $1" grep -q "'END-$turn-[0-9]'" /tmp/guest.out
    tr -d '\r' < /tmp/guest.out | sed -n "/^BEGIN-$turn-/,/END-$turn-[0-9]/p" | sed '1d;$d' > /tmp/said
    return "$(sed -n "s/.*END-$turn-\([0-9]*\)-.*/\1/p" /tmp/guest.out | tail -n 1)"
}
