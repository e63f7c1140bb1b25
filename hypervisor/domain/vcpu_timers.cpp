// SPDX-License-Identifier: MIT
//
// The timers a vCPU owns. They live on the timer queue of the CPU that starts them and raise VIRQ_TIMER.
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"
#include "domain/events.hpp"
#include "domain/vcpu.hpp"

namespace hv::domain {

static constexpr Nanoseconds shortest_period = 1'000'000, longest_period = 1ULL << 62;

static Vcpu& owner_of(cpu::Timer& t) { return static_cast<VcpuTimer&>(t).vcpu; }

void Vcpu::on_singleshot(cpu::Timer& t) { raise_virq(owner_of(t), PV_VIRQ_TIMER); }

void Vcpu::on_periodic(cpu::Timer& t)
{
    Vcpu& v = owner_of(t);
    // The next beat stays on the grid; beats missed while nothing ran are not made up for.
    const Nanoseconds late = cpu::now() - t.deadline();
    const Nanoseconds period = v.period_.load(Order::relaxed);
    t.start(cpu::this_cpu().timers, t.deadline() + (late / period + 1) * period);
    raise_virq(v, PV_VIRQ_TIMER);
}

void Vcpu::on_poll_timeout(cpu::Timer& t) { owner_of(t).wake(); }

void Vcpu::set_singleshot(Nanoseconds deadline)
{
    singleshot_.stop();
    if (deadline <= cpu::now() || deadline >> 63 != 0) // a deadline is signed: those are long gone
        raise_virq(*this, PV_VIRQ_TIMER);
    else
        singleshot_.start(cpu::this_cpu().timers, deadline);
}

void Vcpu::stop_singleshot() { singleshot_.stop(); }

Result<> Vcpu::set_periodic(Nanoseconds period)
{
    if (period < shortest_period || period > longest_period) return Error::einval;
    period_.store(period, Order::relaxed);
    periodic_.start(cpu::this_cpu().timers, cpu::now() + period);
    return Ok{};
}

void Vcpu::stop_periodic() { periodic_.stop(); }

} // namespace hv::domain
