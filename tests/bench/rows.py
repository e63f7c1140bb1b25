# SPDX-License-Identifier: MIT
"""The rows of the table: which operation of which run, what of it is compared, and the goal."""
from typing import NamedTuple, Optional


class Row(NamedTuple):
    title: str
    run: str                        # pv, lmb, domains, devices; "" where nothing measures it yet
    op: int
    goal: Optional[float]           # in hypervisor instructions (`every`: in all instructions)
    every: bool = False
    fifth: bool = False             # the goal is a fifth of Xen's count
    less: int = 0                   # an operation whose count is taken off first


ROWS = [
    Row("getppid from dom0 user space", "lmb", 101, 110),
    Row("null hypercall", "pv", 2, 45),
    Row("null hypercall, per entry in a 32-multicall", "pv", 4, 30),
    Row("user page fault bounced + iret", "pv", 42, 110),
    Row("mmu_update, batch 1", "pv", 20, 150),
    Row("mmu_update, batch 8, per entry", "pv", 21, 80),
    Row("mmu_update, batch 32, per entry", "pv", 22, 70),
    Row("mmu_update, batch 128, per entry", "pv", 23, 70),
    Row("mmu_update flags only, batch 32, per entry", "pv", 25, 30),
    Row("update_va_mapping, new frame", "pv", 11, 130),
    Row("direct write to a page-table entry, emulated", "pv", 32, 200),
    Row("pin + unpin of an empty L1", "pv", 34, 800),
    Row("pin + unpin of a full L1, per entry", "pv", 33, 90),
    Row("NEW_BASEPTR", "pv", 60, 120),
    Row("process switch multicall", "pv", 62, 250),
    Row("event send to self + upcall + iret", "pv", 52, 180),
    Row("event ping-pong round trip, two domains", "domains", 90, 1200),
    Row("event ping-pong round trip, two vCPUs", "pv", 80, 1200),
    Row("sched_yield alone", "pv", 9, 80),
    Row("grant map + unmap, batch 1", "pv", 70, 300),
    Row("grant map + unmap, batch 32, per pair", "pv", 71, 300),
    Row("grant copy 64 B, batch 1", "pv", 72, 150),
    Row("grant copy 64 B, batch 32", "pv", 73, 150),
    Row("emulated mov %cr0", "pv", 36, 150),
    Row("emulated rdmsr", "pv", 37, 150),
    Row("256 anonymous faults + munmap", "lmb", 112, 130e3),
    Row("mmap + touch + munmap, 1 page", "lmb", 111, 900),
    Row("fork + exit + wait", "lmb", 120, 45e3),
    Row("fork + exec + exit", "lmb", 121, 130e3),
    Row("pipe ping-pong round trip (2 switches)", "lmb", 131, 1300),
    Row("boot of the stock kernel to user space", "lmb", 99, None, fifth=True),
    Row("  of it after the kernel's first instruction", "lmb", 99, None, fifth=True, less=98),
    Row("create an 8 MB domain, warm, hypervisor", "domains", 209, 2e6),
    Row("create an 8 MB domain, warm, all levels", "domains", 209, 15e6, every=True),
    Row("block randread 4 K through the split driver", "devices", 222, 2500),
    Row("TCP request/response domU to dom0", "devices", 224, 4000),
]


def hypervisor(events):
    """Hypervisor instructions; a `rep` counts once for each iteration under TCG, which no processor does: taken off."""
    return events["hyp"] - events.get("h.repiter", 0)


def everything(events):
    return sum(events[k] for k in ("user", "gk", "hyp")) - sum(events.get(f"{c}.repiter", 0) for c in "ukh")


def flushes(events):
    return events.get("h.wrcr3", 0) + events.get("h.wrcr4", 0)


def value(row, results, which):
    """The number of one cell, or None."""
    ops = results.get((row.run, which), {})
    if row.op not in ops or (row.less and row.less not in ops):
        return None
    measure = everything if row.every else hypervisor
    return measure(ops[row.op][1]) - (measure(ops[row.less][1]) if row.less else 0)


def table(results):
    """One dictionary a row: parapet, xen, ratio, goal, CR3 writes, instructions of all levels."""
    out = []
    for row in ROWS:
        cell = {"operation": row.title, "measured": bool(row.run)}
        whole = row.run == "lmb" and not row.less
        for which in ("parapet", "xen"):
            ops = results.get((row.run, which), {})
            cell[which] = value(row, results, which)
            cell[f"cr3_{which}"] = flushes(ops[row.op][1]) if row.op in ops and not row.less else None
        for which in ("parapet", "xen", "native"):
            ops = results.get((row.run, which), {})
            cell[f"all_{which}"] = everything(ops[row.op][1]) if row.op in ops and whole else None
        cell["ratio"] = cell["parapet"] / cell["xen"] if cell["parapet"] is not None and cell["xen"] else None
        cell["goal"] = cell["xen"] / 5 if row.fifth and cell["xen"] else row.goal
        cell["met"] = cell["parapet"] <= cell["goal"] if cell["parapet"] is not None and cell["goal"] else None
        out.append(cell)
    return out
