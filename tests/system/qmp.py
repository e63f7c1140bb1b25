# SPDX-License-Identifier: MIT
"""QEMU's monitor for tests: a machine that is looked at from outside while tools/run has its console."""
import json, pathlib, re, socket, tempfile, threading, time
from harness import PATIENCE, Run


class Monitor:
    """`ask` runs a command of the human monitor, as @cpu sees memory, and returns what it prints."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("r")
        self.stream.readline()  # the greeting
        self.events = []
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.stream.readline())
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "event" not in answer:
                return answer["return"]
            self.events.append(answer)

    def rest(self):
        """All events until the machine's end, with those before."""
        try:
            for line in self.stream:
                self.events.append(json.loads(line))
        except ConnectionResetError:  # a machine that ends leaves what it has not read of ours
            pass
        return self.events

    def ask(self, line, cpu=0):
        return self.execute("human-monitor-command", **{"command-line": line, "cpu-index": cpu})

    def words(self, address, count, cpu):
        """64-bit words of memory."""
        rows = self.ask(f"x /{count}gx {address:#x}", cpu).splitlines()
        return [int(word, 16) for row in rows for word in row.partition(":")[2].split()]


def stop_at(pattern, look, *args, timeout=80):
    """Boots until the console says @p pattern, stops the machine and lets @p look ask a Monitor; what it returns (None:
    the pattern did not come) and the run."""
    found, over = [None], threading.Event()

    def wait():
        end = time.monotonic() + timeout * PATIENCE
        while not (log.exists() and re.search(pattern, log.read_bytes())):
            if over.wait(0.1) or time.monotonic() > end:
                return
        monitor = Monitor(path)
        monitor.execute("stop")
        found[0] = look(monitor)
        monitor.execute("quit")

    with tempfile.TemporaryDirectory() as tmp:
        log, path = pathlib.Path(tmp) / "log", pathlib.Path(tmp) / "qmp"
        thread = threading.Thread(target=wait)
        thread.start()
        run = Run(*args, "--log", log, "--qemu-args", f"-qmp unix:{path},server=on,wait=off", timeout=timeout)
        over.set()
        thread.join()
        run.log = Run.read(log)
    return found[0], run
