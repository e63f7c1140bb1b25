#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Instruction counts of Parapet, Xen 4.17 and the bare kernel, side by side (exact: QEMU icount and a TCG plugin).

  run.py [--pv] [--lmb] [--boot N]     PV primitives; user-space operations; N alternating boots by wall clock
Default: all three, with 5 boots. `lock` and `cr3` events are printed after the instructions of the hypervisor.
"""
import argparse, os, pathlib, re, shutil, statistics, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get("BUILD", TOP / "build")).resolve()
OUT = BUILD / "bench"
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tools/image")]
import pkgcache  # noqa: E402
import build as image  # noqa: E402

QEMU = ("qemu-system-x86_64 -accel tcg -cpu qemu64 -M q35 -display none -nodefaults -no-reboot -serial stdio -icount "
        "shift=0,sleep=off -rtc base=2024-01-01,clock=vm -seed 42").split()
LINUX = "quiet panic=-1 nokaslr norandmaps"
FIXED = {40: ("user_syscall_bounce(sysret)", 2000), 41: ("user_syscall_bounce(iret)", 2000),
         42: ("user_pf_bounce", 2000), 43: ("user_loop", 2000)}


def sh(*cmd):
    subprocess.run([str(c) for c in cmd], check=True)


def prepare():
    OUT.mkdir(parents=True, exist_ok=True)
    sh("gcc", "-O2", "-shared", "-fPIC", "-o", OUT / "pvcount.so", HERE / "plugin/pvcount.c")
    flags = ("-O2 -ffreestanding -fno-stack-protector -fno-pic -mcmodel=kernel -mno-red-zone -mgeneral-regs-only "
             "-fno-asynchronous-unwind-tables -fcf-protection=none -Wno-unused").split()
    sh("gcc", *flags, "-c", HERE / "pvbench/main.c", "-o", OUT / "main.o")
    sh("gcc", "-c", "-fno-pic", HERE / "pvbench/start.S", "-o", OUT / "start.o")
    sh("ld", "-T", HERE / "pvbench/pvbench.lds", "-z", "max-page-size=4096", "--build-id=none",
       "--no-warn-rwx-segments", "-z", "noexecstack", "-o", OUT / "pvbench", OUT / "start.o", OUT / "main.o")
    sh("gcc", "-O2", "-static", "-w", "-o", OUT / "lmb", HERE / "lmb/lmb.c")
    cpio = image.base(pkgcache.fetch("busybox-static") / "bin/busybox")
    cpio.file("lmb", OUT / "lmb", 0o755)
    cpio.file("init", HERE / "lmb-init.sh", 0o755)
    image.write(OUT / "lmb.cpio", cpio.bytes())


def count(name, limit, *args):
    """One counted run: {operation: (name, events for one operation)}."""
    tsv, log = OUT / f"{name}.tsv", OUT / f"{name}.log"
    tsv.unlink(missing_ok=True)
    with open(log, "wb") as out:
        subprocess.run(["timeout", str(limit), *QEMU, *map(str, args), "-plugin", f"{OUT}/pvcount.so,out={tsv}"],
                       stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    names, rows = dict(FIXED) if "pv" in name else {}, {}
    for m in re.finditer(r"^B (\d+) (.+?) N=(\d+) per=(\d+) tsc/op=", log.read_text(errors="replace"), re.M):
        names[int(m[1])] = (m[2], int(m[3]) * (int(m[4]) if "pv" in name else 1))
    for line in tsv.read_text().splitlines() if tsv.exists() else []:
        f = line.split("\t")
        if f[0] == "op":
            title, n = names.get(int(f[1]), ("?", 1))
            rows[int(f[1])] = (title, {k: int(v) / n for k, v in (x.split("=") for x in f[2:])})
    if not rows:
        print(f"bench: {name} counted nothing, see {log}")
    return rows


def table(title, columns, cell):
    print(f"\n{title}\n{'':44}" + "".join(f"{c:>24}" for c in columns))
    keys = sorted(set().union(*columns.values()))
    for k in keys:
        name = next(rows[k][0] for rows in columns.values() if k in rows)
        cells = (cell(rows[k][1]) if k in rows else "-" for rows in columns.values())
        print(f"{k:3} {name:40}" + "".join(f"{c:>24}" for c in cells))


def hypervisors():
    xen = pkgcache.fetch("xen-hypervisor-4.17-amd64") / "boot/xen-4.17-amd64"
    if not xen.exists():
        sh("sh", "-c", f"gzip -dc {xen}.gz > {xen}")
    return {"Parapet": BUILD / "parapet", "Xen": xen}


WORDS = "console=com1 com1=115200,8n1 loglvl=warning maxcpus=1"


def pv():
    rows = {name: count(f"pv-{name}", 180, "-m", 512, "-kernel", hv, "-append",
                        f"{WORDS} dom0_mem=128M dom0_max_vcpus=2", "-initrd", OUT / "pvbench")
            for name, hv in hypervisors().items()}
    table("PV primitives: hypervisor instructions, CR3/CR4 writes", rows,
          lambda e: f"{e.get('hyp', 0):.0f}  cr3={e.get('h.wrcr3', 0) + e.get('h.wrcr4', 0):.1f}")


def lmb():
    kernel = BUILD / "image/vmlinuz"
    rows = {"native": count("native", 240, "-m", 512, "-kernel", kernel, "-append", f"console=ttyS0 {LINUX}",
                            "-initrd", OUT / "lmb.cpio")}
    for name, hv in hypervisors().items():
        rows[name] = count(f"lmb-{name}", 500, "-m", 1024, "-kernel", hv, "-append", f"{WORDS} dom0_mem=512M",
                           "-initrd", f"{kernel} console=hvc0 {LINUX},{OUT}/lmb.cpio")
    table("User-space operations: all instructions (of them hypervisor)", rows,
          lambda e: f"{sum(e.get(k, 0) for k in ('user', 'gk', 'hyp')):.0f} ({e.get('hyp', 0):.0f})")


def boots(n):
    """Wall time to dom0's user space, same initramfs, memory and arguments, runs alternating."""
    times = {"Parapet": [], "Xen": []}
    for _ in range(n):
        for name, hv in hypervisors().items():
            report = OUT / "boot.json"
            report.unlink(missing_ok=True)
            subprocess.run([sys.executable, TOP / "tools/run", "--build", BUILD, "--hv", hv, "--mode", "bare",
                            "--quiet", "--timeout", "240", "--json", report], stdin=subprocess.DEVNULL)
            found = re.search(r'"dom0-user": ([0-9.]+)', report.read_text() if report.exists() else "")
            times[name].append(float(found[1]) if found else float("inf"))
    print("\nboot to dom0's user space, seconds of wall time")
    for name, t in times.items():
        print(f"{name:10} median {statistics.median(t):6.2f}   {' '.join(f'{x:.2f}' for x in t)}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--pv", action="store_true")
    ap.add_argument("--lmb", action="store_true")
    ap.add_argument("--boot", type=int, default=0)
    a = ap.parse_args()
    every = not (a.pv or a.lmb or a.boot)
    if not shutil.which("qemu-system-x86_64"):
        raise SystemExit("bench: no QEMU (make deps)")
    prepare()
    if a.pv or every:
        pv()
    if a.lmb or every:
        lmb()
    if a.boot or every:
        boots(a.boot or 5)


if __name__ == "__main__":
    main()
