#!/bin/sh
# SPDX-License-Identifier: MIT
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev 2>/dev/null
ip link set lo up 2>/dev/null || ifconfig lo 127.0.0.1 up
echo INIT-USERLAND; cat /proc/uptime
/lmb $LMBSCALE
echo 1 > /proc/sys/kernel/sysrq; echo b > /proc/sysrq-trigger
reboot -f
