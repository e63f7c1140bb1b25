// SPDX-License-Identifier: MIT
//
// System time: nanoseconds since boot, computed from the TSC. Monotonic on one CPU; any CPU, any context.
#pragma once
#include "base/units.hpp"

namespace hv::cpu {

/// Fixes the origin; once, at boot, after the TSC is calibrated.
void start_clock();
Nanoseconds now();
/// System time of TSC value @p tsc, which must not predate start_clock().
Nanoseconds time_of_tsc(std::uint64_t tsc);
/// The TSC value at which now() read 0.
std::uint64_t clock_origin();

} // namespace hv::cpu
