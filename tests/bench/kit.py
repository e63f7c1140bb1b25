# SPDX-License-Identifier: MIT
"""Builds the counting kit, runs one counted machine and returns what it counted; keeps results of what never changes.

Every run is exact: icount makes the clock the instruction count, so load on this machine changes nothing but the wait.
"""
import hashlib, importlib.machinery, importlib.util, json, os, pathlib, re, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get("BUILD", TOP / "build")).resolve()
OUT = BUILD / "bench"
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tools/image")]
import pkgcache  # noqa: E402
import build as image  # noqa: E402


def load_run():
    """tools/run as a module: the options that `make run` boots with are written there and only there."""
    loader = importlib.machinery.SourceFileLoader("parapet_run", str(TOP / "tools/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


boot = load_run()
EXACT = "-icount shift=0,sleep=off -rtc base=2024-01-01,clock=vm -seed 42"
QEMU = f"qemu-system-x86_64 -machine q35 -accel tcg -cpu qemu64 -m 2048 -smp 1 -display none -nodefaults -no-reboot " \
       f"-serial stdio {EXACT}".split()
LINUX = "quiet panic=-1 nokaslr norandmaps"
WARN = "-Wall -Wextra -Werror -Wno-unused-parameter -Wno-misleading-indentation -Wno-clobbered".split()
BARE = "-O2 -ffreestanding -fno-stack-protector -fno-pic -mcmodel=kernel -mno-red-zone -mgeneral-regs-only " \
       "-fno-asynchronous-unwind-tables -fcf-protection=none".split()
LIMIT = {"pv": 240, "lmb": 480, "domains": 560, "devices": 560}
# pvbench counts these in user mode, where it cannot print their names
SILENT = {40: ("user_syscall_bounce(sysret)", 2000), 41: ("user_syscall_bounce(iret)", 2000),
          42: ("user_pf_bounce", 2000), 43: ("user_loop", 2000)}


def sh(*cmd):
    subprocess.run([str(c) for c in cmd], check=True)


def prepare():
    OUT.mkdir(parents=True, exist_ok=True)
    gcc = ("gcc", *WARN)
    sh(*gcc, "-O2", "-shared", "-fPIC", "-o", OUT / "pvcount.so", HERE / "plugin/pvcount.c")
    sh(*gcc, *BARE, "-c", HERE / "pvbench/main.c", "-o", OUT / "main.o")
    sh(*gcc, "-c", "-fno-pic", HERE / "pvbench/start.S", "-o", OUT / "start.o")
    sh("ld", "-T", HERE / "pvbench/pvbench.lds", "-z", "max-page-size=4096", "--build-id=none",
       "--no-warn-rwx-segments", "-z", "noexecstack", "-o", OUT / "pvbench", OUT / "start.o", OUT / "main.o")
    for name in ("lmb", "net"):
        sh(*gcc, "-O2", "-static", "-o", OUT / name, HERE / f"lmb/{name}.c")
    cpio = image.base(pkgcache.fetch("busybox-static") / "bin/busybox")
    cpio.file("lmb", OUT / "lmb", 0o755)
    cpio.file("init", HERE / "lmb-init.sh", 0o755)
    image.write(OUT / "lmb.cpio", cpio.bytes())
    image.write(OUT / "devices.cpio", (BUILD / "image/domu.cpio").read_bytes() + devices_cpio())
    kernel = (BUILD / "image/vmlinuz").resolve().parents[1]
    image.write(OUT / "brd.ko", image.modules(kernel, ["brd"])["brd"])


def devices_cpio():
    """Appended to the domU's initramfs: our own init, and what it runs."""
    cpio = image.Cpio()
    cpio.file("net", OUT / "net", 0o755)
    cpio.file("init", HERE / "devices-init.sh", 0o755)
    return cpio.bytes()


def command(kind, which, tsv):
    """The machine of one run. which: parapet, xen or native; kind: pv, lmb, domains or devices."""
    plugin = ["-plugin", f"{OUT}/pvcount.so,out={tsv}"]
    kernel, hv = BUILD / "image/vmlinuz", boot.hypervisor_image("xen" if which == "xen" else "", BUILD)
    linux = f"{boot.DOM0_ARGS} {LINUX}"
    if which == "native":
        return [*QEMU, "-kernel", kernel, "-append", f"console=ttyS0 {LINUX}", "-initrd", OUT / "lmb.cpio", *plugin]
    if kind == "pv":
        return [*QEMU, "-kernel", hv, "-append", f"{boot.HV_ARGS} dom0_max_vcpus=2", "-initrd", OUT / "pvbench",
                *plugin]
    if kind == "lmb":
        return [*QEMU, "-kernel", hv, "-append", boot.HV_ARGS, "-initrd", f"{kernel} {linux},{OUT}/lmb.cpio", *plugin]
    files = [f"bench/net={OUT}/net"]
    if kind == "domains":
        files += [f"bench/pvbench={OUT}/pvbench"]
    else:
        files += [f"guest/initrd={OUT}/devices.cpio", f"bench/brd.ko={OUT}/brd.ko"]
    return [sys.executable, TOP / "tools/run", "--build", BUILD, "--hv", "xen" if which == "xen" else hv, "--quiet",
            "--script", HERE / f"{kind}.sh", *(w for f in files for w in ("--file", f)),
            *(["--vmctl"] if kind == "devices" else []),
            "--timeout", str(LIMIT[kind] - 10), "--log", OUT / f"{kind}-{which}.console", "--dom0-args", LINUX,
            "--qemu-args", f"{EXACT} {' '.join(plugin)}"]


def parse(kind, log, tsv):
    """{operation: [name, events of one operation]}; of an operation counted more than once, the cheapest."""
    names, rows = dict(SILENT) if kind == "pv" else {}, {}
    for m in re.finditer(r"^B (\d+) (.+?) N=(\d+) per=(\d+) tsc/op=", log, re.M):
        names[int(m[1])] = (m[2], int(m[3]) * int(m[4]))
    for line in tsv.splitlines():
        tag, op, *events = line.split("\t")
        title, n = names.get(int(op), (tag, 1))
        counts = {k: int(v) / n for k, v in (x.split("=") for x in events)}
        if tag == "total":
            op = 0
        if int(op) not in rows or counts["hyp"] < rows[int(op)][1]["hyp"]:
            rows[int(op)] = [title, counts]
    return rows


def key(kind, which, cmd):
    """What a cached result depends on: the programs run, the options, QEMU, the kernel, this file."""
    h = hashlib.sha256()
    text = " ".join(str(c) for c in cmd).replace(str(BUILD), "").replace(str(TOP), "")
    h.update(f"{kind} {which} {text} {os.readlink(BUILD / 'image/vmlinuz')}".encode())
    h.update(subprocess.run([QEMU[0], "--version"], stdout=subprocess.PIPE, check=True).stdout)
    if which == "xen":
        h.update(boot.hypervisor_image("xen", BUILD).read_bytes())
    inside = {"pv": [OUT / "pvbench"], "lmb": [OUT / "lmb.cpio"],
              "devices": [OUT / "net", OUT / "devices.cpio", HERE / "devices.sh", TOP / "tools/image/dom0-init",
                          BUILD / "vmctl"],
              "domains": [OUT / "pvbench", OUT / "net", HERE / "domains.sh", TOP / "tools/image/dom0-init"]}
    for f in (OUT / "pvcount.so", HERE / "kit.py", *inside[kind]):
        h.update(f.read_bytes())
    return h.hexdigest()[:20]


def count(kind, which):
    """The counts of one run, from the cache when the hypervisor is not ours; {} (and a line saying so) if it failed."""
    tsv, log = OUT / f"{kind}-{which}.tsv", OUT / f"{kind}-{which}.log"
    cmd = [str(c) for c in command(kind, which, tsv)]
    kept = pkgcache.CACHE / "bench" / f"{kind}-{which}-{key(kind, which, cmd)}.json"
    if which != "parapet" and kept.exists():
        return {int(k): v for k, v in json.loads(kept.read_text()).items()}
    tsv.unlink(missing_ok=True)
    with open(log, "wb") as out:
        done = subprocess.run(["timeout", str(LIMIT[kind]), *cmd], stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT)
    text = log.read_text(errors="replace").replace("\r", "")
    rows = parse(kind, text, tsv.read_text() if tsv.exists() else "")
    end = {"pv": "pvbench done", "lmb": "LMB done", "domains": "pingpong done", "devices": "devices done"}[kind]
    if done.returncode or end not in text:
        print(f"bench: FAILED: {kind} on {which}, status {done.returncode}, see {log}", file=sys.stderr, flush=True)
        return {}
    if which != "parapet":
        kept.parent.mkdir(parents=True, exist_ok=True)
        image.write(kept, json.dumps(rows).encode())
    return rows
