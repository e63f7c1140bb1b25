// SPDX-License-Identifier: MIT
//
// The run loop: what happens between a guest's entry into the hypervisor and the next guest instruction. Interrupts
// off, on the CPU's one stack.
#include "domain/run.hpp"
#include "cpu/clock.hpp"
#include "cpu/park.hpp"
#include "cpu/percpu.hpp"
#include "domain/domain.hpp"
#include "domain/upcalls.hpp"
#include "guest/bounce.hpp"
#include "guest/triage.hpp"

namespace hv::domain {
namespace {

Vcpu* loaded_vcpu() { return static_cast<Vcpu*>(arch::cpu_info().current); }

/// The user root does not map the kernel's memory, where the runstate area is.
void load_kernel_root(Vcpu& v)
{
    const CpuId self{arch::cpu_info().cpu};
    if (!v.owner().cpus.has(self, Order::relaxed)) v.owner().cpus.add(self, Order::seq_cst);
    arch::load_root(maddr_of(v.kernel_root()));
}

void leave(Vcpu& v)
{
    if (v.has_runstate_area()) {
        if (!v.kernel_mode()) load_kernel_root(v);
        v.publish_runstate();
    }
    v.unload();
}

void enter(Vcpu& v, const Vcpu* previous)
{
    const bool shows = v.has_runstate_area(), first = shows && !v.kernel_mode();
    if (first) {
        load_kernel_root(v);
        v.publish_runstate();
    }
    v.load(previous);
    if (shows && !first) v.publish_runstate();
}

void reschedule()
{
    const Nanoseconds now = cpu::now();
    Vcpu* const previous = loaded_vcpu();
    Vcpu* const next = choose_next(previous, now);
    if (next == previous) return;
    if (previous != nullptr) leave(*previous);
    next != nullptr ? enter(*next, previous) : arch::load_idle_root(); // the root of one not loaded may be freed
    if (previous == nullptr) return;
    // Whoever waits for this CPU to forget the vCPU and its translations may go on.
    if (next == nullptr || &next->owner() != &previous->owner())
        previous->owner().cpus.remove(CpuId{arch::cpu_info().cpu}, Order::release);
    finish_leaving(*previous);
}

/// More is due than a reschedule.
[[gnu::noinline]] void serve(cpu::PerCpu& percpu, std::uint32_t due)
{
    const auto has = [due](cpu::Softirq s) { return (due & static_cast<std::uint32_t>(s)) != 0; };
    if (has(cpu::Softirq::timer)) {
        percpu.timers.mark_stale();
        percpu.timers.run(cpu::now());
    }
    if (has(cpu::Softirq::park)) cpu::park_here();
    if (has(cpu::Softirq::console)) console_typed();
    if (has(cpu::Softirq::reschedule)) reschedule();
    if (percpu.timers.stale()) percpu.timers.program(cpu::now());
}

[[gnu::cold, gnu::noinline]] void crash(const char* why) { current().domain().crash(why); }
void settle(guest::Outcome outcome, const char* why)
{
    if (outcome == guest::Outcome::crash) crash(why);
}

} // namespace

Vcpu& current()
{
    Vcpu* const v = loaded_vcpu();
    ASSERT(v != nullptr);
    return *v;
}

} // namespace hv::domain

namespace hv::arch {
using namespace hv::domain;

void upcall_before_guest()
{
    const CpuInfo& info = cpu_info();
    cpu::PerCpu& percpu = *info.percpu;
    for (;;) {
        if (percpu.pending.load(Order::acquire) != 0) {
            const std::uint32_t due = percpu.pending.exchange(0, Order::acq_rel);
            due == static_cast<std::uint32_t>(cpu::Softirq::reschedule) ? reschedule() : serve(percpu, due);
        } else if (info.current == nullptr) {
            wait_for_interrupt();
        } else {
            const pv_vcpu_info& vi = *info.current->hot.info;
            if (shared::load(&vi.evtchn_upcall_pending) == 0 || shared::load(&vi.evtchn_upcall_mask) != 0) return;
            if (guest::deliver_event(*info.current) == guest::Outcome::resume) return;
            crash("event delivery");
        }
    }
}

void upcall_guest_trap(GuestRegs& r, std::uint64_t fault_address)
{
    settle(guest::handle_trap(current(), r, fault_address), "trap");
}

void upcall_return_fault(GuestRegs&, unsigned vector, std::uint32_t error_code)
{
    settle(guest::deliver_return_fault(current(), vector, error_code), "return to the guest");
}

void upcall_timer() { cpu::raise(cpu::Softirq::timer); }
void upcall_gsi(unsigned gsi) { gsi_raised(gsi); }
void upcall_msi(unsigned cookie) { msi_raised(cookie); }
void upcall_console_input() { cpu::raise(cpu::Softirq::console); }

} // namespace hv::arch
