#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""xenstored is killed and started anew while a domain writes to its disk and answers pings: it goes on; vmctl says
what is wrong while there is no xenstored; a new domain with a disk is refused afterwards with the reason (dom0's
kernel hears of no new backend until the next boot); destroying the old one takes its backends from dom0's drivers, so
that no grant, frame, port, loop device or interface stays behind."""
import pathlib, tempfile
from harness import Run, expect, passed, skip_on_xen, verdicts
import programs

VERDICTS = 13
SCRIPT = r"""
uncounted=$grown
# the kernel keeps the names of devices that lost their driver
everything() { count | grep -vE '^(vbd|vif|console)-[0-9]'; }
goes_on() {
    before=$(rounds); within 60 "the domain stands still $1" '[ "$(rounds)" -gt $((before + 2)) ]'
    good "ping-$1" eval "ping -c 4 -i 0.25 10.9.0.9 | grep -q ' 0% packet loss'"
    echo "OK goes-on-$1"
}
number() { vmctl list | awk '$1 == "second" { print $2 }'; }
ip link add xenbr0 type bridge && ip addr add 10.9.0.1/24 dev xenbr0 && ip link set xenbr0 up || fail "bridge"
second_config bridge=xenbr0,vifname=guest0
head -c 1048576 /dev/zero > /tmp/other.img
start_second; vmctl destroy second; sleep 1; uncounted=xenstore_nodes; everything > /tmp/start
start_second
old=$(number)
goes_on before
kill -9 $(pidof xenstored); within 5 "xenstored stays" '! pidof xenstored'
timeout 60 vmctl disk-list second > /tmp/told 2>&1; good no-store [ $? != 0 ]
good no-store-said grep -q 'is xenstored running' /tmp/told
timeout 60 vmctl disk-attach second /tmp/other.img,raw,xvdb,w > /tmp/told 2>&1; good no-attach [ $? != 0 ]
goes_on without-xenstored
rm -f /run/xenstored.pid; xenstored --pid-file /run/xenstored.pid 3>&- || fail "xenstored does not start again"
within 20 "the domain is not known again" '[ "$(number)" = '"$old"' ]'
goes_on with-a-new-xenstored
sed "s/^name.*/name = 'other'/; s,second.img,other.img,; /^vif/d" /tmp/second.cfg > /tmp/other.cfg
vmctl create /tmp/other.cfg > /tmp/told 2>&1; good no-new-disk [ $? != 0 ]
good no-new-disk-said grep -q "other.cfg:[0-9]*:10: 'disk': .*started anew since domain 0 booted" /tmp/told
vmctl destroy second > /tmp/told 2>&1; good destroy [ $? = 0 ]
good destroy-said grep -q "knows disk 51712 of domain $old no more" /tmp/told
for try in $(seq 50); do everything > /tmp/now; cmp -s /tmp/start /tmp/now && break; usleep 200000; done
cmp -s /tmp/start /tmp/now || echo "BAD left: $(diff /tmp/start /tmp/now | tr '\n' ' ')"
grep -E 'SECOND-BROKEN|BUG:|Oops' "$(log second)" && echo "BAD the domain complains"
dmesg | grep -E 'BUG:|WARNING:|Oops|general protection' && echo "BAD dom0's kernel complains"
exit 0
"""


def main():
    skip_on_xen()
    with tempfile.TemporaryDirectory(prefix="parapet-store-") as tmp:
        second = pathlib.Path(tmp) / "second"
        programs.initrd(second, {"init": programs.SECOND})
        script = (pathlib.Path(__file__).parent / "devices.sh").read_text() + SCRIPT
        run = Run("--vmctl", "--file", f"guest/second={second}", script=script, timeout=300)
    oks = verdicts(run, VERDICTS)
    passed(f"{len(oks)} checks")


if __name__ == "__main__":
    main()
