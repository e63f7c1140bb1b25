# SPDX-License-Identifier: MIT
# Runs in dom0: creates an 8 MB domain (the second time warm, counted as operation 209), then two domains that
# play ping-pong over an event channel (operation 90, counted by pvbench itself).
if [ -e /parapet.xl ]; then ctl=xl; else ctl=vmctl; fi
fail() { echo "bench: $*"; cat /var/log/xen/console/*.log /var/log/parapet/*.log 2>/dev/null; exit 1; }
config() {
    printf 'name="%s"\nkernel="/bench/pvbench"\nextra="%s"\nmemory=8\nvcpus=1\n' "$1" "$2" > "/tmp/$1.cfg"
}
console() { cat "/var/log/xen/console/guest-$1.log" "/var/log/parapet/$1.log" 2>/dev/null | tr -d '\r'; }
wait_for() { # domain, pattern
    tries=0
    until console "$1" | grep -q "$2"; do
        tries=$((tries + 1)); [ $tries -gt 30 ] && fail "$1 does not say $2"
        sleep 1
    done
}
newest() { xenstore-list /local/domain | sort -n | tail -n 1; }

config idle1 idle; config idle2 idle
$ctl create /tmp/idle1.cfg || fail "create"
/bench/net run9 create $ctl create /tmp/idle2.cfg || fail "warm create"
id=$(newest)
config ping "A$((id + 2))"
$ctl create /tmp/ping.cfg || fail "create ping"
wait_for ping "A port"
port=$(console ping | sed -n 's/^A port \([0-9]*\).*/\1/p')
config pong "B$(newest):$port"
$ctl create /tmp/pong.cfg || fail "create pong"
wait_for ping "pingpong done"
console ping
