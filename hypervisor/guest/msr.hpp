// SPDX-License-Identifier: MIT
//
// The model-specific registers a guest kernel may name. Anything else is einval, which becomes #GP(0): stock kernels
// read through accessors that survive it.
#pragma once
#include "guest/vcpu_state.hpp"

namespace hv::guest {

Result<std::uint64_t> read_guest_msr(VcpuState& v, std::uint32_t index);
Result<> write_guest_msr(VcpuState& v, std::uint32_t index, std::uint64_t value);

} // namespace hv::guest
