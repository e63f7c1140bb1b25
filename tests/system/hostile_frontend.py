#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Frontends that lie to the stock backends, one domain of 8 MB for each lie (tests/guest/frontend): references and
ports that are none, words for numbers, states that do not follow each other, indexes and requests without sense. The
backend gives up that device (or refuses that request), dom0's kernel says why; a domain with a disk and an interface
goes on all the time; each liar is destroyed like any domain, and nothing of it is left (grants, frames, heap, ports,
nodes)."""
import pathlib, tempfile
from harness import BUILD, Run, expect, passed, skip_on_xen, verdicts
import programs

# what the frontend does: what dom0's kernel says of it, what the frontend says itself
ATTACKS = {
    "disk ref": ("mapping in shared page 400 from domain", "connected or not, backend [56]"),
    "disk port": ("mapping ring-ref port 900", "connected or not, backend [56]"),
    "disk own-port": ("mapping ring-ref port", "connected or not, backend [56]"),
    "disk words": ("reading .*ring-ref", "connected or not, backend [56]"),
    "disk protocol": ("unknown fe protocol mips-abi", "connected or not, backend [56]"),
    "disk pages": ("requested ring page order 30 exceed max", "connected or not, backend [56]"),
    "disk queues": ("guest requested 4000000000 queues, exceeding the maximum", "connected or not, backend [56]"),
    "disk index": ("Frontend provided bogus ring requests", "connected or not, backend 4"),
    "disk requests": ("", "refused 5, served 1"),
    "disk jumps": ("", "jumped"),  # what the kernel says depends on which of the states it sees
    "net ref": ("mapping shared-frames 400/21", "connected or not, backend [56]"),
    "net port": ("mapping shared-frames 20/21 port tx 900", "connected or not, backend [56]"),
    "net queues": ("guest requested 1000 queues, but valid range is", "connected or not, backend [56]"),
    "net index": ("Impossible number of requests.*fatal error; disabling device", "connected or not, backend 4"),
    "net cross": ("Cross page boundary.*fatal error; disabling device", "connected or not, backend 4"),
    "net requests": ("", "refused 8"),
    "net jumps": ("", "jumped"),
}
SCRIPT = r"""
ip link add xenbr0 type bridge && ip addr add 10.9.0.1/24 dev xenbr0 && ip link set xenbr0 up || fail "bridge"
second_config bridge=xenbr0
head -c 1048576 /dev/zero > /tmp/hostile.img
hostile() { # its words
    printf 'name="hostile"\nkernel="/guest/frontend"\nmemory=8\nvcpus=1\nextra="%s"\n' "$*"
    echo 'on_crash="preserve"'
    case $1 in
    disk) echo 'disk = [ "/tmp/hostile.img,raw,xvda,w" ]' ;;
    net) echo 'vif = [ "bridge=xenbr0,vifname=hostile" ]' ;;
    esac
}
goes_on() {
    before=$(rounds); within 60 "the second domain stands still after $1" '[ "$(rounds)" -gt $((before + 1)) ]'
    within 20 "the second domain's network after $1" ping -c 1 -W 2 10.9.0.9
}
known='xen_blkif_disconnect+.*xen_blkback' # the stock kernel warns so of a ring it could not map, also on Xen
attack() { # what dom0's kernel shall say, what the frontend, its words
    said=$1 outcome=$2; shift 2
    hostile "$@" > /tmp/hostile.cfg; dmesg -c > /dev/null; rm -f "$(log hostile)"
    vmctl create /tmp/hostile.cfg > /tmp/out 2>&1 || fail "create for $*: $(cat /tmp/out)"
    tries=0
    until grep -q "^frontend: $outcome" "$(log hostile)" 2> /dev/null && dmesg | tr '\n' ' ' | grep -q "$said"; do
        tries=$((tries + 1))
        [ $tries -gt 150 ] && { echo "BAD $*: $(cat "$(log hostile)" | tr '\n' ' ') $(dmesg | tail -n 4)"; break; }
        usleep 100000
    done
    [ $tries -gt 150 ] || echo "OK $*: $(dmesg | grep "${said%%.\**}" | tail -n 1)"
    dmesg | grep -E 'BUG:|WARNING:|Oops|general protection|refcount' | grep -v "$known" &&
        echo "BAD dom0's kernel complains of $*"
    vmctl destroy hostile > /tmp/out 2>&1 || echo "BAD destroy after $*: $(cat /tmp/out)"
}
"""


def script():
    lines = [(pathlib.Path(__file__).parent / "devices.sh").read_text(), SCRIPT]
    # once for the tables that grow with the first devices
    lines.append("start_second; attack 'bogus ring' connected disk index; attack Impossible connected net index; "
                 "vmctl destroy second; sleep 1; count > /tmp/start; start_second")
    for words, (said, outcome) in ATTACKS.items():
        lines.append(f"attack '{said}' '{outcome}' {words}; goes_on '{words}'")
    lines.append("grep -E 'SECOND-BROKEN|BUG:|Oops' \"$(log second)\" && echo 'BAD the second domain complains'\n"
                 "vmctl destroy second || echo 'BAD destroy second'\n"
                 "same /tmp/start 'hostile frontends' && echo \"OK nothing-left $(tr '\\n' ' ' < /tmp/now)\"\nexit 0\n")
    return "\n".join(lines)


def main():
    skip_on_xen()
    with tempfile.TemporaryDirectory(prefix="parapet-hostile-") as tmp:
        second = pathlib.Path(tmp) / "second"
        programs.initrd(second, {"init": programs.SECOND})
        run = Run("--vmctl", "--file", f"guest/second={second}", "--file", f"guest/frontend={BUILD / 'guest/frontend'}",
                  script=script(), timeout=300)
    oks = verdicts(run, len(ATTACKS) + 3)
    passed(f"{len(ATTACKS)} attacks; {oks[-1].partition(' ')[2]}")


if __name__ == "__main__":
    main()
