// SPDX-License-Identifier: MIT
//
// What every CPU owns. Touched only by its CPU unless a member says otherwise.
#pragma once
#include "arch/arch.hpp"
#include "base/atomic.hpp"
#include "cpu/timer.hpp"
#include <array>
#include <cstddef>

namespace hv::cpu {

/// Deferred work bits; set by anyone, served by the owner before it returns to a guest.
enum class Softirq : std::uint32_t { timer = 1, reschedule = 2, console = 4, timer_hardware = 8, park = 16 };

struct PerCpu {
    Atomic<std::uint32_t> pending; ///< Softirq bits; any CPU may set. First: arch::CpuInfo::percpu says why.
    CpuId id;
    TimerQueue timers;
    std::array<Rank, 16> held_ranks; ///< Of the locks held; debug order check.
    std::uint32_t held_count;
};
static_assert(offsetof(PerCpu, pending) == 0);

inline PerCpu& this_cpu() { return *arch::cpu_info().percpu; }
inline PerCpu& percpu(CpuId cpu) { return arch::upcall_percpu(cpu.raw()); }
inline void raise(Softirq s) { this_cpu().pending.fetch_or(static_cast<std::uint32_t>(s), Order::acq_rel); }
/// On any CPU, which serves it soon.
inline void raise_on(CpuId cpu, Softirq s)
{
    const std::uint32_t bit = static_cast<std::uint32_t>(s);
    if ((percpu(cpu).pending.fetch_or(bit, Order::seq_cst) & bit) == 0 && cpu.raw() != arch::cpu_info().cpu)
        arch::kick_cpu(cpu);
}

} // namespace hv::cpu
