#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A CPU stuck in the hypervisor for more than 5 s is reported by the other one, with where it is, and when it is back.

QEMU's gdb stub makes it stuck, without a line of code in the hypervisor: an idle CPU is sent to a `cli; hlt` loop of
the hypervisor's (the one at the end of a panic), and from there back to where it was. Meanwhile an NMI from outside,
which is all that can find out a lone CPU, makes it say where it is, too.
"""
import pathlib, re, socket, struct, tempfile, threading, time
from harness import BUILD, HV, PATIENCE, Run, expect, passed, skip_on_xen

skip_on_xen()
HLT, STUCK = b"\xf4", b"\xfa\xf4\xeb\xfc"  # the last: cli, hlt, back to cli
RIP, INTERRUPTS = 16, 1 << 9  # index in the stub's `g` of 8-byte registers, behind it rflags


class Stub:
    """gdb's remote protocol; the machine stands while it talks."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rb")

    def send(self, text):
        self.socket.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) & 0xff))

    def ask(self, text):
        self.send(text)
        answer = "T"
        while answer[:1] == "T":  # that the machine stopped, unasked
            while self.stream.read(1) != b"$":  # acknowledgements
                pass
            answer = b"".join(iter(lambda: self.stream.read(1), b"#")).decode()
            self.stream.read(2)
            self.socket.sendall(b"+")
        expect(answer[:1] != "E", f"the gdb stub answers {answer} to {text[:20]}")
        return answer

    def registers(self, cpu):
        self.ask(f"Hg{cpu + 1}")
        return bytearray.fromhex(self.ask("g"))

    def go(self):
        self.send("D;1")
        self.socket.close()


def rip(registers):
    return struct.unpack_from("<Q", registers, 8 * RIP)[0]


def halted(stub, cpu):
    """The CPU's registers if it sleeps in the hypervisor, ready for an interrupt."""
    regs = stub.registers(cpu)
    flags = struct.unpack_from("<I", regs, 8 * RIP + 8)[0]
    if rip(regs) >> 40 != 0xffff82 or not flags & INTERRUPTS:
        return None
    return regs if bytes.fromhex(stub.ask(f"m{rip(regs) - 1:x},1")) == HLT else None


def torment(log, gdb, monitor, done, seen):
    def says(pattern):
        end = time.monotonic() + 60 * PATIENCE
        while not re.search(pattern, log.read_bytes() if log.exists() else b""):
            if done.wait(0.2) or time.monotonic() > end:
                return False
        return True

    image = pathlib.Path(HV or BUILD / "parapet").read_bytes()
    regs = None
    if not says(rb"PARAPET-DOM0-READY"):
        return
    for _ in range(50 * PATIENCE):
        time.sleep(0.3)
        stub = Stub(gdb)
        regs = halted(stub, 1)
        if regs is not None:
            break
        stub.go()
    if regs is None:
        return
    loop = (rip(regs) & -(1 << 21)) + image.index(STUCK)  # the image begins at a multiple of 2 MiB
    seen["loop"], seen["since"] = loop, time.monotonic()
    there = regs[:]
    struct.pack_into("<Q", there, 8 * RIP, loop)
    stub.ask("G" + there.hex())
    stub.go()
    if says(rb"watchdog: CPU \d+ is stuck.*\n(.*\n)+?.*r13 .*\n.*:   0x.*\n"):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(monitor))
            s.sendall(b"nmi\n")
            says(rb"NMI, system control port.*0xe008:0x%x" % (loop + 2))
        stub = Stub(gdb)
        stub.registers(1)
        stub.ask("G" + regs.hex())
        stub.go()


with tempfile.TemporaryDirectory() as tmp:
    log, gdb, monitor = (pathlib.Path(tmp) / name for name in ("log", "gdb", "monitor"))
    done, seen = threading.Event(), {}
    thread = threading.Thread(target=torment, args=(log, gdb, monitor, done, seen))
    thread.start()
    run = Run("--mode", "shell", "--smp", "2", "--log", log, "--until", r"\(parapet\).* is back",
              "--qemu-args", f"-gdb unix:{gdb},server=on,wait=off -monitor unix:{monitor},server,nowait", timeout=60)
    done.set()
    thread.join()
    run.log = Run.read(log)
expect("loop" in seen, "CPU 1 was never idle", run)
found = re.search(r"error: watchdog: CPU 1 is stuck in the hypervisor for (\d+) s\n(?:.*\n)*?"
                  r".*error: CPU 1 is at 0xe008:0x(\w+)\n", run.log)
expect(found, "no report of CPU 1", run)
seconds, where = int(found[1]), int(found[2], 16)
expect(5 <= seconds <= 7, f"reported after {seconds} s", run)
expect(seen["loop"] <= where <= seen["loop"] + len(STUCK), f"reported at {where:#x}, sent to {seen['loop']:#x}", run)
report = run.log[found.end():]
for wanted in (r"rip 0xe008:0x", r"r13 .* r15 0x\w+\n.*error:   0xffff82d04"):
    expect(re.search(wanted, report), f"no /{wanted}/ in the report", run)
expect(f"0xe008:0x{seen['loop'] + 2:x}\n" in report.partition("NMI, system control port")[2],
       "an NMI does not say where CPU 1 is", run)
expect(run.status == 0 and "warning: CPU 1 is back" in run.log, "CPU 1 is not reported as back", run)
expect(run.log.count("is stuck") == 1 and "PANIC" not in run.log, "more than that was reported", run)
passed(f"CPU 1 reported after {seconds} s at {where:#x}, with its stack, and when it was back")
