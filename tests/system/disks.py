#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Split disks, stock xen-blkback to stock xen-blkfront, set up by vmctl: a guest makes a file system that dom0 reads,
cannot write what it may only read, gets and loses disks while it runs, keeps them over a reboot; bad images are refused
and leave nothing; a domain destroyed in mid-write leaves no grant, port, frame, loop device or node."""
import pathlib, re, shutil, subprocess, tempfile
from harness import BUILD, HERE, Run, expect, passed, skip_on_xen, verdicts
import guests
from guests import image

skip_on_xen()
NBD_SERVER = shutil.which("qemu-nbd")
VERDICTS = 48
SCRIPT = r"""
list() { vmctl disk-list first | awk -v disk="$1" '$2 == disk { print $4, $5 }'; }
sum() { sha256sum "$1" | cut -d ' ' -f 1; }
attached() { within 20 "$1 in the guest" '[ "$(list '$1')" = "connected connected" ]'; }
for m in /fs/*; do insmod $m || fail "insmod $m"; done
head -c 16777216 /dev/zero > /tmp/a.img
head -c 4194304 /dev/urandom > /tmp/ro.img
head -c 4194304 /dev/zero > /tmp/hot.img
head -c 1000 /dev/zero > /tmp/odd.img; : > /tmp/empty.img
cd /tmp
vmctl create /guest/domU.cfg > /tmp/out 2>&1 || fail "create: $(cat /tmp/out)"; vmctl destroy first; sleep 2
uncounted=$grown; count > /tmp/start; uncounted=
config() { sed '/^on_reboot/d' /guest/domU.cfg; echo "on_reboot = 'restart'"; echo "disk = [ $1 ]"; }
config "'a.img,raw,xvda,w', 'format=raw, vdev=xvdb, access=ro, target=/tmp/ro.img'" > /tmp/disks.cfg
good create vmctl create /tmp/disks.cfg
talk 1
attached xvda; attached xvdb
good sizes guest '[ $(blockdev --getsize64 /dev/xvda)-$(blockdev --getsize64 /dev/xvdb) = 16777216-4194304 ]'
guest 'sha256sum /dev/xvdb | cut -d " " -f 1'
good read [ "$(cat /tmp/said)" = "$(sum /tmp/ro.img)" ]
before=$(sum /tmp/ro.img)
good read-only guest '! dd if=/dev/zero of=/dev/xvdb bs=512 count=1 && [ "$(cat /sys/block/xvdb/ro)" = 1 ]'
good read-only-kept [ "$(sum /tmp/ro.img)" = "$before" ]
good mkfs guest 'for m in /fs/*; do insmod $m; done; mke2fs /dev/xvda > /dev/null && mount -t ext2 /dev/xvda /mnt'
guest 'dd if=/dev/urandom of=/mnt/file bs=64k count=120 2> /dev/null; sha256sum /mnt/file | cut -d " " -f 1'
written=$(cat /tmp/said)
good umount guest 'umount /mnt'

good attach vmctl disk-attach first hot.img,raw,xvdc,w
attached xvdc
good write guest 'cat /dev/xvdb > /dev/xvdc && sync'
refused same-name 'has a disk xvdc already' vmctl disk-attach first /tmp/hot.img,raw,xvdc,w!
refused busy "hot.img is in use by disk xvdc of 'first', which may write; access w!" \
    vmctl disk-attach first /tmp/hot.img xvdd w
refused busy-reader 'in use by disk xvdc' vmctl disk-attach first target=/tmp/hot.img vdev=xvdd access=r
refused busy-elsewhere "^/tmp/other.cfg:[0-9]*:10: 'disk': /tmp/hot.img is in use by disk xvdc of 'first'" sh -c \
    'sed "s/^name.*/name = \"other\"/; \$d" /tmp/disks.cfg > /tmp/other.cfg
    echo "disk = [ \"/tmp/hot.img,,xvda,w\" ]" >> /tmp/other.cfg; vmctl create /tmp/other.cfg'
good shared-reading vmctl disk-attach first /tmp/ro.img xvde r
good forced vmctl disk-attach first /tmp/hot.img xvdd 'w!'
attached xvdd; attached xvde
good detach-forced vmctl disk-detach first xvdd
good detach-reader vmctl disk-detach first xvde
good detach vmctl disk-detach first xvdc
good written cmp /tmp/ro.img /tmp/hot.img
good gone guest 'for n in $(seq 50); do ls /dev/xvd[cde] || break; usleep 100000; done; [ $n != 50 ]'
good loops [ "$(losetup -a | wc -l)" = 2 ]
good attach-again vmctl disk-attach first target=/tmp/hot.img vdev=xvdc access=r
attached xvdc
guest 'sha256sum /dev/xvdc | cut -d " " -f 1'
good read-again [ "$(cat /tmp/said)" = "$(sum /tmp/ro.img)" ]
vmctl pause first
refused paused 'does not run.*--force' vmctl disk-detach first xvdc
good force vmctl disk-detach first xvdc --force
vmctl unpause first

