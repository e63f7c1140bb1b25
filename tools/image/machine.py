# SPDX-License-Identifier: MIT
"""A machine in QEMU as a person at its serial line has it: waits for a line, logs in, types commands, reads answers.

A hypervisor's own lines between a command's are left out of its answer.
"""
import os, pathlib, re, secrets, select, shlex, subprocess, time

QEMU = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "qemu64", "-m", "2048", "-display", "none",
        "-monitor", "none", "-serial", "stdio", "-nic", "none"]
ANSI = re.compile(r"\x1b(\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>])")
LONGEST = 16  # characters of such a sequence
HV_LINE = re.compile(r"^\((XEN|parapet)\)[^\n]*\n", re.M)
PASSWORD = "parapet"
PIECE = 32  # characters sent at once


class Silent(Exception):
    """What was waited for did not come; the text has the last lines."""


class Console:
    """DISK is a virtio one, or with another INTERFACE what that says (`none,id=...` for a -device among ARGS)."""

    def __init__(self, args, disk, log, interface="virtio"):
        with open(disk, "rb") as f:
            form = "qcow2" if f.read(4) == b"QFI\xfb" else "raw"
        drive = f"file={disk},if={interface},format={form},cache=unsafe"
        cmd = ["setpriv", "--pdeathsig", "KILL", *QEMU, "-drive", drive, *args]
        self.log, self.text, self.at, self.start = open(log, "wb"), "", 0, time.monotonic()
        self.held = ""  # the beginning of an escape sequence, whose end is still to come
        self.proc = subprocess.Popen([str(c) for c in cmd], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=self.log, bufsize=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        self.log.close()

    def age(self):
        return time.monotonic() - self.start

    def _more(self, until):
        """False at the end of the output; raises on timeout."""
        ready, _, _ = select.select([self.proc.stdout], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError
        data = os.read(self.proc.stdout.fileno(), 65536)
        self.log.write(data)
        self.log.flush()
        new = self.held + data.decode(errors="replace")
        start = new.rfind("\x1b")
        whole = start < 0 or not data or ANSI.match(new, start) or len(new) - start > LONGEST
        self.held = "" if whole else new[start:]
        self.text += ANSI.sub("", new if whole else new[:start]).replace("\r", "")
        return bool(data)

    def wait(self, pattern, seconds):
        """The match of the first place after the last one that PATTERN fits."""
        until, compiled = time.monotonic() + seconds, re.compile(pattern, re.M)
        while True:
            if m := compiled.search(self.text, self.at):
                self.at = m.end()
                return m
            try:
                if self._more(until):
                    continue
                why = "the machine ended"
            except TimeoutError:
                why = f"not within {seconds:.0f} s"
            tail = "\n".join(self.text.splitlines()[-15:])
            raise Silent(f"waited for {pattern!r}: {why}\n{tail}")

    def ended(self, seconds):
        until = time.monotonic() + seconds
        try:
            while self._more(until):
                pass
        except TimeoutError:
            raise Silent(f"still running after {seconds:.0f} s") from None
        self.proc.wait()

    def send(self, text):
        """In pieces: Xen keeps 128 characters for a domain 0 that is slow to fetch them, and drops the rest."""
        data = text.encode()
        for at in range(0, len(data), PIECE):
            if at:
                time.sleep(0.1)
            os.write(self.proc.stdin.fileno(), data[at:at + PIECE])

    def login(self, seconds):
        self.wait(r"^\S+ login: ", seconds)
        self.send("root\n")
        self.wait(r"Password: ", 120)
        self.send(f"{PASSWORD}\n")
        self.wait(r"[#$] $", 120)
        self.run("stty -echo; PS1=; dmesg -n 1; export PAGER=cat", 60)

    def run(self, command, seconds=120):
        """(status, output) of a shell command."""
        word = secrets.token_hex(6)
        self.send(f"echo begin-''{word}; {{ {command}\n}} 2>&1; echo end-''{word} $?\n")
        start = self.wait(rf"^begin-{word}\n", seconds).end()
        end = self.wait(rf"end-{word} (\d+)\n", seconds)
        return int(end[1]), HV_LINE.sub("", self.text[start:end.start()])


def firmware(cache, vars_copy):
    """QEMU's arguments for OVMF, with a copy of its variables."""
    share = cache / "usr/share/OVMF"
    pathlib.Path(vars_copy).write_bytes((share / "OVMF_VARS_4M.fd").read_bytes())
    return shlex.split(f"-drive if=pflash,format=raw,readonly=on,file={share / 'OVMF_CODE_4M.fd'} "
                       f"-drive if=pflash,format=raw,file={vars_copy}")
