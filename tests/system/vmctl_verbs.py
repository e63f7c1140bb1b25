#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vmctl's verbs on a living domU, and what it refuses: a bad configuration or a create that fails half-way leaves no
domain, no memory and no xenstore node."""
from harness import Run, expect, passed, skip_on_xen

skip_on_xen()
SCRIPT = r"""
count() { vmctl --json info | awk '/"(domains|free_frames|xenstore_nodes|heap_bytes|open_ports)"/' | tr -d ' \n'; }
is_json() { awk 'NR == 1 { ok = /^[[{]/ } END { exit !ok }' && echo "OK json $1" || echo "BAD json $1"; }
refused() { # LABEL PATTERN COMMAND...: status not 0, a message that matches, nothing left behind
    label=$1 pattern=$2; shift 2
    before=$(count)
    "$@" > /tmp/out 2>&1 && echo "BAD $label: status 0"
    grep -q "$pattern" /tmp/out && echo "OK $label" || { echo "BAD $label: $(cat /tmp/out)"; }
    [ "$before" = "$(count)" ] || echo "BAD $label: $before became $(count)"
}
config() { sed "$1" /guest/domU.cfg > /tmp/bad.cfg; }
state() { vmctl list | awk '$1 == "first" { print $5 }'; }

for verb in $(vmctl --help | awk '/^Subcommands/ { go = 1; next } go { print $1 }') locks; do
    vmctl $verb --help > /tmp/out 2>&1 || echo "BAD $verb --help: $(cat /tmp/out)"
done
echo "OK verbs"
vmctl create /guest/domU.cfg --paused > /tmp/out 2>&1 || cat /tmp/out
[ "$(state)" = paused ] && echo "OK paused" || echo "BAD create --paused: $(state)"
vmctl unpause first; usleep 300000
[ "$(state)" = paused ] && echo "BAD unpause" || echo "OK unpause"
vmctl pause first
[ "$(state)" = paused ] && echo "OK pause" || echo "BAD pause: $(state)"
vmctl vcpu-list first | grep -q ' paused ' && echo "OK vcpu-list" || echo "BAD vcpu-list: $(vmctl vcpu-list)"
vmctl unpause first
for verb in list info dmesg audit "check /guest/domU.cfg"; do vmctl --json $verb 2>&1 | is_json "$verb"; done
vmctl --json create /guest/domU.cfg name=second vcpus=1 maxvcpus=2 | is_json create
vmctl vcpu-set second 2 --timeout 1 > /tmp/out 2>&1 # it boots
grep -q '2 vCPUs and uses 1 after 1 s: ' /tmp/out && echo "OK vcpu-set" || echo "BAD vcpu-set: $(cat /tmp/out)"
vmctl destroy second
vmctl check /guest/domU.cfg | grep -q 'can be created' && echo "OK check" || echo "BAD check"

