#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A whole Debian as domU (make debian-domU), disk and network by split drivers: systemd comes up with nothing failed,
an address by DHCP, transfers over the bridge, a network behind dom0's NAT, packages installed from a local archive,
SQLite under load, shutdown; then its file system has nothing for fsck to say."""
import re
from harness import HERE, Run, expect, passed, skip_on_xen, verdicts
import guests

skip_on_xen()
VERDICTS = 22
SCRIPT = r"""
boot_files; serve_addresses
{ config; own_kernel; } > /tmp/debian.cfg
start=$(up)
good create vmctl create /tmp/debian.cfg
login
echo "TIME login $(($(up) - start))"
good running eval 'guest "timeout 200 systemctl is-system-running --wait" && [ "$(cat /tmp/said)" = running ]'
good no-failed-unit eval 'guest "systemctl --failed --no-legend --plain" && [ ! -s /tmp/said ]'
good root-on-xvda1 guest '[ "$(findmnt -no SOURCE /)" = /dev/xvda1 ] && [ "$(findmnt -no FSTYPE /)" = ext4 ]'
good stock-drivers guest 'lsmod | grep -q ^xen_blkfront && lsmod | grep -q ^xen_netfront'
echo "TIME running $(($(up) - start))"
guest systemd-analyze && echo "GUEST $(head -n 1 /tmp/said)"

within 60 "the guest asked for no address: $(cat /tmp/udhcpd.log)" ping -c 1 -W 1 10.9.0.5
good address guest 'ip -4 -o addr show | grep -q "10\.9\.0\.5/24" && ip route | grep -q "default via 10\.9\.0\.1"'
good ping-guest eval 'ping -c 5 -i 0.2 10.9.0.5 | grep " 0% packet loss"'
good ping-dom0 guest 'ping -c 5 -i 0.2 10.9.0.1 | grep " 0% packet loss"'
nc -l -p 5000 > /tmp/got & server=$!
good send guest 'head -c 8000000 /dev/urandom > /root/data && sleep 1 && nc -N 10.9.0.1 5000 < /root/data'
wait $server
guest 'sha256sum < /root/data'
good received eval 'sha256sum < /tmp/got | cmp - /tmp/said'

ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0 && ip route add default via 10.0.2.2 || fail "dom0's eth0"
echo 1 > /proc/sys/net/ipv4/ip_forward
outside='timeout 20 nc -w 5 10.0.2.100 7000 < /dev/null | grep beyond'
good no-way-out-yet guest "! $outside"
nft add table ip nat && nft add chain ip nat post '{ type nat hook postrouting priority 100; }' &&
    nft add rule ip nat post oifname eth0 masquerade || fail "nft"
good nat guest "$outside"

httpd -f -p 10.9.0.1:80 -h /tmp/archive > /dev/null 2>&1 &
good apt-file guest 'apt-get -q -o Dir::Etc::SourceList=/dev/null update && ! type jq &&
    apt-get -qy -o Dir::Etc::SourceList=/dev/null install jq'
good apt-depends guest '[ "$(jq -n 6*7)" = 42 ] && dpkg -s libjq1 libonig5 | grep -c "install ok installed" | grep -x 2'
good apt-http guest 'echo "deb [trusted=yes] http://10.9.0.1/ ./" > /etc/apt/sources.list.d/local.list
    apt-get -q -o Dir::Etc::SourceList=/dev/null update && apt-get -qy -o Dir::Etc::SourceList=/dev/null install tree &&
    tree --version && apt-get check'
echo "TIME apt $(($(up) - start))"

load=$(cat <<"END"
cat > /root/load.sh <<"LOAD"
db=/root/load.db
sqlite3 $db "PRAGMA journal_mode=WAL; CREATE TABLE t(k INTEGER PRIMARY KEY, who INT, v BLOB); CREATE INDEX i ON t(v)"
for who in 1 2; do
    seq 1000 | sed "s/.*/BEGIN IMMEDIATE; INSERT INTO t(who, v) VALUES($who, randomblob(300)); COMMIT;/" |
        sqlite3 -cmd ".timeout 60000" -cmd "PRAGMA synchronous=FULL" $db &
    jobs="$jobs $!"
done
for j in $jobs; do wait $j || exit 1; done
LOAD
END
)
guest "$load
sync" || fail "no load.sh"
good sqlite-load guest 'sh /root/load.sh'
echo "TIME sqlite $(($(up) - start))"
good sqlite-count guest '
    [ "$(sqlite3 /root/load.db "SELECT who, count(*) FROM t GROUP BY who" | tr "\n" " ")" = "1|1000 2|1000 " ]'
good sqlite-integrity guest '[ "$(sqlite3 /root/load.db "PRAGMA integrity_check")" = ok ]'
good kernel-quiet guest '! dmesg | grep -E "BUG:|WARNING:|Oops|I/O error|EXT4-fs error|blocked for more"'
good still-running eval 'guest "systemctl --failed --no-legend --plain" && [ ! -s /tmp/said ]'
good shutdown vmctl shutdown --wait first
[ -z "$(number)" ] || fail "still there: $(vmctl list)"
check_disk; echo "OK fsck $(tail -n 1 /tmp/fsck)"
echo "TIME off $(($(up) - start))"
dmesg | grep -E 'BUG:|WARNING:|Oops|general protection' && echo "BAD dom0's kernel complains"
exit 0
"""

with guests.debian_disk() as (tmp, drive):
    files = guests.module_files(tmp, guests.DISK + guests.NET + guests.NAT) + guests.fsck_files() + guests.nft_files()
    net = "-nic 'user,model=virtio-net-pci,restrict=on,guestfwd=tcp:10.0.2.100:7000-cmd:echo beyond'"
    script = "".join((HERE / name).read_text() for name in ("devices.sh", "debian.sh")) + SCRIPT
    run = Run("--vmctl", "--qemu-args", f"{drive} {net}", *files, script=script, timeout=600)
oks = verdicts(run, VERDICTS)
times = re.findall(r"^TIME (\w+) (\d+)", run.out, re.M)
passed(f"{len(oks)} checks; {oks[-1].partition(' ')[2]}; seconds: {', '.join(' '.join(t) for t in times)}")
