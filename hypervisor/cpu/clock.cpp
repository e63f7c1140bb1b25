// SPDX-License-Identifier: MIT
//
// TSC to nanoseconds with a 64 x 32 -> 96 bit product, the same arithmetic a guest does on its pvclock page.
#include "cpu/clock.hpp"
#include "arch/arch.hpp"

namespace hv::cpu {
namespace {
std::uint64_t origin;
arch::TscScale scale;
} // namespace

void start_clock()
{
    scale = arch::tsc_scale();
    origin = arch::read_tsc();
}

Nanoseconds time_of_tsc(std::uint64_t tsc) { return scale.nanoseconds(tsc - origin); }

Nanoseconds now() { return time_of_tsc(arch::read_tsc()); }

std::uint64_t clock_origin() { return origin; }

} // namespace hv::cpu
