# SPDX-License-Identifier: MIT
# The Debian domU (make debian-domU) on dom0's /dev/vda; put behind devices.sh in front of a test's script. It is called
# `first`, like the small one.
patience=300
up() { read -r seconds _ < /proc/uptime; echo "${seconds%.*}"; }
for m in /mods/*; do insmod "$m" || fail "insmod $m"; done
within 20 "dom0 has no disk" '[ -b /dev/vda1 ]'
ip link add xenbr0 type bridge && ip addr add 10.9.0.1/24 dev xenbr0 && ip link set xenbr0 up || fail bridge
boot_files() { # as the guest's disk has them
    mount -o ro /dev/vda1 /mnt && cp /mnt/boot/vmlinuz-* /tmp/vmlinuz && cp /mnt/boot/initrd.img-* /tmp/initrd &&
        cp -r /mnt/srv/archive /tmp/ || fail "nothing to boot on the disk"
    umount /mnt
}
serve_addresses() {
    cat > /tmp/udhcpd.conf <<-END
	interface xenbr0
	start 10.9.0.20
	end 10.9.0.30
	lease_file /tmp/leases
	static_lease 00:16:3e:00:00:05 10.9.0.5
	option subnet 255.255.255.0
	option router 10.9.0.1
	END
    : > /tmp/leases
    udhcpd -f -S /tmp/udhcpd.conf > /tmp/udhcpd.log 2>&1 &
}
config() {
    cat <<-END
	name = "first"
	memory = 320
	disk = ["/dev/vda,raw,xvda,w"]
	vif = ["bridge=xenbr0,mac=00:16:3e:00:00:05"]
	on_reboot = "restart"
	on_crash = "preserve"
	END
}
own_kernel() {
    cat <<-END
	kernel = "/tmp/vmlinuz"
	ramdisk = "/tmp/initrd"
	root = "/dev/xvda1 ro"
	extra = "console=hvc0 norandmaps" # which QEMU is much quicker with
	END
}
logins=0
login() { # as root on the console, at the next boot of the guest; looks seldom, the guest wants the CPU
    logins=$((logins + 1))
    tries=0
    until [ "$(cat /var/log/parapet/first.log 2> /dev/null | grep -c "domu login: ")" -ge $logins ]; do
        tries=$((tries + 1)); [ $tries -gt 600 ] && fail "no login prompt number $logins"
        sleep 1
    done
    exec 5>&-
    console $logins
    echo root >&5
    within 120 "no shell after login" "grep -q 'root@domu:~#' /tmp/guest.out"
    echo "exec sh" >&5; echo "stty -echo; PS1=; dmesg -n 1; export PAGER=cat" >&5
    guest "echo hello" || fail "the guest's shell says nothing"
}
check_disk() { # the guest is down: not a word of e2fsck's about anything wrong
    e2fsck -f -n /dev/vda1 > /tmp/fsck 2>&1 || { cat /tmp/fsck; fail "e2fsck -fn: status $?"; }
}
