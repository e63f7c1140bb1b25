#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Split network interfaces, stock xen-netback to stock xen-netfront, set up by vmctl: two interfaces on two bridges,
with a MAC given and one made up, a rate and a name; pings and bulk transfers both ways with checksums; hot attach and
detach, which a reboot keeps; what cannot be is refused and leaves nothing, nor does a domain destroyed in the middle of
a transfer."""
import pathlib
from harness import Run, expect, passed, skip_on_xen, verdicts

skip_on_xen()
VERDICTS = 38
SCRIPT = r"""
list() { vmctl net-list first | awk -v n="$1" '$2 == n { print $4, $5 }'; }
connected() { within 30 "interface $1 in the guest" '[ "$(list '$1')" = "connected connected" ]'; }
key() { xenstore-read "/local/domain/0/backend/vif/$(number)/$1"; }
for b in 0 1; do
    ip link add xenbr$b type bridge && ip addr add 10.9.$b.1/24 dev xenbr$b && ip link set xenbr$b up ||
        fail "bridge $b"
done
ip link set xenbr1 mtu 1400
vmctl create /guest/domU.cfg > /tmp/out 2>&1 || fail "create: $(cat /tmp/out)"; vmctl destroy first; sleep 2
uncounted=$grown; count > /tmp/start; uncounted=
sed 's/^on_reboot.*/on_reboot = "restart"/
    $ a vif = [ "mac=00:16:3E:0a:0b:0C,vifname=guest0", "bridge=xenbr1,rate=100Mb/s@20ms,ip=10.9.1.2,model=e1000" ]' \
    /guest/domU.cfg > /tmp/nets.cfg
good create vmctl create /tmp/nets.cfg
good rate [ "$(key 1/rate)" = 250000,20000 ]
good ip-key [ "$(key 1/ip)" = 10.9.1.2 ]
good random-mac eval 'key 1/mac | grep -qE "^00:16:3e(:[0-9a-f]{2}){3}$"'
good bridged eval '[ -e /sys/class/net/xenbr0/brif/guest0 ] && [ -e /sys/class/net/xenbr1/brif/vif$(number).1 ]'
good mtu [ "$(cat "/sys/class/net/vif$(number).1/mtu")" = 1400 ]
talk 1
connected 0; connected 1
good mac guest '[ "$(cat /sys/class/net/eth0/address)" = 00:16:3e:0a:0b:0c ]'
good addresses guest 'for n in 0 1; do ip addr add 10.9.$n.2/24 dev eth$n && ip link set eth$n up; done'
within 20 "the first ping" ping -c 1 -W 1 10.9.0.2
for n in 0 1; do
    good "ping-guest-$n" eval "ping -c 5 -i 0.2 10.9.$n.2 | grep -q ' 0% packet loss'"
    good "ping-dom0-$n" guest "ping -c 5 -i 0.2 10.9.$n.1 | grep ' 0% packet loss'"
done
head -c 12000000 /dev/urandom > /tmp/data
sum=$(sha256sum < /tmp/data)
for n in 0 1; do
    guest "{ nc -l -p 500$n -e sh -c 'cat > /tmp/data' & }"
    usleep 500000
    nc "10.9.$n.2" "500$n" < /tmp/data
    guest 'wait; sha256sum < /tmp/data'
    good "bulk-in-$n" grep -qxF "$sum" /tmp/said
    nc -l -p "510$n" -e sh -c 'cat > /tmp/back' & server=$!
    usleep 500000
    guest "nc 10.9.$n.1 510$n < /tmp/data"
    wait $server
    good "bulk-out-$n" [ "$(sha256sum < /tmp/back)" = "$sum" ]
done
good attach vmctl net-attach first bridge=xenbr1 mac=00:16:3e:00:00:77
connected 2
good hot-mac guest '[ "$(cat /sys/class/net/eth2/address)" = 00:16:3e:00:00:77 ]'
refused duplicate-mac "MAC address 00:16:3e:00:00:77 is that of interface 2 of 'first'" \
    vmctl net-attach first mac=00:16:3E:00:00:77
refused duplicate-elsewhere "^/tmp/nets.cfg:[0-9]*:9: 'vif': the MAC address 00:16:3e:0a:0b:0c is that of interface 0" \
    vmctl create /tmp/nets.cfg name=other
good detach vmctl net-detach first 00:16:3e:00:00:77
good gone guest 'for n in $(seq 50); do [ -e /sys/class/net/eth2 ] || break; usleep 100000; done; [ $n != 50 ]'
vmctl pause first
refused paused 'does not run.*--force' vmctl net-detach first 1
good force vmctl net-detach first 1 --force
vmctl unpause first
good still-there eval "ping -c 2 10.9.0.2 | grep -q ' 0% packet loss'"
refused no-bridge 'there is no bridge xenbr7: domain 0 has xenbr0, xenbr1' vmctl net-attach first bridge=xenbr7
refused not-a-bridge 'lo is no bridge' vmctl net-attach first bridge=lo
refused bad-mac "^vif \"mac=00:16:3e:1\":1: '00:16:3e:1' is not a MAC address" vmctl net-attach first mac=00:16:3e:1
refused group-mac "is a group's" vmctl net-attach first mac=01:16:3e:11:11:11
refused taken-name 'has a network device guest0 already' vmctl net-attach first vifname=guest0
refused script 'no scripts are run here' vmctl net-attach first script=vif-route
refused unknown-device 'has no network interface 9 (it has 0 00:16:3e:0a:0b:0c)' vmctl net-detach first 9
refused create-no-bridge "^/tmp/bad.cfg:[0-9]*:9: 'vif': there is no bridge xenbr7" sh -c \
    'sed "s/^name.*/name = \"other\"/; s/vif = .*/vif = [ \"bridge=xenbr7\" ]/" /tmp/nets.cfg > /tmp/bad.cfg
    vmctl create /tmp/bad.cfg'
good attach-to-keep vmctl net-attach first bridge=xenbr1 mac=00:16:3e:00:00:78
old=$(number)
vmctl shutdown -r first
within 60 "no restart" '[ "$(number)" ] && [ "$(number)" != '$old' ]'
exec 5>&-; : > /tmp/guest.out
talk 2
connected 0; connected 1
good reboot [ "$(key 0/mac) $(key 1/mac)" = "00:16:3e:0a:0b:0c 00:16:3e:00:00:78" ]
good address guest 'ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up'
nc -l -p 5200 -e sh -c 'cat > /dev/null' & server=$!
usleep 300000
guest "{ nc 10.9.0.1 5200 < /dev/zero > /dev/null 2>&1 & }"
sleep 1
good destroy vmctl destroy first
kill $server
uncounted=$grown
same /tmp/start "destroy in a transfer" && echo "OK nothing-left $(tr '\n' ' ' < /tmp/now)"
dmesg | grep -E 'BUG:|WARNING:|Oops|general protection' && echo "BAD dom0's kernel complains"
exit 0
"""

script = (pathlib.Path(__file__).parent / "devices.sh").read_text() + SCRIPT
run = Run("--vmctl", script=script, timeout=400)
oks = verdicts(run, VERDICTS)
passed(f"{len(oks)} checks; {oks[-1].partition(' ')[2]}")
