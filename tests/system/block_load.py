#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock fio on a split disk: it writes in order and at random, alone and mixed with reads, and verifies every block by
crc32c, without an error; its domain is destroyed in mid-write, and its disk taken away by force under load: dom0 and a
second domain with a disk of its own go on, and nothing is left behind (grants, frames, heap, ports, nodes, loops).

  block_load.py [SECONDS]      of verified rounds: one by default; make block-load takes ten minutes
"""
import pathlib, re, sys, tempfile
from harness import Run, expect, passed, skip_on_xen, verdicts
import programs

JOBS = """[global]
filename=/dev/xvda
direct=1
ioengine=libaio
iodepth=16
thread
size=12m
randrepeat=0
[write-in-order]
rw=write
bs=64k
verify=crc32c
verify_fatal=1
stonewall
[write-at-random]
rw=randwrite
bs=4k
verify=crc32c
verify_fatal=1
stonewall
[both-at-random]
rw=randrw
bsrange=4k-64k
verify=crc32c
verify_fatal=1
stonewall
[read-in-order]
rw=read
bs=128k
stonewall
[read-at-random]
rw=randread
bs=4k
stonewall
"""
JOB_COUNT = JOBS.count("stonewall")
# In the guest with fio: rounds until the time is over, at least one.
ROUNDS = r"""#!/bin/sh
now() { read -r up _ < /proc/uptime; echo "${up%.*}"; }
end=$(($(now) + $1)) n=0 clean=0
echo # the shell's prompt may stand in this line
until [ $n != 0 ] && [ "$(now)" -ge $end ]; do
    fio --output=/tmp/fio.out /jobs; status=$?
    n=$((n + 1)) clean=$((clean + $(grep -c 'err= 0' /tmp/fio.out)))
    grep -E 'err=|IOPS=|verify' /tmp/fio.out | sed 's/^/FIO /'
    [ $status = 0 ] || { cat /tmp/fio.out; break; }
done
echo "FIO-ROUNDS $n status $status clean $clean"
"""
WRITES = r"""#!/bin/sh
fio --name=w --filename=/dev/xvda --direct=1 --ioengine=libaio --iodepth=16 --thread --rw=randwrite --bs=4k \
    --time_based --runtime=900 --output=/tmp/fio.out
printf '\nFIO-WRITES-ENDED %s\n' $?
"""
SCRIPT = r"""
goes_on() { # dom0 serves the other domain as before
    before=$(rounds); within 60 "the second domain stands still after $1" '[ "$(rounds)" -gt $((before + 2)) ]'
    grep -E 'SECOND-BROKEN|BUG:|Oops' "$(log second)" && echo "BAD second after $1"
    echo "OK goes-on-after-$1"
}
second_config
sed "s/^memory.*/memory = 384/; s,^ramdisk.*,ramdisk = '/guest/fio'," /guest/domU.cfg > /tmp/first.cfg
echo "disk = [ '/tmp/first.img,raw,xvda,w' ]" >> /tmp/first.cfg
head -c 25165824 /dev/zero > /tmp/first.img
start() { # both, with fio's domain at its console
    rm -f /var/log/parapet/*.log
    start_second
    vmctl create /tmp/first.cfg > /tmp/out 2>&1 || fail "create first: $(cat /tmp/out)"
    rm -f /tmp/in1; : > /tmp/guest.out
    talk 1; echo "STAGE started"
    within 30 "the disk in the guest" 'vmctl disk-list first | grep -q "connected *connected"'
}
writes() { # fio, for ever, in the background
    guest '{ sh /writes & }'
    loop() { losetup -a | sed -n 's,^/dev/\(loop[0-9]*\):.*first.img.*,\1,p'; }
    sectors() { awk '{ print $7 }' "/sys/block/$(loop)/stat"; }
    before=$(sectors); within 60 "fio does not write" '[ "$(sectors)" -gt $((before + 4000)) ]'
    grep -q FIO-WRITES-ENDED "$(log first)" && fail "fio ended"
    good under-load eval '[ "$(vmctl --json info | tr -d " ," | sed -n "s/^\"grant_mappings\"://p")" -gt 0 ]'
}
start
guest "{ sh /rounds $seconds & }"
within $((seconds + 400)) "fio's rounds do not end" grep -q '^FIO-ROUNDS' "$(log first)"
grep -E '^FIO' "$(log first)" | tr -d '\r'
job="fio --name=v --filename=/dev/xvda --direct=1 --thread --rw=write --bs=64k --size=8m --verify=crc32c"
job="$job --output=/dev/null"
good written guest "$job --do_verify=0"
good verified guest "$job --verify_only"
printf x | dd of=/tmp/first.img bs=1 seek=5000000 conv=notrunc 2> /dev/null
good detects guest "! $job --verify_only 2> /dev/null"
writes_and_kill() {
    writes; good "$1" vmctl destroy first; goes_on "$1"; good "$1-second" vmctl destroy second
}
writes_and_kill destroy-in-mid-write
exec 5>&-
sleep 1; count > /tmp/start
start
writes
good detach-under-load vmctl disk-detach first xvda --force
goes_on detach-under-load
grep -q '^FIO-WRITES-ENDED 0' "$(log first)" && echo "BAD fio writes on without a disk"
good guest-answers guest 'echo still here'
good destroy vmctl destroy first; good destroy-second vmctl destroy second
exec 5>&-
same /tmp/start "taking the disk away" && echo "OK nothing-left-detach"
start
writes_and_kill destroy-again
exec 5>&-
same /tmp/start "destroy in mid-write" && echo "OK nothing-left-destroy $(tr '\n' ' ' < /tmp/now)"
dmesg | grep -E 'BUG:|WARNING:|Oops|general protection' && echo "BAD dom0's kernel complains"
exit 0
"""
VERDICTS = 19


def images(tmp):
    """The two guests' initramfs: the domU's own with more appended."""
    programs.initrd(tmp / "fio", {"jobs": JOBS, "rounds": ROUNDS, "writes": WRITES}, "fio")
    programs.initrd(tmp / "second", {"init": programs.SECOND})
    return [w for name in ("fio", "second") for w in ("--file", f"guest/{name}={tmp / name}")]


def main():
    skip_on_xen()
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with tempfile.TemporaryDirectory(prefix="parapet-block-") as tmp:
        script = (pathlib.Path(__file__).parent / "devices.sh").read_text() + f"seconds={seconds}\n" + SCRIPT
        run = Run("--vmctl", "--hv-args", "dom0_mem=768M", *images(pathlib.Path(tmp)), script=script,
                  timeout=400 + seconds)  # half of what the initrd leaves of it is for files
    oks = verdicts(run, VERDICTS)
    done = re.search(r"^FIO-ROUNDS (\d+) status 0 clean (\d+)$", run.out, re.M)
    expect(done and int(done[2]) == int(done[1]) * JOB_COUNT, f"not all of fio's jobs were without error:\n{run.out}")
    passed(f"{done[1]} rounds, {done[2]} jobs of fio; {len(oks)} checks; {oks[-1].partition(' ')[2]}")


if __name__ == "__main__":
    main()
