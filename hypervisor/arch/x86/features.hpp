// SPDX-License-Identifier: MIT
//
// What this machine's CPUs can do, decided once by identify_cpu(); read-only afterwards.
#pragma once
#include "arch/arch.hpp"
#include "arch/x86/cpu.hpp"

namespace hv::arch::x86 {

struct Abilities {
    bool xsave, xsaveopt, smep, smap, amd, sysenter, tcg; ///< tcg: QEMU interprets us.
    bool stale_fp_pointers; ///< What restores the FPU leaves the x87 pointers alone while no exception is pending.
    std::uint64_t xcr0_all; ///< Components saved and restored for every vCPU.
    std::uint32_t fpu_bytes;
};
const Abilities& abilities();

/// Lets supervisor code touch user pages for its lifetime (SMAP, SDM vol. 3 section 4.6).
class GuestAccess {
public:
    GuestAccess() { asm volatile inline(SMAP_SITE("0xcb") : : : "memory"); }
    ~GuestAccess() { asm volatile inline(SMAP_SITE("0xca") : : : "memory"); }
    GuestAccess& operator=(GuestAccess&&) = delete;
};

} // namespace hv::arch::x86
