#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots micro-kernels as dom0 and reads their verdicts.

  run.py --hv build/parapet|xen [--kernels DIR] [--jobs N] [--log DIR] [--args WORDS] [--append WORDS]
         [--cpu MODEL] [--qemu COMMAND] [NAME...]

One line a kernel, last line "N passed, N failed"; exit status 0 only if none failed. `xen` is Debian's Xen 4.17 from
the package cache. Lines `// RUN: key=value` in a kernel's main.cpp set: args (its command line), append (more
hypervisor options), mem (MB), smp (CPUs), timeout (s), and expect=crash|exit with pattern=REGEX for kernels whose end
is judged by what the hypervisor prints or does; until=REGEX ends the run early. A key written xen.KEY or
parapet.KEY holds there only. variant=OPTION|OPTION runs the kernel again with each of these hypervisor options, or with
another processor where one reads cpu:MODEL. On Parapet every kernel runs again with fastpath=off, too: what a guest
sees must be the same. A hypervisor that panics fails every test.
"""
import argparse, concurrent.futures, gzip, os, pathlib, re, select, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
QEMU = ["-accel", "tcg", "-M", "q35", "-display", "none", "-nodefaults", "-no-reboot", "-serial",
        "stdio"]


def xen_image(kernels):
    out = kernels / "xen-4.17-amd64"
    if not out.exists():
        pkg = subprocess.run([sys.executable, ROOT / "tools/pkgcache.py", "xen-hypervisor-4.17-amd64"],
                             stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        tmp = out.with_suffix(f".{os.getpid()}")
        tmp.write_bytes(gzip.decompress((pathlib.Path(pkg) / "boot/xen-4.17-amd64.gz").read_bytes()))
        tmp.rename(out)
    return out


def settings(name, which):
    found = {"args": "", "append": "", "mem": "256", "timeout": "60", "expect": "result", "pattern": "", "until": "",
             "variant": "", "cpu": "qemu64", "smp": "1"}
    for only, key, value in re.findall(r"^// RUN: (?:(xen|parapet)\.)?(\w+)=(.*)$",
                                       (HERE / name / "main.cpp").read_text(), re.M):
        if key not in found:
            raise SystemExit(f"{name}: unknown RUN key {key}")
        if only in ("", which):
            found[key] = value.strip()
    return found


def boot(qemu, hv, kernel, conf, log):
    """Runs QEMU until the verdict, the pattern or the timeout; returns (console text, why it ended)."""
    append = f"console=com1 com1=115200,8n1 dom0_mem=64M maxcpus={conf['smp']} loglvl=warning {conf['append']}"
    cmd = [qemu] + QEMU + ["-cpu", conf["cpu"], "-m", conf["mem"], "-smp", conf["smp"], "-kernel", str(hv),
                  "-append", append, "-initrd", f"{kernel} {conf['args']}"]
    stop = re.compile((conf["until"] or conf["pattern"] or r"^RESULT .*\n").encode(), re.M)
    deadline = time.monotonic() + 3 * float(conf["timeout"])  # the machine may be busy
    text, why = b"", "exit"
    with subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as p:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                why = "timeout"
                break
            if not select.select([p.stdout], [], [], left)[0]:
                continue
            chunk = os.read(p.stdout.fileno(), 65536)
            if not chunk:
                break
            text += chunk.replace(b"\r", b"")
            if conf["expect"] != "exit" and stop.search(text):
                why = "verdict"
                break
        p.kill()
    log.write_bytes(text)
    return text.decode(errors="replace"), why


def judge(name, conf, text, why):
    """(passed, remark)"""
    if panic := re.search(r"^.*(?:PANIC on CPU|Panic on CPU|Xen BUG at).*$", text, re.M):
        return False, f"the hypervisor died: {panic[0].strip()}"
    verdict = re.search(rf"^(?:\(XEN\) )?RESULT {re.escape(name)} (PASS|FAIL)(.*)$", text, re.M)
    if conf["expect"] == "result":
        if not verdict:
            return False, f"no verdict ({why})"
        return verdict[1] == "PASS", verdict[0].split(None, 2)[2]
    if verdict and verdict[1] == "FAIL":
        return False, verdict[0].split(None, 2)[2]
    if f"{name}: ready" not in text:
        return False, f"the kernel did not get to its point ({why})"
    rest = text.split(f"{name}: ready", 1)[1]
    if not re.search(conf["pattern"], rest, re.M):
        return False, f"expected /{conf['pattern']}/ ({why})"
    if conf["expect"] == "exit" and why != "exit":
        return False, "the machine did not stop"
    if conf["expect"] == "crash" and verdict:
        return False, "the kernel survived"
    return True, f"PASS {conf['expect']} as expected"


def one(a, hv, which, logs, name, variant):
    conf = settings(name, which)
    conf["cpu"] = a.cpu or conf["cpu"]
    if variant.startswith("cpu:"):
        conf["cpu"] = variant[4:]
    else:
        conf["append"] += f" {variant}"
    conf["args"] += f" {a.args}" if a.args else ""
    conf["append"] += f" {a.append}" if a.append else ""
    start = time.monotonic()
    log = logs / f"{name}.{which}{'.' + variant if variant else ''}.log"
    passed, remark = judge(name, conf, *boot(a.qemu, hv, a.kernels / name, conf, log))
    return f"{name} {variant}".strip(), passed, remark, time.monotonic() - start, log


def failures(log, name):
    lines = [l for l in log.read_text(errors="replace").splitlines() if re.search(rf"{re.escape(name)}:\d+:", l)]
    return lines[:12]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--hv", required=True)
    ap.add_argument("--kernels", type=pathlib.Path, default=ROOT / os.environ.get("BUILD", "build") / "guest")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--log", type=pathlib.Path)
    ap.add_argument("--args", default="", help="more words for the kernels' command lines")
    ap.add_argument("--append", default="", help="more words for the hypervisor's")
    ap.add_argument("--cpu", default="", help="QEMU's processor model")
    ap.add_argument("--qemu", default="qemu-system-x86_64", help="another QEMU")
    ap.add_argument("names", nargs="*")
    a = ap.parse_args()
    which = "xen" if a.hv == "xen" else "parapet"
    hv = xen_image(a.kernels) if a.hv == "xen" else pathlib.Path(a.hv)
    if not hv.exists():
        raise SystemExit(f"run.py: no hypervisor {hv}")
    known = sorted(p.parent.name for p in HERE.glob("*/main.cpp"))
    if unknown := [name for name in a.names if name not in known]:
        raise SystemExit(f"run.py: no micro-kernel is called {' or '.join(unknown)} (see the folders of {HERE})")
    names = a.names or known
    logs = a.log or a.kernels / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    good = bad = 0
    runs = [(n, "") for n in names]
    for n in names:
        variants = settings(n, which)["variant"].split("|") + (["fastpath=off"] if which == "parapet" else [])
        runs += [(n, v) for v in variants if v]
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        results = pool.map(lambda r: one(a, hv, which, logs, *r), runs)
        for name, passed, remark, took, log in results:
            good, bad = good + passed, bad + (not passed)
            print(f"{'ok  ' if passed else 'FAIL'} {name:24} {took:5.1f}s {remark}", flush=True)
            if not passed:
                for line in failures(log, name.split()[0]):
                    print(f"     {line}")
                print(f"     log: {log}", flush=True)
    print(f"{good} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
