# SPDX-License-Identifier: MIT
# What xl.py runs on Parapet and on Xen. Each command that is compared: "== it", what it said, "-- its status".
fail() { echo "FAILED $*"; tail -n 3 /var/log/xen/*.log /var/log/xen/console/*.log; xl list; exit 1; }
run() {
    echo "== $*"
    "$@" > /tmp/out 2> /tmp/err; status=$?
    cat /tmp/out; [ -z "$(tail -c 1 /tmp/out | tr -d '\n')" ] || echo
    sed 's/^/! /' /tmp/err; [ -z "$(tail -c 1 /tmp/err | tr -d '\n')" ] || echo
    echo "-- $status"
}
within() { # seconds, what, command: until it succeeds
    tries=$(($1 * 5)); what=$2; shift 2
    until eval "$*"; do tries=$((tries - 1)); [ $tries -lt 0 ] && fail "not within time: $what"; usleep 200000; done
}
guest() { # a command in the guest's shell, and what it must answer
    echo "$1" >&8; within 60 "'$2' on the console" grep -qs "$2" /tmp/console
}
# what udev would do
ln -s /proc/self/fd /dev/fd; ln -s fd/0 /dev/stdin
mkdir -p /var/lib/xen /var/log/xen /var/lock /tmp/d
brctl addbr br0; ip addr add 10.0.0.1/24 dev br0; ip link set br0 up
head -c 4194304 /dev/zero > /tmp/d/a.img; cp /tmp/d/a.img /tmp/d/b.img
sed 's/hvc0"/hvc0 xen.fifo_events=0"/' /guest/domU.cfg > /tmp/a.cfg # as on Parapet, which has none
cat >> /tmp/a.cfg << END
disk = ["format=raw,vdev=xvda,access=rw,target=/tmp/d/a.img"]
vif = ["mac=00:16:3e:01:02:03,bridge=br0"]
END

run xl info
run xl info -n
run xl list
run xl list -l
run xl vcpu-list
run xl cpupool-list
run test-resource
run test-xenstore
run test-tsx
run xenstore-ls -f

# refused
run xl create /tmp/nothing.cfg
run xl create /tmp/a.cfg 'kernel="/nothing"'
run xl create -q /tmp/a.cfg memory=9000
run xl destroy nobody
run xl pause 77
run xl sched-credit -d 77
run xl sched-credit -d 0 -w 0
run xl console nobody
run lsevtchn 77
run xenstore-ls /nothing
run xl list

start=$(date +%s)
run xl create -p /tmp/a.cfg
echo "CREATE-SECONDS $(($(date +%s) - start))"
run xl list
run xl list -l first
run xl vcpu-list first
run xl block-list first
run xl network-list first
run xenstore-ls -f
run xl create /tmp/a.cfg
run xl unpause first
within 120 "user space" grep -q PARAPET-DOMU-READY /var/log/xen/console/guest-first.log
mkfifo /tmp/keys; exec 8<> /tmp/keys
script -qfc "xl console first" /tmp/console < /tmp/keys > /dev/null 2>&1 & # on a terminal of its own
console=$!
guest 'echo answer-$((6 * 7))' answer-42
guest 'until [ -b /dev/xvda ]; do usleep 100000; done; echo disk-$((1 + 1))' disk-2
guest 'echo written-by-guest | dd of=/dev/xvda conv=sync 2>/dev/null; sync; echo written-$((1 + 1))' written-2
guest 'ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; echo up-$((1 + 1))' up-2
run head -c 16 /tmp/d/a.img
within 30 "a guest that answers ping" ping -c 1 -W 1 10.0.0.2 > /dev/null
id=$(xl domid first)
run xl block-attach first format=raw,vdev=xvdb,access=ro,target=/tmp/d/b.img
run xl network-attach first mac=00:16:3e:01:02:04 bridge=br0
within 30 "two disks" '[ "$(xenstore-read /local/domain/0/backend/vbd/$id/51728/state)" = 4 ]'
within 30 "two interfaces" '[ "$(xenstore-read /local/domain/0/backend/vif/$id/1/state)" = 4 ]'
guest 'grep -c xvd /proc/partitions | sed s/^/disks-/' disks-2
run xl block-list first
run xl network-list first
run xl block-attach first format=raw,vdev=xvdc,access=rw,target=/nothing
run xl block-detach first xvdb
run xl network-detach first 1
run xl block-list first
run xl network-list first

run xentop -b -i 1
run lsevtchn 0
run lsevtchn $id
run xl sched-credit
run xl sched-credit -d first -w 512 -c 50
run xl sched-credit -d first
run xl sched-credit -d first -c 1000
run xl sched-credit -d first -c 0
run xl sched-credit2
run xl mem-set first 100
within 60 "100 MiB" 'xl list first | grep -q " 100 *1 "'
run xl list first
run xl mem-max first 200
run xl mem-max first 10
run xl vcpu-pin first 0 0
run xl vcpu-pin first 0 7
run xl vcpu-set first 2
run xl pause first
run xl list first
run xl vcpu-list first
run xl unpause first
run xl rename first other
run xl list other
run xl domid other
run xl domname $id
run xl uptime other
run xl rename other first
run xl debug-keys 0
run xl dmesg
run xl list -l first
run xenstore-ls -f
run xl shutdown -w first
within 20 "no domain" '! xl domid first 2> /dev/null'
within 20 "no loop device" '[ -z "$(losetup -a)" ]'
kill $console 2> /dev/null; exec 8>&-
run xl list
run xenstore-ls -f

# a kernel without a ramdisk finds no root; what on_crash says is done by xl's process
sed '/ramdisk/d; s/hvc0"/hvc0 panic=1"/; s/^on_.*//' /guest/domU.cfg > /tmp/bare.cfg
printf 'on_%s = "preserve"\n' poweroff reboot crash >> /tmp/bare.cfg
run xl create /tmp/bare.cfg
within 60 "the end of a kernel without a root" 'xl list first | grep -q " [r-][b-][p-]s[c-][d-] "'
run xl list first
run xl destroy first
run xl destroy first
run xl create -p /guest/domU.cfg vcpus=2 'name="two"' 'cpus="0"' cpu_weight=300 cap=60
run xl vcpu-list two
run xl sched-credit -d two
run xl list -l two
run xl destroy two
within 20 "no domain" '[ "$(xl list | wc -l)" = 2 ]'
run xl list
run xenstore-ls -f
run xen-ucode /guest/domU.cfg
run flask-getenforce
run xenpm get-cpufreq-para
