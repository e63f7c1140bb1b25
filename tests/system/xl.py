#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's tools on Parapet print and do what they do on Xen: one script of stock xl, xentop, xenstore-ls, lsevtchn and
the test programs of xen-utils runs on both at once, and all that it says and every exit status must be equal, save the
fields that SAVED names. Xen is booted as what Parapet says it is: credit scheduler, grant tables of version 1, no HVM.
On Parapet there follows xl on vmctl's domains, and vmctl on xl's."""
import concurrent.futures, pathlib, re, tempfile
import xen_tools
from harness import TOP, Run, expect, passed, skip_on_xen

HERE = pathlib.Path(__file__).resolve().parent
AS_PARAPET = "sched=credit gnttab=max-ver:1 dom0_mem=512M,max:512M"
CPU = "qemu64,-svm"

# Command (as a pattern), pattern, replacement: what may differ, and why where it is not plain.
SAVED = [(re.compile(command), re.compile(pattern, re.M), to) for command, pattern, to in [
    ("", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    ("xl info", r"^(cpu_mhz +: \d\d)\d+\.\d+", r"\1.."),  # measured
    ("xl info", r"^(xen_extra|xen_version|xen_changeset|xen_commandline|cc_\w+|build_id) .*", r"\1"),  # the product
    ("xl info", r"^free_memory .*", "free_memory"),
    ("xl info", r"^total_memory +: 204[67]", "total_memory"),  # RAM below 1 MiB is not counted
    ("xl info", r"^(hw_caps +: \w{5})[3b]", r"\1."),  # Xen takes SEP from AMD's
    ("xl info -n", r"^(  0: +)(0 +0 +0|204[67] .*)\n", ""),  # Xen knows no node of a CPU on machines without SRAT
    ("xl info -n", r"^   0: +204[67] .*", "node 0"),
    ("xl (list|vcpu-list)|Name", r" +\d+\.\d+( |$)", r" TIME\1"),
    ("xl list", r" [r-][b-]([p-][s-][c-][d-]) ", r" ..\1 "),  # runs or sleeps at this moment
    ("xl vcpu-list", r" [r-][b-]([p-]) ", r" ..\1 "),
    ("xl sched-credit", r"tslice=\d+ms ratelimit=\d+us", "tslice ratelimit"),  # the scheduler's own
    ("xl uptime", r"\d:\d\d:\d\d", "UP"),
    ("xl (block|network)-list", r" \d+( +)(\d+)(/\d+)? +/local", r" PORT REF /local"),
    ("xl dmesg", r"(?s).*", ""),  # a log of its own; that there is one is checked below
    ("xl create.*much", r"(?s)\d+", "N"),
    ("xenstore-ls", r"((?:ring-ref|event-channel\S*|start_time|tty|port) = )\S+", r"\1..."),
    ("xenstore-ls", r"^(/\S*/feature-\S+|/\S*/(multi-queue|queue|max-ring|request)\S*) .*\n", ""),  # the kernel's
    ("xen-ucode", r"err: [^)]*", "err"),  # Xen looks into the file first
    ("test-xenstore", r"\d+ ns", "NS"),
    ("test-resource", r"Skip: .*", "Skip"),  # PVH: no HVM, or neither HAP nor shadow paging
    ("test-tsx", r"^  Xen doesn't support HVM\n|^  HVM available.*\n", ""),
    ("test-tsx", r"^(! xc: error: Failed to obtain [35] policy|  xc_resource_op\(\) for CPU0 failed).*\n", ""),
    ("test-tsx", r"^Testing HVM default/max policies\n(  .*\n)+", ""),
]]
XENTOP = ["NAME", "MEM(k)", "MEM(%)", "MAXMEM(k)", "MAXMEM(%)", "VCPUS", "NETS", "VBDS", "SSID"]


def plain_xentop(text):
    rows = [line.replace("no limit", "no-limit").split() for line in text.splitlines()]
    keep = [rows[0].index(name) for name in XENTOP]
    return "\n".join(" ".join(row[k] for k in keep) for row in rows)


def plain_ports(text):
    """How many ports there are of each kind."""
    return "\n".join(sorted(re.sub(r"Port \d+", "Port", line.partition(": ")[2]) for line in text.splitlines()))


def plain(command, text):
    for which, pattern, to in SAVED:
        if which.match(command):
            text = pattern.sub(to, text)
    if command.startswith("xentop") and text:
        return plain_xentop(text)
    if command.startswith("lsevtchn"):
        return plain_ports(text)
    return "\n".join(sorted(text.splitlines())) if command.startswith("xenstore-ls") else text


def parsed(run):
    """[(command, status, what it said)] of the script's output."""
    found = re.findall(r"^== (.*)\n((?:.*\n)*?)-- (\d+)$", run.out, re.M)
    return [(command, int(status), text) for command, text, status in found]


def boot(*args, script, initrd):
    return Run("--xl", "--cpu", CPU, "--initrd", initrd, *args, script=script, timeout=240)


skip_on_xen()
common, both_ways = (HERE / "xl.sh").read_text(), (HERE / "xl_vmctl.sh").read_text()
with tempfile.TemporaryDirectory(prefix="parapet-xl-") as tmp, concurrent.futures.ThreadPoolExecutor() as pool:
    initrd = xen_tools.initrd(pathlib.Path(tmp) / "initrd")
    golden = pool.submit(boot, "--hv", "xen", "--hv-args", AS_PARAPET, "--dom0-args", "xen.fifo_events=0",
                         script=common, initrd=initrd)
    run = boot(script=common + both_ways, initrd=initrd)
    xen = golden.result()
expect(xen.status == 0, f"on Xen: status {xen.status}: {' / '.join(xen.out.splitlines())[-500:]}", xen)
expect(run.status == 0, f"status {run.status}: {' / '.join(run.out.splitlines())[-500:]}", run)
ours, theirs = parsed(run), parsed(xen)
expect([c for c, _, _ in ours] == [c for c, _, _ in theirs], "the scripts did not run the same commands", run)
expect(len(ours) > 60, f"only {len(ours)} commands ran", run)
different = []
for (command, status, text), (_, wanted, golden_text) in zip(ours, theirs):
    got, want = plain(command, text), plain(command, golden_text)
    if (status, got) != (wanted, want):
        different.append(command)
        print(f"    | {command}\n    |   Parapet {status}: {got!r}\n    |   Xen     {wanted}: {want!r}")
expect(not different, f"{len(different)} of {len(ours)} commands differ: {'; '.join(different)[:300]}")
said = {command: text for command, _, text in ours}
expect("(parapet) " in said["xl dmesg"], f"xl dmesg says {said['xl dmesg'][:100]!r}")
bad, checks = re.findall(r"^BAD .*", run.out, re.M), run.out.count("\nOK ")
expect(not bad, f"both toolstacks: {'; '.join(bad)[:400]}")
expect(checks == 33, f"{checks} checks of both toolstacks, not 33")
passed(f"{len(ours)} commands as on Xen, {checks} checks of both toolstacks; "
       f"xl create {run.out.partition('CREATE-SECONDS ')[2].split()[0]} s")
