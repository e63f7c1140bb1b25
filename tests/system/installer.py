#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's installer, kernel and initrd as the package debian-installer-12-netboot-amd64 has them, runs as a domU: its
language menu comes up on the PV console and takes keys, the next menu follows."""
import pathlib, re, sys
from harness import TOP, Run, expect, passed, skip_on_xen

sys.path.insert(0, str(TOP / "tools"))
import pkgcache  # noqa: E402

skip_on_xen()
SCRIPT = r"""
log=/var/log/parapet/installer.log; mkdir -p ${log%/*}; : > $log
fail() { echo "FAILED $*"; tail -c 2500 $log | tr -c '\n -~' ' '; vmctl list; exit 1; }
shown() { # seconds, text
    tries=$1
    until tr -dc '\n -~' < $log | grep -q "$2"; do
        tries=$((tries - 1)); [ $tries -lt 0 ] && fail "no '$2'"
        sleep 1
    done
    read -r up _ < /proc/uptime
    echo "OK $((${up%.*} - start)) $2"
}
cat > /tmp/installer.cfg <<END
name = "installer"
kernel = "/installer/linux"
ramdisk = "/installer/initrd.gz"
extra = "console=hvc0 norandmaps"
memory = 1200
END
read -r up _ < /proc/uptime; start=${up%.*}
vmctl create /tmp/installer.cfg || exit 1
shown 150 'Select a language'
shown 60 'English'
( sleep 3; printf '\r'; sleep 60 ) | vmctl console installer > /dev/null 2>&1 &
shown 90 'Select your location'
[ "$(vmctl list | awk '$1 == "installer" { print $5 }')" != crash ] || fail "crashed"
vmctl destroy installer || exit 1
kill %1
exit 0
"""

folder = pkgcache.fetch("debian-installer-12-netboot-amd64")
there = folder / "usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64"
files = [word for name in ("linux", "initrd.gz") for word in ("--file", f"installer/{name}={there / name}")]
run = Run("--vmctl", *files, script=SCRIPT, timeout=300, shipped=True)  # no room for more files
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-600:]}", run)
shown = re.findall(r"^OK (\d+) (.*)", run.out, re.M)
expect(len(shown) == 3, f"{len(shown)} screens: {run.out[-300:]}", run)
passed(", ".join(f"{text} after {seconds} s" for seconds, text in shown))
