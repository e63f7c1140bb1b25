#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Malformed boot modules: a message naming the module and the reason, then halt; never a crash, never silence."""
import os, pathlib, struct, tempfile
from harness import BUILD, Run, expect, passed, skip_on_xen

skip_on_xen()
REFUSED = r"\(parapet\) error: cannot start dom0: .+"


def elf(segments=(), machine=62, klass=2, entry=0x1000000, kind=2):
    """A 64-bit ELF of (vaddr, paddr, file bytes, memory bytes) segments, with nothing else in it."""
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF" + bytes([klass, 1, 1]), kind, machine, 1, entry, 64, 0, 0, 64,
                       56, len(segments), 0, 0, 0)
    table, body, at = b"", b"", 64 + 56 * len(segments)
    for vaddr, paddr, size, memory in segments:
        table += struct.pack("<IIQQQQQQ", 1, 7, at + len(body), vaddr, paddr, size, memory, 4096)
        body += b"\x90" * min(size, 8192)
    return head + table + body


kernel = (BUILD / "image/vmlinuz").read_bytes()
base = 0x1000000
CASES = {
    "empty": (b"", "kernel"),
    "text": (b"not a kernel\n" * 100, "kernel"),
    "truncated": (kernel[:len(kernel) // 3], "kernel"),
    "header-only": (kernel[:600], "kernel"),
    "damaged": (kernel[:4000000] + bytes(200) + kernel[4000200:], "kernel"),
    "no-notes": (elf([(base, base, 4096, 4096)]), "kernel"),
    "32-bit": (elf([(base, base, 4096, 4096)], klass=1, machine=3), "kernel"),
    "outside-file": (elf([(base, base, 1 << 30, 1 << 30)]), "kernel"),
    "overlap": (elf([(base, base, 4096, 8192), (base + 4096, base + 4096, 4096, 4096)]), "kernel"),
    "absurd": (elf([(base, base, 4096, 1 << 60)]), "kernel"),
    "wrap": (elf([((1 << 64) - 4096, base, 4096, 8192)]), "kernel"),
}

with tempfile.TemporaryDirectory() as tmp:
    reasons = []
    for name, (data, module) in CASES.items():
        path = pathlib.Path(tmp) / name
        path.write_bytes(data)
        run = Run("--kernel", path, "--until", REFUSED, timeout=40)
        expect(run.status == 0, f"{name}: no refusal (status {run.status})", run)
        line = next(text for text in run.log.splitlines() if "cannot start dom0" in text)
        expect(module in line, f"{name}: the message does not name the {module} module: {line}")
        reasons.append(line.rpartition(": ")[2])
    run = Run("--kernel", "", "--initrd", "", "--until", REFUSED, timeout=40)
    expect(run.status == 0, f"no modules: no refusal (status {run.status})", run)
expect(len(set(reasons)) >= 6, f"the reasons hardly differ: {reasons}")
passed(f"{len(CASES) + 1} kinds refused by name")
