# SPDX-License-Identifier: MIT
# What follows xl.sh on Parapet: "first" is vmctl's, "theirs" is xl's, and each toolstack handles the other's.
ok() { label=$1; shift; eval "$*" && echo "OK $label" || { echo "BAD $label: $*"; xl list; vmctl list; }; }
mine() { vmctl list | awk -v n="$1" '$1 == n { print $5 }'; }
xls() { xl list "$1" | awk -v n="$1" '$1 == n { print $5 }'; }
paused() { xls "$1" | grep -q '^..p---$'; } # it may have been blocked
say() { # a command on a console, by a client that wants a terminal
    ( sleep 2; echo "$2"; sleep 4 ) | timeout 15 script -qfc "$1" /tmp/said > /dev/null 2>&1; grep -q "$3" /tmp/said
}
traces() {
    find /var/lib/xen -name 'userdata-*' | grep -v '/userdata-d\.0\.'
    xenstore-ls -f | grep -E 'first|theirs|/vm/|/libxl/|backend/'
}
both() { "$@" list | awk '{ print $1, $3, $4 }' | tail -n 2 | tr "\n" " " | grep -q "first 128 1 theirs 128 1"; }

parapet-lifed > /var/log/lifed.log 2>&1 & # who acts on the ends of vmctl's
ok vmctl-creates 'vmctl create /guest/domU.cfg > /tmp/out 2>&1'
ok xl-creates 'xl create -q /guest/domU.cfg name=\"theirs\"'
ok xl-lists 'both xl'
ok vmctl-lists 'both vmctl'
ok xl-tells-all 'xl list -l first 2>&1 | grep -q "\"kernel\": \"/guest/vmlinuz\""'
ok xl-refuses-name '! xl create -q /guest/domU.cfg 2> /dev/null'
ok vmctl-refuses-name 'vmctl create /guest/domU.cfg name=theirs 2>&1 | grep -q "already there"'
for d in first theirs; do
    within 120 "user space of $d" grep -q PARAPET-DOMU-READY /var/log/xen/console/guest-$d.log
    ok $d-paused-by-xl 'xl pause $d && [ "$(mine $d)" = paused ]'
    ok $d-unpaused-by-vmctl 'vmctl unpause $d && ! paused $d'
    ok $d-paused-by-vmctl 'vmctl pause $d && paused $d'
    ok $d-unpaused-by-xl 'xl unpause $d && [ "$(mine $d)" != paused ]'
    ok $d-share-by-xl 'xl sched-credit -d $d -w 300 -c 70 && vmctl sched $d | grep -q " 300 *70$"'
    ok $d-share-by-vmctl 'vmctl sched $d --weight 256 --cap 0 && xl sched-credit -d $d | grep -q " 256 *0$"'
    ok $d-memory-by-xl 'xl mem-set $d 100'
    within 60 "a small $d" "vmctl list | grep -q '^$d .* 100  *1 '"
    ok $d-console-by-xl 'say "xl console $d" "echo by-\$((6 * 7))" by-42'
    ok $d-console-by-vmctl 'say "vmctl console $d" "echo by-\$((6 * 8))" by-48'
    ok $d-renamed-by-xl 'xl rename $d other && [ -n "$(mine other)" ] && xl rename other $d'
done
ok xl-shuts-down-first 'xl shutdown -w first > /dev/null 2>&1'
ok vmctl-shuts-down-theirs 'vmctl shutdown -w theirs > /dev/null 2>&1'
within 20 "no domain" '[ "$(vmctl list | wc -l)" = 2 ] && [ "$(xl list | wc -l)" = 2 ]'
ok no-trace-of-shutdown '[ -z "$(traces)" ]'
vmctl create /guest/domU.cfg > /tmp/out 2>&1 || fail "$(cat /tmp/out)"
xl create -q /guest/domU.cfg 'name="theirs"' || fail create
ok xl-destroys-first 'xl destroy first'
ok vmctl-destroys-theirs 'vmctl destroy theirs'
within 20 "no domain" '[ "$(vmctl list | wc -l)" = 2 ] && [ "$(xl list | wc -l)" = 2 ]'
ok no-trace-of-destroy '[ -z "$(traces)" ]'
