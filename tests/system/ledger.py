# SPDX-License-Identifier: MIT
"""What domains cost and must give back, counted in dom0: `ledger WORD` of SHELL prints one line with everything, and
`read` makes dictionaries of them. What is exact must be equal afterwards; a daemon's own memory may grow a bit."""
import json, re
from harness import BUILD, HV, expect

MINI = ["--file", f"mini={BUILD}/guest/mini"]
NOW = "now() { awk '{ print int($1 * 100) }' /proc/uptime; } # hundredths of a second\n"
MINI_CFG = r"""printf 'name="mini"\nkernel="/mini"\nmemory=8\nvcpus=1\n' > /tmp/mini.cfg
"""
SHELL = NOW + r"""
fail() { echo "FAILED $*"; exit 1; }
run() { "$@" > /tmp/said 2>&1 || { cat /tmp/said; fail "$*"; }; }
within() { # seconds, what, command: until it succeeds
    tries=$(($1 * 5)); what=$2; shift 2
    until eval "$*"; do tries=$((tries - 1)); [ $tries -lt 0 ] && fail "$what"; usleep 200000; done
}
# its own memory, not its file's pages, which come with the first exception; status counts late, by 64 page faults
memory() { awk '/^Anonymous/ { print $2 }' /proc/$1/smaps_rollup; }
threads() { awk '/^Threads/ { print $2 }' /proc/$1/status; }
daemons() { # name and number of each that serves domains
    for d in xenstored parapet-consoled parapet-lifed; do
        pid=$(pidof $d) && echo "$d $pid"
    done
}
processes() { cat /proc/[0-9]*/comm 2> /dev/null | grep -c vmctl; }
ledger() { # word
    rm -f /tmp/store-memory # it appends
    xenstore-control memreport /tmp/store-memory > /dev/null || fail "no report of xenstored's memory"
    { vmctl --json info | tr -d '\n' | sed 's/}$//'
      echo ", \"dom0_frames\": $(vmctl --json list | awk -F'[:,]' '/"memory_mib"/ { print $2 * 256; exit }')"
      echo ", \"vmctl_processes\": $(processes), \"watches\": $(grep -c 'struct watch ' /tmp/store-memory)"
      echo ", \"xenstored blocks\": $(sed -n '1s/.* in *\([0-9]*\) blocks.*/\1/p' /tmp/store-memory)"
      daemons | while read -r name pid; do
          echo ", \"$name files\": $(ls /proc/$pid/fd | wc -l), \"$name threads\": $(threads $pid)"
          echo ", \"$name KiB\": $(memory $pid)"
      done
      echo '}'; } | tr -d '\n' | sed "s/^/LEDGER $1 /"
    echo
}
""" + MINI_CFG
EXACT = ["domains", "free_frames", "dom0_frames", "dying_frames", "heap_bytes", "open_ports", "grant_mappings",
         "foreign_mappings", "xenstore_nodes", "watches", "xenstored blocks", "vmctl_processes", "xenstored files",
         "xenstored threads", "parapet-consoled files", "parapet-consoled threads", "parapet-lifed files",
         "parapet-lifed threads"]
if HV == "xen":  # which does not count these
    EXACT = [k for k in EXACT if k not in ("dying_frames", "heap_bytes", "open_ports", "grant_mappings",
                                           "foreign_mappings")]
ROUGH = {"xenstored KiB": 256, "parapet-consoled KiB": 256, "parapet-lifed KiB": 256}


def read(run):
    """The ledgers of a run by their word."""
    return {word: json.loads(text) for word, text in re.findall(r"^LEDGER (\S+) ({.*)$", run.out, re.M)}


def balanced(before, after, slack=None):
    """Ends the test unless all that was taken has come back, but for as much as `slack` says of a count; returns the
    counts, for the verdict."""
    allowed = dict.fromkeys(EXACT, 0) | ROUGH | (slack or {})
    for key in allowed:
        print(f"    {key:<25} {before.get(key)!s:>9} {after.get(key)!s:>9}")
    lacking = [k for k in allowed if k not in before or k not in after]
    expect(not lacking, f"not counted: {lacking}")
    changes = {k: after[k] - before[k] for k in allowed}
    changes |= {k: max(change, 0) for k, change in changes.items() if k in ROUGH}  # memory given back is no loss
    lost = {k: (before[k], after[k]) for k, change in changes.items() if abs(change) > allowed[k]}
    expect(not lost, f"before and after differ: {lost}")
    told = [k for k in ("free_frames", "heap_bytes", "open_ports", "xenstore_nodes", "watches") if k in EXACT]
    return ", ".join(f"{before[k]} {k}" for k in told)
