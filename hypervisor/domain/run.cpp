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

void enter(Vcpu& v)
{
    if (v.has_runstate_area() && !v.kernel_mode()) {
        load_kernel_root(v);
        v.publish_runstate();
        v.load();
        return;
    }
    v.load();
    if (v.has_runstate_area()) v.publish_runstate();
}

[[gnu::noinline]] void reschedule()
{
    const Nanoseconds now = cpu::now();
    Vcpu* const previous = loaded_vcpu();
    Vcpu* const next = choose_next(previous, now);
    if (next == previous) return;
    if (previous != nullptr) leave(*previous);
    if (next != nullptr)
        enter(*next);
    else
        arch::load_idle_root(); // the root of a vCPU that is not loaded may be freed
    if (previous == nullptr) return;
    // Whoever waits for this CPU to forget the vCPU and its translations may go on.
    if (next == nullptr || &next->owner() != &previous->owner())
        previous->owner().cpus.remove(CpuId{arch::cpu_info().cpu}, Order::release);
    finish_leaving(*previous);
}

void serve(cpu::PerCpu& percpu)
{
    const std::uint32_t due = percpu.pending.exchange(0, Order::acq_rel);
    const auto has = [due](cpu::Softirq s) { return (due & static_cast<std::uint32_t>(s)) != 0; };
    if (has(cpu::Softirq::timer)) {
        percpu.timers.mark_stale();
        percpu.timers.run(cpu::now());
    }
    if (has(cpu::Softirq::park)) cpu::park_here();
    if (has(cpu::Softirq::console)) console_typed();
    if (has(cpu::Softirq::reschedule)) reschedule();
}

void settle(guest::Outcome outcome, Vcpu& v, const char* why)
{
    if (outcome == guest::Outcome::crash) v.domain().crash(why);
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

/// Something to do before the guest may go on, or the timer hardware has the wrong deadline.
[[gnu::noinline]] static void before_guest_slow()
{
    auto& percpu = cpu::this_cpu();
    for (;;) {
        if (percpu.pending.load(Order::acquire) != 0) {
            serve(percpu);
            continue;
        }
        Vcpu* const v = loaded_vcpu();
        if (v != nullptr && guest::event_deliverable(*v)) {
            settle(guest::deliver_event(*v), *v, "event delivery");
            if (percpu.pending.load(Order::acquire) != 0) continue;
        }
        if (percpu.timers.stale()) percpu.timers.program(cpu::now());
        if (v != nullptr) return;
        wait_for_interrupt();
    }
}

void upcall_before_guest()
{
    const CpuInfo& info = cpu_info();
    const cpu::PerCpu& percpu = *info.percpu;
    if (info.hot != nullptr && percpu.pending.load(Order::acquire) == 0) [[likely]] {
        const pv_vcpu_info& vi = *info.hot->info;
        const bool quiet = shared::load(&vi.evtchn_upcall_pending) == 0 || shared::load(&vi.evtchn_upcall_mask) != 0;
        if (quiet || guest::deliver_event(*info.current) == guest::Outcome::resume) return;
        current().domain().crash("event delivery");
    }
    before_guest_slow();
}

void upcall_guest_trap(GuestRegs&, std::uint64_t fault_address)
{
    Vcpu& v = current();
    settle(guest::handle_trap(v, fault_address), v, "trap");
}

void upcall_return_fault(GuestRegs&, unsigned vector, std::uint32_t error_code)
{
    Vcpu& v = current();
    settle(guest::deliver_return_fault(v, vector, error_code), v, "return to the guest");
}

void upcall_timer() { cpu::raise(cpu::Softirq::timer); }
void upcall_gsi(unsigned gsi) { gsi_raised(gsi); }
void upcall_msi(unsigned cookie) { msi_raised(cookie); }
void upcall_console_input() { cpu::raise(cpu::Softirq::console); }

} // namespace hv::arch
