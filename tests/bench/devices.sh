# SPDX-License-Identifier: MIT
# Runs in dom0: serves a RAM disk and a bridge to a domain that counts reads and round trips (devices-init.sh).
fail() { echo "bench: $*"; cat /tmp/out /var/log/parapet/first.log 2> /dev/null; dmesg | tail -n 5; exit 1; }
insmod /bench/brd.ko rd_nr=1 rd_size=16384 || fail "no RAM disk"
ip link add xenbr0 type bridge && ip addr add 10.9.0.1/24 dev xenbr0 && ip link set xenbr0 up || fail "no bridge"
/bench/net s > /dev/null 2>&1 &
sed '/^on_/d' /guest/domU.cfg > /tmp/first.cfg
echo 'disk = [ "/dev/ram0,raw,xvda,w" ]
vif = [ "mac=00:16:3e:00:00:01,bridge=xenbr0" ]' >> /tmp/first.cfg
vmctl create /tmp/first.cfg > /tmp/out 2>&1 || fail "create"
tries=0
until grep -q '^devices done' /var/log/parapet/first.log; do
    tries=$((tries + 1)); [ $tries -gt 120 ] && fail "the domain is not done"
    sleep 1
done
cat /var/log/parapet/first.log
