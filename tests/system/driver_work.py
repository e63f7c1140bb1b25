# SPDX-License-Identifier: MIT
"""Work for dom0's drivers, asked for on its console: every disk, NIC, USB device and the clock moves data, which is
compared with what the other side sent or got."""
import hashlib, os, socketserver, threading, time
from debian_disk import machine, told
from harness import PATIENCE

MIB = 1 << 20
SIZE = 4 * MIB
NODES = {"virtio": "/dev/vda", "ahci": "/dev/sda", "nvme": "/dev/nvme0n1"}
NICS = {"e1000": "10.0.10", "e1000e": "10.0.11", "virtio_net": "10.0.12"}


class Server:
    """On this machine: a port that gives SIZE random bytes, and one that takes what comes until the end."""

    def __enter__(self):
        self.data, self.taken, servers = os.urandom(SIZE), [], []

        class Give(socketserver.BaseRequestHandler):
            def handle(handler):
                handler.request.sendall(self.data)

        class Take(socketserver.StreamRequestHandler):
            def handle(handler):
                self.taken.append(hashlib.sha256(handler.rfile.read()).hexdigest())

        for kind in (Give, Take):
            servers.append(socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind))
            threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        self.give, self.take = (s.server_address[1] for s in servers)
        self.servers = servers
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()


def same(what, got, want):
    if got != want:
        raise machine.Silent(f"{what}: got {got!r}, not {want!r}")


def until(c, condition, seconds=60):
    """Waits in the machine."""
    told(c, f"i=0; until {condition}; do sleep 1; i=$((i + 1)); test $i -lt {seconds} || break; done; {condition}")


def disks(c, root):
    """The root disk gives back what it was given, not from memory; the others are written and read directly."""
    told(c, "head -c 16M /dev/urandom > /root/x && sync")
    before = told(c, "sha256sum < /root/x")
    told(c, "sync; echo 3 > /proc/sys/vm/drop_caches")
    same(f"a file on {root}", told(c, "sha256sum < /root/x"), before)
    for kind, node in NODES.items():
        if kind != root:
            told(c, f"dd if=/root/x of={node} bs=1M oflag=direct conv=fsync status=none", 200)
            got = told(c, f"dd if={node} bs=1M count=16 iflag=direct status=none | sha256sum")
            same(f"16 MiB of {node}", got, before)
    told(c, f"findmnt -no SOURCE / | grep '^{NODES[root]}'")


def networks(c, server):
    """Each NIC has the address QEMU's network gave it, fetches and sends; the slowest one's MB/s, both ways."""
    slowest = 1e9
    told(c, f"head -c {SIZE} /dev/urandom > /root/up")
    want = told(c, "sha256sum < /root/up").split()[0]
    for driver, net in NICS.items():
        name = told(c, "for n in /sys/class/net/*; do test $(basename $(readlink $n/device/driver) x) = "
                       f"{driver} 2> /dev/null && basename $n; done; true").split()
        same(f"interfaces of {driver}", len(name), 1)
        until(c, f"ip -4 -o addr show dev {name[0]} | grep -q 'inet {net}.15/'")
        start = time.monotonic()
        got = told(c, f"timeout 100 sha256sum < /dev/tcp/{net}.2/{server.give}").split()[0]
        same(f"{SIZE} bytes by {driver}", got, hashlib.sha256(server.data).hexdigest())
        told(c, f"timeout 100 cat /root/up > /dev/tcp/{net}.2/{server.take}")
        end = time.monotonic() + 20 * PATIENCE
        while not server.taken and time.monotonic() < end:
            time.sleep(0.1)
        same(f"{SIZE} bytes sent by {driver}", server.taken, [want])
        server.taken.clear()
        slowest = min(slowest, 2 * SIZE / 1e6 / (time.monotonic() - start))
    return slowest


def usb(c, monitor):
    """A key and a movement arrive at the event devices of USB keyboard and tablet."""
    key = {"type": "key", "data": {"key": {"type": "qcode", "data": "shift"}}}
    move = [{"type": "abs", "data": {"axis": "x", "value": 0}}]
    for device, kind, code in (("Keyboard", "event-kbd", "0001 002a"), ("Tablet", "event-mouse", "0003 0000")):
        told(c, f"cat /dev/input/by-id/usb-QEMU_QEMU_USB_{device}*-{kind} > /tmp/events & sleep 1")
        for n in range(20):
            events = [dict(key, data=dict(key["data"], down=n % 2 == 0))]
            if device == "Tablet":
                move[0]["data"]["value"] = 1000 * (n + 1)
                events = move
            monitor.execute("input-send-event", events=events)
            time.sleep(0.2)
        until(c, "test -s /tmp/events")
        got = told(c, "kill $!; od -An -tx2 -w24 /tmp/events")  # struct input_event: two longs, type, code, value
        if not any(code in " ".join(line.split()[8:]) for line in got.splitlines()):
            raise machine.Silent(f"USB {device}: no event {code}: {got[-300:]}")


def clock(c):
    """The clock chip tells this machine's time, and its alarm is an interrupt."""
    seconds = int(told(c, "date -d \"$(hwclock --show --utc)\" +%s"))
    if abs(seconds - time.time()) > 120:
        raise machine.Silent(f"hwclock says {seconds}, it is {time.time():.0f}")
    count = "awk '/rtc0/ { n = $2 } END { print n + 0 }' /proc/interrupts"
    before = int(told(c, count))
    told(c, "echo 0 > /sys/class/rtc/rtc0/wakealarm; echo +2 > /sys/class/rtc/rtc0/wakealarm")
    until(c, f"test $({count}) -gt {before}")
