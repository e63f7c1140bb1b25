// SPDX-License-Identifier: MIT
//
// Which leaks of the CPU are stopped, chosen once at boot by what it needs; `spec-ctrl=` and `xpti=` override.
#pragma once
#include "base/options.hpp"

namespace hv::arch::x86 {

struct Mitigations {
    bool isolated_entry;    ///< Entries go through isolated.S: any of the next three.
    bool isolated_roots;    ///< Guests run on roots without the hypervisor (Meltdown).
    bool restrict_branches; ///< IBRS and return-stack filling on entry (Spectre v2).
    bool clear_buffers;     ///< VERW on the way out (MDS).
    bool refuse_absent;     ///< Guests name no RAM in absent entries (L1TF).
    bool branch_barrier;    ///< IBPB at a vCPU switch.
    bool always_restricted; ///< IBRS set once and for all, by each CPU.
};
const Mitigations& mitigations();

void choose_mitigations(Choice spec_ctrl, Choice xpti);
void enable_mitigations(); ///< What a CPU sets once; each CPU, after choose_mitigations().
/// Called by isolated.S on the way out: brings the isolated root up to date with the guest's.
extern "C" void before_isolated_exit();
void barrier_between_vcpus();

} // namespace hv::arch::x86
