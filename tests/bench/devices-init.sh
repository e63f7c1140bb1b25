#!/bin/sh
# SPDX-License-Identifier: MIT
# The domU's user space of the run `devices`: counted reads of its disk, then a counted ping-pong by TCP with dom0.
export PATH=/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
for m in /lib/modules/*.ko; do insmod "$m" || echo "bench: cannot load $m"; done
until [ -b /dev/xvda ] && [ -e /sys/class/net/eth0 ]; do usleep 50000; done
ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up
/net b /dev/xvda 8
/net p 10.9.0.1 500
echo "devices done"
poweroff -f
