#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The hypervisor's messages before dom0 show on the VGA text screen: with console=vga, and without console=."""
import pathlib, socket, tempfile, threading, time
from harness import Run, expect, passed, skip_on_xen

skip_on_xen()


def read_screen(tmp, screen):
    """Saves the text screen through QEMU's monitor until it is there."""
    for _ in range(40):
        time.sleep(0.5)
        try:
            with socket.socket(socket.AF_UNIX) as monitor:
                monitor.connect(f"{tmp}/monitor")
                monitor.sendall(f'pmemsave 0xb8000 4000 "{tmp}/screen"\n'.encode())
                time.sleep(0.5)
            cells = pathlib.Path(f"{tmp}/screen").read_bytes()
            screen[:] = [cells[at:at + 160:2].decode("latin1") for at in range(0, 4000, 160)]
        except OSError:
            continue
        if any("cannot start dom0" in line for line in screen):
            return


for words in ("console=vga", "noreboot"):
    with tempfile.TemporaryDirectory() as tmp:
        (pathlib.Path(tmp) / "text").write_bytes(b"not a kernel\n" * 100)
        screen = []
        reader = threading.Thread(target=read_screen, args=(tmp, screen))
        reader.start()
        run = Run("--kernel", f"{tmp}/text", "--append", words, "--qemu-args",
                  f"-monitor unix:{tmp}/monitor,server,nowait", timeout=15)
        reader.join()
    expect(any("cannot start dom0: kernel module" in line for line in screen), f"{words}: not on the screen: {screen}")
    expect("parapet" not in run.log, f"{words}: the serial line was not asked for", run)
passed("with console=vga and without console=")
