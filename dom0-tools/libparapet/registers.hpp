// SPDX-License-Identifier: MIT
//
// A vCPU's registers by their names, in the order in which they are shown.
#pragma once
#include "pv-abi/vcpu.h"
#include <cstdint>
#include <utility>
#include <vector>

namespace parapet {

using Registers = std::vector<std::pair<const char*, std::uint64_t>>;

Registers registers_of(const pv_vcpu_guest_context& context);

} // namespace parapet