good detach-fs vmctl disk-detach first xvda
mkdir -p /mnt && mount -t ext2 -o loop /tmp/a.img /mnt || fail "dom0 cannot mount what the guest made"
good file-system [ "$(sum /mnt/file)" = "$written" ]
refused mounted 'a.img is in use by /dev/loop[0-9]* of domain 0' vmctl disk-attach first /tmp/a.img,raw,xvda,w
umount /mnt
refused missing '^vmctl: /tmp/none: No such file' vmctl disk-attach first /tmp/none,xvdc
refused empty '/tmp/empty.img is empty' vmctl disk-attach first /tmp/empty.img,raw,xvdc
refused odd 'odd.img has 1000 bytes, not a multiple of 512' vmctl disk-attach first /tmp/odd.img,raw,xvdc
refused directory '/tmp is neither a file nor a block device' vmctl disk-attach first /tmp,raw,xvdc
refused vhd '^disk "/tmp/a.img,vhd,xvdc":12: .*qemu-img convert' vmctl disk-attach first /tmp/a.img,vhd,xvdc
refused no-module 'need the module nbd' vmctl disk-attach first /q.img,qcow2,xvdc
insmod /nbd/*.ko nbds_max=2 max_part=0 || fail "insmod nbd"
refused no-qcow2 '/tmp/a.img is no qcow2 image' vmctl disk-attach first /tmp/a.img,qcow2,xvdc
refused bad-qcow2 'qemu-nbd .* does not serve /tmp/bad.img: ' sh -c \
    '{ head -c 4 /q.img; yes; } | head -c 3000 > /tmp/bad.img; vmctl disk-attach first /tmp/bad.img,qcow2,xvdc'
good qcow2 vmctl disk-attach first /q.img,qcow2,xvdc,w
attached xvdc
good qcow2-write guest '[ $(blockdev --getsize64 /dev/xvdc) = 8388608 ] && cat /dev/xvdb > /dev/xvdc && sync'
refused qcow2-busy "q.img is in use by disk xvdc of 'first'" vmctl disk-attach first /q.img,qcow2,xvdd,r
good qcow2-detach vmctl disk-detach first xvdc
good qcow2-written eval 'vmctl disk-attach first /q.img,qcow2,xvdc,r && attached xvdc &&
    guest "head -c 4194304 /dev/xvdc | sha256sum | cut -d \" \" -f 1" && [ "$(cat /tmp/said)" = "$(sum /tmp/ro.img)" ]'
good qcow2-gone eval 'vmctl disk-detach first xvdc && ! pidof qemu-nbd && ! ls /sys/block/nbd*/pid'
refused create-missing "^/tmp/bad.cfg:[0-9]*:10: 'disk': /tmp/none: No such file" sh -c \
    'sed "s,a.img,/tmp/none,; s/^name.*/name = \"other\"/" /tmp/disks.cfg > /tmp/bad.cfg; vmctl create /tmp/bad.cfg'
good attach-to-keep vmctl disk-attach first target=hot.img vdev=xvdf access=r
old=$(number)
vmctl shutdown -r first
within 60 "no restart" '[ "$(number)" ] && [ "$(number)" != '$old' ]'
exec 5>&-; : > /tmp/guest.out
talk 2
attached xvdb; attached xvdf
good reboot guest '[ -b /dev/xvdb ] && [ "$(cat /sys/block/xvdf/ro)" = 1 ] && ! [ -b /dev/xvda ]'
good attach-last vmctl disk-attach first a.img,raw,xvda,w
attached xvda
echo "DURING $(count | grep grant_mappings)"
guest '{ (while :; do dd if=/dev/zero of=/dev/xvda bs=64k; done) > /dev/null 2>&1 & }'
sleep 1
good destroy vmctl destroy first
uncounted=$grown
same /tmp/start "destroy in mid-write" && echo "OK nothing-left $(tr '\n' ' ' < /tmp/now)"
dmesg | grep -E 'BUG:|WARNING:|Oops|general protection' && echo "BAD dom0's kernel complains"
exit 0
"""


def server_files(tmp):
    """What serves qcow2 images in dom0, and one of 8 MiB."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tmp / "q.img", "8M"], check=True)
    libraries = re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", NBD_SERVER], capture_output=True, text=True).stdout)
    expect(libraries, f"{NBD_SERVER} needs no libraries")
    there = {"q.img": tmp / "q.img", "usr/bin/qemu-nbd": NBD_SERVER}
    there |= {library.lstrip("/"): library for library in libraries}
    return [word for name, path in there.items() for word in ("--file", f"{name}={path}")]


expect(NBD_SERVER, "qemu-utils is not installed (make deps)")
with tempfile.TemporaryDirectory(prefix="parapet-disks-") as tmp:
    tmp = pathlib.Path(tmp)
    more, both = image.Cpio(), guests.module_files(tmp, ["crc32c_generic", "ext4"], "fs")
    for name, path in (word.split("=") for word in both[1::2]):
        more.file(name, path)
    (tmp / "initrd").write_bytes((BUILD / "image/domu.cpio").read_bytes() + more.bytes())
    files = both + guests.module_files(tmp, ["nbd"], "nbd") + server_files(tmp)
    script = (HERE / "devices.sh").read_text() + SCRIPT
    run = Run("--vmctl", "--file", f"guest/initrd={tmp / 'initrd'}", *files, script=script, timeout=400)
oks = verdicts(run, VERDICTS)
expect(re.search(r'^DURING "grant_mappings":[1-9]', run.out, re.M), "a disk in use shows no grants")
passed(f"{len(oks)} checks; {oks[-1].partition(' ')[2]}")
