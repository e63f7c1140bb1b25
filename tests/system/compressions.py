#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The stock kernel repacked by gzip, zstd and xz as its tool does, and as the plain ELF file in it: all start."""
import ctypes, gzip, lzma, pathlib, struct, tempfile
from harness import BUILD, Run, expect, passed, skip_on_xen

skip_on_xen()
kernel = (BUILD / "image/vmlinuz").read_bytes()
elf = (BUILD / "image/vmlinux").read_bytes()
offset = struct.unpack_from("<I", kernel, 0x248)[0] + (kernel[0x1f1] + 1) * 512  # Linux's boot protocol: payload_offset


def zstd(data):
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(lib.ZSTD_compressBound(ctypes.c_size_t(len(data))))
    n = lib.ZSTD_compress(out, ctypes.c_size_t(len(out)), data, ctypes.c_size_t(len(data)), 3)
    return out.raw[:n] + struct.pack("<I", len(data))


def packed(payload):
    return kernel[:0x24c] + struct.pack("<I", len(payload)) + kernel[0x250:offset] + payload


crc64 = lzma.compress(elf, check=lzma.CHECK_CRC64, preset=0) + struct.pack("<I", len(elf))
KERNELS = {"gzip": packed(gzip.compress(elf, 3)), "zstd": packed(zstd(elf)), "xz with a CRC-64": packed(crc64),
           "plain": elf}
damaged = bytearray(KERNELS["gzip"])
damaged[-8] ^= 1  # of the CRC-32 (RFC 1952): nothing else tells
with tempfile.TemporaryDirectory() as tmp:
    path, times = pathlib.Path(tmp) / "kernel", []
    for name, data in KERNELS.items():
        path.write_bytes(data)
        run = Run("--kernel", path, "--until", r"Linux version", timeout=60)
        expect(run.status == 0, f"{name}: no first line of the kernel (status {run.status})", run)
        times.append(f"{name} {run.stages['dom0-kernel']:.1f} s")
    path.write_bytes(damaged)
    run = Run("--kernel", path, "--until", r"cannot start dom0: kernel module: .*damaged", timeout=60)
    expect(run.status == 0, f"one bit changed in gzip's CRC-32: not refused (status {run.status})", run)
passed(", ".join(times))
