#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hypervisor instructions of Parapet and Xen 4.17 side by side, exact, with the goals; see README.md.

  run.py [pv] [lmb] [domains] [devices]     those runs (default: all); writes bench.json and index.html into BUILD/bench
  run.py --boot N [--smp CPUS]    instead: times N alternating boots each to dom0's user space
Fails only when a run failed, never because of a figure.
"""
import argparse, concurrent.futures, json, os, resource, shutil, statistics, subprocess, sys, time

import kit
import report
import rows

RUNS = ("pv", "lmb", "domains", "devices")
NOTE = ("Instructions in the hypervisor's address range for one operation (rep iterations taken off), under QEMU TCG "
        "with icount: they rank path lengths, not the time on a processor. + goal reached, - not yet.")


def measure(kinds):
    jobs = [(k, w) for w in ("parapet", "xen") for k in kinds] + ([("lmb", "native")] if "lmb" in kinds else [])
    jobs.sort(key=lambda job: -RUNS.index(job[0]))  # the long ones first
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        return dict(zip(jobs, pool.map(lambda job: kit.count(*job), jobs)))


def complete(results):
    """Every row of the runs made has its number; a run that died half-way has not."""
    good = True
    for row in rows.ROWS:
        for which in ("parapet", "xen"):
            if results.get((row.run, which)) and rows.value(row, results, which) is None:
                print(f"bench: FAILED: {which} did not reach `{row.title.strip()}`", file=sys.stderr)
                good = False
    return good and all(results.values())


def counts(kinds):
    start = time.monotonic()
    results = measure(kinds)
    table = [c for c, row in zip(rows.table(results), rows.ROWS) if row.run in kinds or not row.run]
    good = complete(results)
    title = "Parapet and Xen 4.17: hypervisor instructions for one operation"
    print(report.text(table, title))
    raw = {f"{k} {w}": ops for (k, w), ops in results.items()}
    whole = json.dumps({"complete": good, "rows": table, "raw": raw}, indent=1)
    kit.image.write(kit.OUT / "bench.json", whole.encode())
    kit.image.write(kit.OUT / "index.html", report.page(table, title, NOTE).encode())
    met = [c["met"] for c in table if c["met"] is not None]
    print(f"bench: {'ok' if good else 'FAILED'}: {sum(met)} of {len(met)} goals reached, "
          f"{time.monotonic() - start:.0f} s, {kit.OUT}/index.html")
    return good


def boot_once(hv, smp):
    """(wall seconds to dom0's user space or None, processor seconds of the whole run)"""
    out, before = kit.OUT / "boot.json", resource.getrusage(resource.RUSAGE_CHILDREN)
    out.unlink(missing_ok=True)
    subprocess.run([sys.executable, kit.TOP / "tools/run", "--build", kit.BUILD, "--hv", hv, "--quiet",
                    "--smp", str(smp), "--json", out, "--until", "^PARAPET-DOM0-READY"], stdin=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = json.loads(out.read_text())["stages"].get("dom0-user") if out.exists() else None
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def boots(n, smp):
    """Same initramfs, memory and arguments, runs alternating; processor time suffers less from a loaded machine."""
    hypervisors, runs = {"Parapet": "", "Xen": "xen"}, {"Parapet": [], "Xen": []}
    for _ in range(n):
        for name, hv in hypervisors.items():
            wall, cpu = boot_once(hv, smp)
            if wall is not None:
                runs[name].append((wall, cpu))
            load = os.getloadavg()[0]
            print(f"{name:8} wall {wall or float('nan'):6.2f} s, cpu {cpu:6.2f} s   (load {load:.1f})", flush=True)
    for name, r in runs.items():
        if r:
            wall, cpu = (statistics.median(x) for x in zip(*r))
            print(f"boot to dom0's user space: {name:8} median wall {wall:.2f} s, cpu {cpu:.2f} s of {len(r)}")
        if len(r) < n:
            print(f"bench: FAILED: {name} did not boot {n - len(r)} times")
    return all(len(r) == n for r in runs.values())


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("runs", nargs="*", metavar="RUN", help=" ".join(RUNS))
    ap.add_argument("--boot", type=int, default=0, metavar="N")
    ap.add_argument("--smp", type=int, default=1, metavar="CPUS", help="of the machine that is booted")
    a = ap.parse_args()
    if unknown := set(a.runs) - set(RUNS):
        raise SystemExit(f"bench: unknown run {' '.join(sorted(unknown))}")
    if not shutil.which("qemu-system-x86_64"):
        raise SystemExit("bench: no QEMU (make deps)")
    kit.OUT.mkdir(parents=True, exist_ok=True)
    if a.boot:
        return 0 if boots(a.boot, a.smp) else 1
    kit.prepare()
    return 0 if counts([k for k in RUNS if not a.runs or k in a.runs]) else 1


if __name__ == "__main__":
    sys.exit(main())
