// SPDX-License-Identifier: MIT
//
// pvclock records and the wallclock. The wallclock's base is guarded by its lock; readers of shared_info follow the
// version protocol.
#include "domain/time.hpp"
#include "base/log.hpp"
#include "cpu/clock.hpp"
#include "cpu/lock.hpp"
#include "domain/domain.hpp"

namespace hv::domain {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;
cpu::SpinLock wallclock_lock{cpu::Rank::wallclock};
Wallclock base; ///< At system time 0.

/// An odd version marks a write in progress; the fences keep the fields inside.
template <typename Write> void versioned(std::uint32_t& version, Write&& write)
{
    const std::uint32_t odd = shared::load(&version) | 1;
    shared::store(&version, odd);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    write();
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    shared::store(&version, odd + 1 == 0 ? 2 : odd + 1);
}

} // namespace

pv_vcpu_time_info time_record()
{
    const arch::TscScale scale = arch::tsc_scale();
    pv_vcpu_time_info t{};
    t.version = 2;
    t.tsc_timestamp = cpu::clock_origin();
    t.tsc_to_system_mul = scale.mul;
    t.tsc_shift = scale.shift;
    t.flags = arch::tsc_is_stable() ? PV_PVCLOCK_TSC_STABLE_BIT : 0;
    return t;
}

void publish_time(pv_vcpu_time_info& to)
{
    versioned(to.version, [&] {
        pv_vcpu_time_info record = time_record();
        record.version = to.version;
        to = record;
    });
}

Result<> set_wallclock(Wallclock at, Nanoseconds system_time)
{
    const Nanoseconds system_seconds = system_time / ns_per_second, rest = system_time % ns_per_second;
    if (at.seconds < system_seconds + 1) return Error::einval; // before 1970 at system time 0
    {
        const cpu::Guard guard{wallclock_lock};
        const std::uint64_t nanoseconds = at.nanoseconds + ns_per_second - rest;
        base = {at.seconds - system_seconds - 1 + nanoseconds / ns_per_second,
                static_cast<std::uint32_t>(nanoseconds % ns_per_second)};
    }
    for_each_domain([](Domain& d) { d.publish_wallclock(); });
    return Ok{};
}

void start_wallclock()
{
    if (!set_wallclock({arch::boot_wallclock_seconds(), 0}, cpu::now()).ok()) log::warning("the clock is not set");
}

void publish_wallclock(pv_shared_info& to)
{
    Wallclock w;
    {
        const cpu::Guard guard{wallclock_lock};
        w = base;
    }
    versioned(to.wc_version, [&] {
        to.wc_sec = static_cast<std::uint32_t>(w.seconds);
        to.wc_sec_hi = static_cast<std::uint32_t>(w.seconds >> 32);
        to.wc_nsec = w.nanoseconds;
    });
}

} // namespace hv::domain
