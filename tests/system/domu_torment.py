#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reboots and hard kills of the Debian domU while SQLite and a copy of /etc write to its disk. After a reboot its own
fsck finds the file system clean; after a kill the journal is replayed, in turns by the guest's fsck and by one in dom0,
after which another finds nothing at all; every transaction that was told of is there, and the database is whole.

  domu_torment.py [N]      N reboots, N kills; 2 by default, make domu-torment has 20
"""
import re, sys
from harness import HERE, Run, expect, passed, skip_on_xen
import guests

skip_on_xen()
SCRIPT = r"""
log=/var/log/parapet/first.log replayed=0 clean=0 acked=0
acks() { grep -o 'ACK-[0-9]*-' $log | tail -n 1 | tr -dc 0-9; }
now() { cut -d ' ' -f 1 /proc/uptime; }
write() { # in the guest, until it ends; $1 more transactions are told of before we go on
    guest '{ sh /root/writer.sh > /dev/hvc0 2>&1 & }' || fail "no writer"
    within 120 "nothing is written" '[ "$(acks)" -gt '$((acked + $1))' ]'
}
judge() { # the guest is up: $1 is what its own fsck has to say, and its data
    login
    guest 'cat /run/initramfs/fsck.log'
    if grep -q 'recovering journal' /tmp/said; then got=replayed; else got=clean; fi
    grep -q 'xvda1: clean, ' /tmp/said || fail "the guest's fsck: $(cat /tmp/said)"
    [ $got = "$1" ] || fail "$got, not $1, after $2"
    guest 'sqlite3 /root/db "PRAGMA integrity_check; SELECT max(k), count(*) FROM t"' || fail "no reading the database"
    before=$acked; acked=$(acks)
    tr '|\n' '  ' < /tmp/said > /tmp/words; read -r whole most number < /tmp/words
    [ "$whole" = ok ] && [ "$most" = "$number" ] || fail "the database: $(cat /tmp/said)"
    [ "$most" -ge "$acked" ] || fail "transaction $acked was told of, $most is the last"
    guest '! dmesg | grep -E "BUG:|WARNING:|Oops|I/O error|EXT4-fs error"' || fail "the guest's kernel complains"
    echo "ROUND $2 at $(now): $got, $((acked - before)) transactions told of, $((most - acked)) more there"
    acked=$most
}
boot_files; serve_addresses
{ config; own_kernel; } > /tmp/debian.cfg
vmctl create /tmp/debian.cfg || fail create
login
writer=$(cat <<"END"
sqlite3 /root/db "CREATE TABLE t(k INTEGER PRIMARY KEY, v BLOB); CREATE INDEX i ON t(v)"
cat > /root/writer.sh <<"WRITER"
(while :; do rm -rf /root/copy; cp -r /etc /root/copy; done) &
seq 1000000 | sed "s/.*/INSERT INTO t(v) VALUES(randomblob(900)); SELECT 'ACK-' || max(k) || '-' FROM t;/" |
    sqlite3 -cmd ".timeout 60000" -cmd "PRAGMA synchronous=EXTRA" /root/db
WRITER
END
)
guest "$writer
sync" || fail "no database"
round=0
while [ $round -lt $rounds ]; do
    round=$((round + 1)) old=$(number)
    write 20
    if [ $((round % 2)) = 0 ]; then vmctl reboot first --wait || fail reboot; else echo "systemctl reboot" >&5; fi
    within 200 "no reboot" '[ "$(number)" ] && [ "$(number)" != '"$old"' ]'
    judge clean "reboot $round"
    clean=$((clean + 1))
done
round=0
while [ $round -lt $rounds ]; do
    round=$((round + 1))
    write $((RANDOM % 100))
    usleep $((RANDOM * 90))
    vmctl destroy first || fail destroy
    within 20 "not gone" '[ -z "$(number)" ]'
    want=replayed
    if [ $((round % 2)) = 1 ]; then
        e2fsck -f -p /dev/vda1 > /tmp/fsck 2>&1; status=$?
        [ $status -le 1 ] && grep -q 'recovering journal' /tmp/fsck ||
            { cat /tmp/fsck; fail "e2fsck -fp: status $status"; }
        check_disk
        want=clean
    fi
    vmctl create /tmp/debian.cfg || fail "create again"
    judge $want "kill $round"
    replayed=$((replayed + 1))
done
vmctl shutdown --wait first || fail shutdown
check_disk
echo "TORMENT reboots $clean kills $replayed transactions $acked seconds $(now)"
dmesg | grep -A 25 -E 'BUG:|WARNING:|Oops|general protection' && fail "dom0's kernel complains"
exit 0
"""

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
with guests.debian_disk() as (tmp, drive):
    files = guests.module_files(tmp, guests.DISK) + guests.fsck_files()
    script = "".join((HERE / name).read_text() for name in ("devices.sh", "debian.sh"))
    run = Run("--vmctl", "--qemu-args", drive, *files, script=f"{script}rounds={rounds}\n{SCRIPT}",
              timeout=300 + 150 * rounds)
print("\n".join(line for line in run.out.splitlines() if line.startswith("ROUND")))
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-600:]}", run)
done = re.search(r"^TORMENT reboots (\d+) kills (\d+) transactions (\d+) .*", run.out, re.M)
expect(done and done[1] == done[2] == str(rounds), f"not {rounds} of each: {run.out[-300:]}", run)
passed(f"{done[0][8:]}; each file system clean, or clean once its journal was replayed; no transaction lost")
