// SPDX-License-Identifier: MIT
//
// Decides what a trap from the guest is: something to emulate (page-table write, privileged instruction, port I/O,
// the cpuid prefix) or something for its kernel. Works on the vCPU loaded on this CPU.
#pragma once
#include "guest/bounce.hpp"

namespace hv::guest {

/// @p r, the guest's, hold entry_vector and the hardware's error_code; @p fault_address is CR2 for vector 14.
Outcome handle_trap(VcpuState& v, arch::GuestRegs& r, std::uint64_t fault_address);

} // namespace hv::guest
