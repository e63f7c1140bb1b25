// SPDX-License-Identifier: MIT
//
// The run loop: what happens between a guest's entry into the hypervisor and the next guest instruction. Interrupts
// off, on the CPU's one stack; each CPU touches its own queue except through requeue, which takes its lock.
#include "domain/run.hpp"
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"
#include "domain/domain.hpp"
#include "domain/upcalls.hpp"
#include "guest/bounce.hpp"
#include "guest/triage.hpp"

namespace hv::domain {
namespace {

/// One CPU's scheduling state.
struct CpuRun {
    CpuRun() : slice{[](cpu::Timer&) { cpu::raise(cpu::Softirq::reschedule); }} {} // at run time: stays out of .data
    cpu::SpinLock lock{cpu::Rank::scheduler};
    FairQueue queue; ///< Guarded by lock.
    cpu::Timer slice;
    Nanoseconds idle_since = 0, idle_total = 0;
};

std::array<CpuRun, cpu::max_cpus> cpu_runs;

CpuRun& this_run() { return cpu_runs[arch::cpu_info().cpu]; }
/// Every vCPU lives on the boot CPU until there is more than one.
CpuRun& run_of(const Vcpu&) { return cpu_runs[0]; }

Vcpu* loaded_vcpu() { return static_cast<Vcpu*>(arch::cpu_info().current); }

/// The running vCPU should be looked at again at @p when.
void reschedule_at(CpuRun& c, Nanoseconds when, Nanoseconds now)
{
    if (when == FairQueue::no_deadline) return;
    if (when <= now)
        cpu::raise(cpu::Softirq::reschedule);
    else if (!c.slice.active() || c.slice.deadline() > when)
        c.slice.start(cpu::this_cpu().timers, when);
}

/// The user root does not map the kernel's memory, where the runstate area is.
void load_kernel_root(Vcpu& v)
{
    v.owner().cpus.fetch_or(1ULL << arch::cpu_info().cpu, Order::seq_cst);
    arch::load_root(maddr_of(v.kernel_root()));
}

void leave(Vcpu& v, Nanoseconds now)
{
    if (v.runstate.state() == Runstate::running) v.runstate.change(Runstate::runnable, now);
    if (v.has_runstate_area()) {
        if (!v.kernel_mode()) load_kernel_root(v);
        v.publish_runstate();
    }
    v.unload();
}

void enter(Vcpu& v, Nanoseconds now)
{
    v.runstate.change(Runstate::running, now);
    if (v.has_runstate_area() && !v.kernel_mode()) {
        load_kernel_root(v);
        v.publish_runstate();
        v.load();
        return;
    }
    v.load();
    if (v.has_runstate_area()) v.publish_runstate();
}

void reschedule(CpuRun& c)
{
    const Nanoseconds now = cpu::now();
    Vcpu* const previous = loaded_vcpu();
    Runnable* picked = nullptr;
    Nanoseconds deadline = FairQueue::no_deadline;
    {
        const cpu::Guard guard{c.lock};
        picked = c.queue.pick(now);
        deadline = c.queue.deadline();
    }
    c.slice.stop();
    reschedule_at(c, deadline, now);
    auto* const next = static_cast<Vcpu*>(picked);
    if (next == previous) {
        // It blocked and was woken before anyone else got the CPU.
        if (next != nullptr && next->runstate.state() != Runstate::running)
            next->runstate.change(Runstate::running, now);
        return;
    }
    if (previous != nullptr)
        leave(*previous, now);
    else
        c.idle_total += now - c.idle_since;
    if (next != nullptr) return enter(*next, now);
    arch::load_idle_root(); // the root of a vCPU that is not loaded may be freed
    c.idle_since = now;
}

void serve(CpuRun& c)
{
    auto& percpu = cpu::this_cpu();
    const std::uint32_t due = percpu.pending.exchange(0, Order::acq_rel);
    const auto has = [due](cpu::Softirq s) { return (due & static_cast<std::uint32_t>(s)) != 0; };
    if (has(cpu::Softirq::timer)) {
        percpu.timers.mark_stale();
        percpu.timers.run(cpu::now());
    }
    if (has(cpu::Softirq::console)) console_typed();
    if (has(cpu::Softirq::reschedule)) reschedule(c);
}

void program_timer()
{
    cpu::TimerQueue& timers = cpu::this_cpu().timers;
    if (timers.stale()) timers.program(cpu::now());
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

void requeue(Vcpu& v)
{
    CpuRun& c = run_of(v);
    const Nanoseconds now = cpu::now();
    const cpu::Guard guard{c.lock};
    const bool want = v.runnable();
    const Runstate state = v.runstate.state();
    const bool queued = state == Runstate::running || state == Runstate::runnable;
    if (want && !queued) {
        v.runstate.change(Runstate::runnable, now);
        reschedule_at(c, c.queue.wake(v, now), now);
    } else if (!want) {
        const Runstate resting = v.blocked() ? Runstate::blocked : Runstate::offline;
        if (state != resting) v.runstate.change(resting, now);
        if (!queued) return;
        if (c.queue.running() == &v) cpu::raise(cpu::Softirq::reschedule);
        c.queue.sleep(v, now);
    }
}

void yield_cpu()
{
    CpuRun& c = this_run();
    const cpu::Guard guard{c.lock};
    if (c.queue.waiting() && c.queue.yield(cpu::now())) cpu::raise(cpu::Softirq::reschedule);
}

void reweigh(Vcpu& v, std::uint32_t weight)
{
    CpuRun& c = run_of(v);
    const cpu::Guard guard{c.lock};
    c.queue.settle(cpu::now());
    v.weight = weight;
}

pv_vcpu_runstate_info runstate_now(Vcpu& v)
{
    const cpu::Guard guard{run_of(v).lock};
    return v.runstate.snapshot(cpu::now());
}

Nanoseconds idle_time(CpuId cpu)
{
    CpuRun& c = cpu_runs[cpu.raw()];
    const bool idle = cpu.raw() == arch::cpu_info().cpu && loaded_vcpu() == nullptr;
    return c.idle_total + (idle ? cpu::now() - c.idle_since : 0);
}

} // namespace hv::domain

namespace hv::arch {
using namespace hv::domain;

/// Something to do before the guest may go on, or the timer hardware has the wrong deadline.
[[gnu::noinline]] static void before_guest_slow()
{
    CpuRun& c = this_run();
    auto& percpu = cpu::this_cpu();
    for (;;) {
        if (percpu.pending.load(Order::acquire) != 0) {
            serve(c);
            continue;
        }
        Vcpu* const v = loaded_vcpu();
        if (v != nullptr && guest::event_deliverable(*v)) {
            settle(guest::deliver_event(*v), *v, "event delivery");
            if (percpu.pending.load(Order::acquire) != 0) continue;
        }
        program_timer();
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
        if (quiet) return;
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
