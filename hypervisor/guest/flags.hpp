// SPDX-License-Identifier: MIT
//
// Bits of RFLAGS (SDM volume 1, 3.4.3).
#pragma once
#include <cstdint>

namespace hv::guest::flags {

inline constexpr std::uint64_t fixed = 0x2, tf = 0x100, intr = 0x200, df = 0x400, iopl = 0x3000, nt = 0x4000,
                               rf = 0x10000, vm = 0x20000, ac = 0x40000;
/// CF PF AF ZF SF TF DF OF NT RF AC ID: what ring 3 could set by itself, and RF.
inline constexpr std::uint64_t guest_may_load = 0x254dd5;

} // namespace hv::guest::flags
