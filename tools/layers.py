#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layer rules of hypervisor/: folders, includes, namespaces. check(root) yields one message a breach."""
import pathlib, re, sys

LAYERS = ["base", "arch", "cpu", "mm", "guest", "domain", "hypercall", "boot"]  # low to high
BOOT_LIBS = {"lzma.h", "zlib.h", "zstd.h"}  # the decompressors linked for boot
STD = set("array bit compare concepts cstddef cstdint initializer_list limits new optional span tuple type_traits "
          "utility variant".split())
FOLDERS = {"arch/x86", "arch/host", "base/image"}  # the only ones inside a layer
SOURCES = {".hpp", ".cpp", ".h", ".S"}


def check_hypervisor(root):
    for top in sorted((root / "hypervisor").iterdir()):
        if top.name not in LAYERS:
            yield f"{top}: no layer of the design"
            continue
        for d in sorted(p for p in top.rglob("*") if p.is_dir()):
            if d.relative_to(root / "hypervisor").as_posix() not in FOLDERS:
                yield f"{d}: no folder of the design"
        for f in sorted(p for p in top.rglob("*") if p.is_file()):
            if f.suffix not in SOURCES | {".lds"}:
                yield f"{f}: no kind of file for hypervisor/"
                continue
            yield from check_file(f, top.name, host="arch/host" in f.as_posix())


def check_file(f, layer, host):
    rank = LAYERS.index(layer)
    lines = f.read_text().splitlines()
    for n, line in enumerate(lines, 1):
        if m := re.match(r'\s*#\s*include "([^"]+)"', line):
            first = m[1].split("/")[0]
            if first in LAYERS:
                if LAYERS.index(first) > rank:
                    yield f"{f}:{n}: {layer}/ may not include {m[1]}"
            elif first != "pv-abi" and m[1] != "asm_offsets.h":
                yield f'{f}:{n}: "{m[1]}" is neither root-relative nor pv-abi/'
        elif (m := re.match(r"\s*#\s*include <([^>]+)>", line)) and m[1] not in STD and not host and not (
                layer == "boot" and m[1] in BOOT_LIBS):
            yield f"{f}:{n}: <{m[1]}> is not in the freestanding subset"
        elif (m := re.match(r"namespace ([a-z_:0-9]+)", line)) and m[1].startswith("hv::"):
            inner = m[1].split("::")[1]
            if inner in LAYERS and LAYERS.index(inner) > rank and not only_forward(lines[n - 1:]):
                yield f"{f}:{n}: {layer}/ may only forward-declare in {m[1]}"


def only_forward(lines):
    """Does the namespace that opens on the first line hold nothing but forward declarations?"""
    body = re.match(r"namespace [a-z_:0-9]+\s*\{(.*?)\}", "\n".join(lines), re.S)
    return bool(body) and not re.sub(r"//[^\n]*|(struct|class|enum class) \w+( : [\w:]+)?;|\s", "", body[1])


def check_abi(root):
    for f in sorted((root / "pv-abi").glob("*.h")):
        for n, line in enumerate(f.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include (?:"([^"]+)"|<([^>]+)>)', line)
            if m and m[1] and not re.fullmatch(r"(pv-abi/)?[a-z_0-9]+\.h", m[1]):
                yield f"{f}:{n}: pv-abi includes nothing but itself"
            if m and m[2] and m[2] not in ("stdint.h", "stddef.h", "cstdint", "cstddef"):
                yield f"{f}:{n}: <{m[2]}> in pv-abi"


def check(root):
    if (root / "hypervisor").is_dir():
        yield from check_hypervisor(root)
    yield from check_abi(root)


if __name__ == "__main__":
    found = list(check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
    print("\n".join(found))
    sys.exit(bool(found))
