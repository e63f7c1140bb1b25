#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock iperf3 with 64 parallel streams over split interfaces on a bridge: a domU to dom0 and to
another domU; every stream moves data, none fails, and pings from dom0 to both all get through meanwhile. A domain
destroyed under that load leaves nothing (grants, frames, ports, nodes). Not `iperf3 -R`: with so many streams Debian's
client stops reading its sockets, on Xen as well.

  net_load.py [SECONDS]        each way: 8 by default; make net-load takes five minutes each
"""
import pathlib, re, sys, tempfile
from harness import Run, expect, passed, skip_on_xen, verdicts
import programs

STREAMS = 64
GUEST = r"""#!/bin/sh
export PATH=/sbin:/bin HOME=/root TERM=linux LD_LIBRARY_PATH=/lib
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev 2> /dev/null; dmesg -n 4
insmod /lib/modules/xen-netfront.ko
until [ -e /sys/class/net/eth0 ]; do usleep 50000; done
ip link set lo up; ip addr add $addr/24 dev eth0; ip link set eth0 up
iperf3 -s > /tmp/server.out 2>&1 &
echo "PARAPET-DOMU-READY"
while :; do setsid cttyhack sh -l; done
"""
# In a domU: one way of the load; streams are those that moved something, as the receiver counts.
LOAD = r"""#!/bin/sh
label=$1; shift
iperf3 "$@" -P 64 -i 0 -f m > /tmp/iperf.out 2>&1
status=$?; echo # the shell's prompt may stand in this line
echo "IPERF $label status $status streams $(grep receiver /tmp/iperf.out | grep -vc -e SUM -e ' 0.00 [A-Z]*Bytes') \
$(grep 'SUM.*receiver' /tmp/iperf.out) $(grep -i error /tmp/iperf.out)"
"""
SCRIPT = r"""
cd / && cpio -id < /iperf.cpio 2> /dev/null
ip link add xenbr0 type bridge && ip addr add 10.9.0.1/24 dev xenbr0 && ip link set xenbr0 up || fail "bridge"
iperf3 -s > /tmp/server.out 2>&1 &
config() { # name, address
    sed "s/^name.*/name = '$1'/; s/^memory.*/memory = 160/; s,^ramdisk.*,ramdisk = '/guest/net',
        s/^extra.*/extra = 'console=hvc0 addr=$2'/" /guest/domU.cfg
    echo "vif = [ 'bridge=xenbr0' ]"
}
config first 10.9.0.2 > /tmp/first.cfg; config second 10.9.0.3 > /tmp/second.cfg
start() {
    rm -f /tmp/in1 /var/log/parapet/*.log; : > /tmp/guest.out
    for d in second first; do
        vmctl create /tmp/$d.cfg > /tmp/out 2>&1 || fail "create $d: $(cat /tmp/out)"
    done
    talk 1
    for n in 2 3; do within 30 "no ping to 10.9.0.$n" ping -c 1 -W 1 10.9.0.$n; done
}
lossless() { # what ping wrote: says what was lost, by number, and who dropped anything
    grep ' packets ' "$1"
    sed -n 's/.* seq=\([0-9]*\) .*/\1/p' "$1" | awk '{ while (n < $1) print "lost " n++; n = $1 + 1 }' | tr '\n' ' '
    grep -H . /sys/class/net/*/statistics/*drop* | grep -v ':0$' | tr '\n' ' '
    grep -q ' 0% packet loss' "$1"
}
load() { # label, iperf3's words: with pings to both meanwhile
    guest "{ sh /load $* & }"
    for n in 2 3; do ping -c $((seconds * 4)) -i 0.25 -W 10 10.9.0.$n > /tmp/ping.$n & pings="$pings $!"; done
    within $((seconds * 3 + 120)) "iperf3 does not end: $1" grep -q "'^IPERF $1 '" "$(log first)"
    wait $pings; pings=
    grep "^IPERF $1 " "$(log first)" | tr -d '\r'
    for n in 2 3; do
        good "ping-$n-during-$1 $(sed -n 's/.*= //p' /tmp/ping.$n | tail -n 1)" lossless /tmp/ping.$n
    done
}
start
load domU-to-dom0 -c 10.9.0.1 -t $seconds
load domU-to-domU -c 10.9.0.3 -t $seconds
exec 5>&-
good destroy vmctl destroy first; good destroy-second vmctl destroy second
sleep 1; count > /tmp/start
start
guest "{ sh /load never -c 10.9.0.3 -t 600 & }"
within 30 "no load" '[ "$(cat /sys/class/net/vif$(number).0/statistics/rx_bytes)" -gt 4000000 ]'
exec 5>&-
good destroy-under-load vmctl destroy first
good other-goes-on eval "ping -c 4 -i 0.25 10.9.0.3 | grep -q ' 0% packet loss'"
good destroy-other vmctl destroy second
same /tmp/start "destroy under load" && echo "OK nothing-left $(tr '\n' ' ' < /tmp/now)"
dmesg | grep -E 'BUG:|WARNING:|Oops|general protection|NETDEV WATCHDOG' && echo "BAD dom0's kernel complains"
exit 0
"""
VERDICTS = 10


def main():
    skip_on_xen()
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    with tempfile.TemporaryDirectory(prefix="parapet-net-") as tmp:
        tmp, iperf = pathlib.Path(tmp), programs.image.Cpio()
        programs.add(iperf, "iperf3")
        (tmp / "iperf").write_bytes(iperf.bytes())
        programs.initrd(tmp / "net", {"init": GUEST, "load": LOAD}, "iperf3")
        script = (pathlib.Path(__file__).parent / "devices.sh").read_text() + f"seconds={seconds}\n" + SCRIPT
        run = Run("--vmctl", "--file", f"guest/net={tmp / 'net'}", "--file", f"iperf.cpio={tmp / 'iperf'}",
                  script=script, timeout=300 + 2 * seconds)
    oks = verdicts(run, VERDICTS)
    ways = re.findall(r"^IPERF (\S+) status 0 streams (\d+) .* ([\d.]+) Mbits/sec +receiver *$", run.out, re.M)
    expect(len(ways) == 2 and all(int(n) == STREAMS for _, n, _ in ways), f"iperf3: {ways}\n{run.out}")
    rates = ", ".join(f"{way} {rate} Mbit/s" for way, _, rate in ways)
    passed(f"{STREAMS} streams, {seconds} s each way: {rates}; no ping lost; {oks[-1].partition(' ')[2]}")


if __name__ == "__main__":
    main()
