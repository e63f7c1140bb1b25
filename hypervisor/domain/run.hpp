// SPDX-License-Identifier: MIT
//
// Run queues, one a CPU, and the run loop's side that vCPUs talk to. A vCPU belongs to one queue at a time; its run
// lock is that queue's. The loop itself is arch::upcall_before_guest.
#pragma once
#include "domain/vcpu.hpp"

namespace hv::domain {

/// No other CPU holds state or translations of @p v on return; it must have been made not runnable before.
void wait_until_unloaded(const Vcpu& v);
/// Changes the share of @p v; it may be queued or running. @p cap in percent of one CPU, 0 = none.
void reweigh(Vcpu& v, std::uint32_t weight, std::uint32_t cap);
/// Where a vCPU may run and where it should. The hard set names CPUs that are online and is not empty.
struct Affinity {
    CpuSet hard, soft;
};
Affinity affinity_of(Vcpu& v);
/// It leaves CPUs it may no longer use at once.
void set_affinity(Vcpu& v, const Affinity& affinity);
/// Time spent in each state up to now.
pv_vcpu_runstate_info runstate_now(Vcpu& v);
/// Time spent in each state up to the last change.
pv_vcpu_runstate_info runstate_at_last_change(Vcpu& v);
/// CPUs that may hold translations of @p d's vCPUs in @p mask (bit n = vCPU n); bits of vCPUs there are not are
/// ignored.
CpuSet cpus_of_vcpus(Domain& d, std::span<const std::uint64_t> mask);
/// Nanoseconds @p cpu had nothing to run.
Nanoseconds idle_time(CpuId cpu);

// ---- for the run loop, on its own CPU ----
/// Whom this CPU runs from @p now on; null: nobody. @p previous may have blocked. Takes work from other CPUs rather
/// than idle, and gives some away.
Vcpu* choose_next(Vcpu* previous, Nanoseconds now);
/// @p v was running here until now; the CPU is on another root.
void finish_leaving(Vcpu& v);

} // namespace hv::domain
