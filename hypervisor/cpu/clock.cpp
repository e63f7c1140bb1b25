// SPDX-License-Identifier: MIT
//
// TSC to nanoseconds with a 64 x 32 -> 96 bit product, the same arithmetic a guest does on its pvclock page.
#include "cpu/clock.hpp"
#include "arch/arch.hpp"

namespace hv::cpu {
namespace {
std::uint64_t origin;
std::uint64_t mul; // shifted left already, if that is to be done
std::uint8_t right;
} // namespace

void start_clock()
{
    const arch::TscScale scale = arch::tsc_scale();
    mul = std::uint64_t{scale.mul} << (scale.shift < 0 ? 0 : scale.shift);
    right = scale.shift < 0 ? -scale.shift : 0;
    origin = arch::read_tsc();
}

/// arch::TscScale::nanoseconds() without its branch.
Nanoseconds time_of_tsc(std::uint64_t tsc)
{
    return static_cast<Nanoseconds>((static_cast<unsigned __int128>((tsc - origin) >> right) * mul) >> 32);
}

Nanoseconds now() { return time_of_tsc(arch::read_tsc()); }

std::uint64_t clock_origin() { return origin; }

} // namespace hv::cpu
