// SPDX-License-Identifier: MIT
//
// The run loop's side that vCPUs talk to: entering and leaving the run queue of the CPU a vCPU belongs to. The loop
// itself is arch::upcall_before_guest.
#pragma once
#include "domain/vcpu.hpp"

namespace hv::domain {

/// @p v's runnable() changed: put it on or off the queue, and account for it. Any CPU.
void requeue(Vcpu& v);
/// Has @p v a reason to leave the CPU after a yield? Asks for a reschedule if so. This CPU's current vCPU.
void yield_cpu();
/// Changes the share of @p v; it may be queued or running.
void reweigh(Vcpu& v, std::uint32_t weight);
/// Time spent in each state up to now.
pv_vcpu_runstate_info runstate_now(Vcpu& v);
/// Nanoseconds this CPU had nothing to run.
Nanoseconds idle_time(CpuId cpu);

} // namespace hv::domain
