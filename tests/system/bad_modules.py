#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Malformed boot modules: a message naming the module and the reason, then halt; never a crash, never silence."""
import os, pathlib, struct, tempfile
from harness import BUILD, Run, expect, passed, skip_on_xen

skip_on_xen()
REFUSED = r"\(parapet\) error: cannot start dom0: .+"


def elf(segments=(), machine=62, klass=2, entry=0x1000000, kind=2, notes=True):
    """A 64-bit ELF of (vaddr, paddr, file bytes, memory bytes) segments and one Xen note, the version."""
    note = struct.pack("<III4s8s", 4, 8, 5, b"Xen", b"xen-3.0") if notes else b""
    count = len(segments) + notes
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF" + bytes([klass, 1, 1]), kind, machine, 1, entry, 64, 0, 0, 64,
                       56, count, 0, 0, 0)
    at = 64 + 56 * count
    table = struct.pack("<IIQQQQQQ", 4, 4, at, 0, 0, len(note), len(note), 4) if notes else b""
    body = note
    for vaddr, paddr, size, memory in segments:
        table += struct.pack("<IIQQQQQQ", 1, 7, at + len(body), vaddr, paddr, size, memory, 4096)
        body += b"\x90" * min(size, 8192)
    return head + table + body


kernel = (BUILD / "image/vmlinuz").read_bytes()
base = 0x1000000
CASES = {
    "empty": (b"", "empty"),
    "text": (b"not a kernel\n" * 100, "neither"),
    "truncated": (kernel[:len(kernel) // 3], "truncated"),
    "header-only": (kernel[:600], "truncated"),
    "damaged": (kernel[:4000000] + bytes(200) + kernel[4000200:], "damaged"),
    "no-notes": (elf([(base, base, 4096, 4096)], notes=False), "notes"),
    "32-bit": (elf([(base, base, 4096, 4096)], klass=1, machine=3), "64-bit"),
    "entry-outside": (elf([(base, base, 4096, 4096)], entry=base + 4096), "entry"),
    "outside-file": (elf([(base, base, 1 << 30, 1 << 30)]), "file"),
    "overlap": (elf([(base, base, 4096, 8192), (base + 4096, base + 4096, 4096, 4096)]), "overlap"),
    "absurd": (elf([(base, base, 4096, 1 << 60)]), "large"),
    "wrap": (elf([(base, (1 << 64) - 4096, 4096, 8192)]), "wraps"),
}



def refuse(name, module, reason, *args):
    run = Run(*args, "--until", REFUSED, timeout=40)
    expect(run.status == 0, f"{name}: no refusal (status {run.status})", run)
    line = next(text for text in run.log.splitlines() if "cannot start dom0" in text)
    expect(f"{module} module: " in line, f"{name}: the message does not name the {module} module: {line}")
    expect(reason in line.rpartition(": ")[2], f"{name}: another reason than {reason!r}: {line}")


with tempfile.TemporaryDirectory() as tmp:
    for name, (data, reason) in CASES.items():
        path = pathlib.Path(tmp) / name
        path.write_bytes(data)
        refuse(name, "kernel", reason, "--kernel", path)
    refuse("no modules", "kernel", "none", "--kernel", "", "--initrd", "")
    path = pathlib.Path(tmp) / "initrd"
    path.write_bytes(b"")
    refuse("empty initrd", "initrd", "empty", "--initrd", path)
    path.write_bytes(bytes(90 << 20))
    refuse("huge initrd", "initrd", "do not fit", "--initrd", path, "--hv-args", "dom0_mem=128M")
passed(f"{len(CASES) + 3} kinds refused by name and reason")
