// SPDX-License-Identifier: MIT
//
// See cpu/park.hpp. One parking at a time.
#include "cpu/park.hpp"
#include "cpu/clock.hpp"
#include "cpu/percpu.hpp"

namespace hv::cpu {
namespace {

constexpr Nanoseconds patience = 1'000'000'000;
Atomic<bool> parking;
Atomic<std::uint32_t> parked;

} // namespace

Result<Parked, false> Parked::all()
{
    if (parking.exchange(true, Order::acq_rel)) return Error::eagain;
    Parked hold;
    CpuSet others = arch::online_cpus();
    others.remove(this_cpu().id);
    others.for_each([](CpuId cpu) { raise_on(cpu, Softirq::park); });
    for (const Nanoseconds end = now() + patience; parked.load(Order::acquire) != others.count(); arch::relax())
        if (now() > end) return Error::eagain;
    return hold;
}

Parked::~Parked()
{
    if (!holds_) return;
    parking.store(false, Order::release);
    while (parked.load(Order::acquire) != 0)
        arch::relax();
}

void park_here()
{
    parked.fetch_add(1, Order::acq_rel);
    while (parking.load(Order::acquire))
        arch::relax();
    parked.fetch_sub(1, Order::acq_rel);
}

} // namespace hv::cpu
