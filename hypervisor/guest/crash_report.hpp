// SPDX-License-Identifier: MIT
//
// What is printed when a guest dies of its own doing: registers, the top of its stack, its last hypercalls.
#pragma once
#include "guest/bounce.hpp"

namespace hv::guest {

void print_crash_report(VcpuState& v, const char* why);
/// Prints and says crash: `return crash(v, "...")`.
[[gnu::cold]] Outcome crash(VcpuState& v, const char* why);

} // namespace hv::guest
