// SPDX-License-Identifier: MIT
//
// Calls between CPUs. A caller owns one slot; its bit in a target's mailbox says that the slot is meant for that
// target. Whoever waits serves its own mailbox meanwhile, so that two callers, or a caller and a spinner, never wait
// for each other. Interrupts off throughout; no locks.
#include "arch/x86/bringup.hpp"

namespace hv::arch {
namespace {
using namespace x86;

struct Call {
    void (*fn)(void*);
    void* arg;
    Atomic<std::uint32_t> waiting; ///< Targets that have not run it yet.
};
struct alignas(64) Mailbox {
    Atomic<std::uint32_t> any;
    AtomicCpuSet callers;
};

std::array<Call, max_cpus> calls;
std::array<Mailbox, max_cpus> mailboxes;

void serve_calls()
{
    Mailbox& box = mailboxes[cpu_info().cpu];
    if (box.any.load(Order::relaxed) == 0 || box.any.exchange(0, Order::acq_rel) == 0) return;
    box.callers.drain(Order::acq_rel).for_each([](CpuId caller) {
        Call& c = calls[caller.raw()];
        c.fn(c.arg);
        c.waiting.fetch_sub(1, Order::release);
    });
}

} // namespace

void x86::handle_ipi()
{
    eoi();
    serve_calls();
}

void call_on_cpus(const CpuSet& cpus, void (*fn)(void*), void* arg)
{
    const CpuId self{cpu_info().cpu};
    CpuSet others = cpus;
    others.remove(self);
    if (others.empty()) return;
    Call& mine = calls[self.raw()];
    mine.fn = fn;
    mine.arg = arg;
    mine.waiting.store(others.count(), Order::relaxed);
    others.for_each([self](CpuId cpu) {
        mailboxes[cpu.raw()].callers.add(self, Order::release);
        mailboxes[cpu.raw()].any.store(1, Order::release);
        send_ipi(cpu_name(cpu).apic_id, ipi_fixed | call_vector);
    });
    while (mine.waiting.load(Order::acquire) != 0)
        relax();
}

void kick_cpu(CpuId cpu) { send_ipi(cpu_name(cpu).apic_id, ipi_fixed | kick_vector); }

void relax()
{
    __builtin_ia32_pause();
    serve_calls();
}

} // namespace hv::arch