config 's/^memory/memroy/'
refused unknown-key '^/tmp/bad.cfg:6:1: .*memroy.*did you mean .memory' vmctl create /tmp/bad.cfg name=third
refused check-too '^/tmp/bad.cfg:6:1: ' vmctl check /tmp/bad.cfg
config 's/^memory.*/memory = "much"/'
refused wrong-type '^/tmp/bad.cfg:6:10: .*number' vmctl create /tmp/bad.cfg name=third
config 's:/guest/vmlinuz:/guest/nothing:'
refused missing-file '^/tmp/bad.cfg:3:11: .*nothing' vmctl create /tmp/bad.cfg name=third
config 's/"first"/"the first"/'
refused name-with-space '^/tmp/bad.cfg:2:11: .*the first' vmctl create /tmp/bad.cfg
refused duplicate-name '^/guest/domU.cfg:2:.*first.*already' vmctl create /guest/domU.cfg
refused no-config 'nothing.cfg' vmctl create /tmp/nothing.cfg
refused bootloader 'grub-xen-host' vmctl create /guest/domU.cfg name=third bootloader=pygrub
config 's/^vcpus.*/cpus = ["0", "0,7"]/'
refused absent-cpu '^/tmp/bad.cfg:7:14: .*no CPU 7: .* 0 to 0' vmctl create /tmp/bad.cfg name=third vcpus=2
vmctl check /tmp/bad.cfg vcpus=2 | grep -q 'can be created' && echo 'OK check-cpus' || echo 'BAD check-cpus'
refused cpu-list-in-check '^/tmp/bad.cfg:7:14: .*2 entries' vmctl check /tmp/bad.cfg
refused cap "'cap' (101).*100 %" vmctl check /guest/domU.cfg cap=101
refused unknown-domain "did you mean 'first'" vmctl destroy fisrt
refused much-memory 'needed.*free.*vmctl' vmctl create /guest/domU.cfg name=third memory=9000
# A domain 0 that gives nothing: whatever its balloon is told, the target goes back at once.
target=/sys/devices/system/xen_memory/xen_memory0/target_kb
kb=$(cat $target)
xenstore-write /local/domain/0/memory/target $kb # the node is there from the first loan on
before=$(count)
lack=$(($(vmctl --json info | sed -n 's/.*"free_frames": *\([0-9]*\).*/\1/p') / 256 + 64))
( while :; do echo $kb > $target; usleep 1000; done ) &
PARAPET_DOM0_MIN=64 vmctl create /guest/domU.cfg name=third memory=$lack > /tmp/out 2>&1 && echo "BAD balloon: status 0"
kill $!
grep -q "needed, [0-9]* MiB free, and domain 0 gave no more; free memory with .vmctl" /tmp/out && echo "OK balloon" ||
    echo "BAD balloon: $(cat /tmp/out)"
tries=0
until [ "$before" = "$(count)" ]; do # it takes back what it had given
    tries=$((tries + 1)); [ $tries -gt 100 ] && { echo "BAD balloon: $before became $(count)"; break; }; usleep 100000
done
head -c 2000000 /guest/vmlinuz > /tmp/cut
: > /tmp/empty
refused empty-ramdisk "^argument 2 .ramdisk=/tmp/empty.:9: .*is empty" vmctl check /guest/domU.cfg ramdisk=/tmp/empty
refused little-memory "^argument 2 .memory=8.:8: 'memory': 8 MiB" vmctl check /guest/domU.cfg memory=8
refused cut-kernel "^argument 3 .kernel=/tmp/cut.:8: .*cut" vmctl create /guest/domU.cfg name=third kernel=/tmp/cut
refused unpause-running 'not paused' vmctl unpause first
refused pause-0 'cannot be paused' vmctl pause 0
refused unpause-0 'not paused' vmctl unpause 0
refused console-0 "the machine's own" vmctl console 0
refused negative-count '^vmctl: COUNT = -1 is no number' vmctl vcpu-set first -1
[ "$(wc -l < /tmp/out)" = 1 ] && echo "OK one-line" || echo "BAD one-line: $(cat /tmp/out)"
half=0
for files in 4 5 6 7 8 9 10 11 12; do # without descriptors it fails later and later, then no more
    before=$(count)
    if (ulimit -n $files; vmctl create /guest/domU.cfg name=third) > /tmp/out 2>&1; then vmctl destroy third; break; fi
    grep -q 'domain [0-9]* made' /tmp/out && half=$((half + 1))
    [ "$before" = "$(count)" ] || echo "BAD with $files descriptors: $before became $(count)"
done
[ $half != 0 ] && [ $files != 12 ] && echo "OK half-way" || echo "BAD half-way: never failed after the domain was made"
vmctl shutdown first -w && echo 'OK shutdown' || echo 'BAD shutdown'
"""

run = Run(script=SCRIPT, timeout=240)
lines = run.out.splitlines()
bad = [line for line in lines if line.startswith("BAD")]
expect(run.status == 0 and not bad, f"status {run.status}: {'; '.join(bad)}", run)
good = sum(line.startswith("OK") for line in lines)
expect(good == 39, f"{good} verdicts, not 39:\n{run.out}")
passed(f"{good} checks")
