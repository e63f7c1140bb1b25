// SPDX-License-Identifier: MIT
//
// What this machine's CPUs can do, decided once by identify_cpu(); read-only afterwards.
#pragma once
#include "arch/arch.hpp"

namespace hv::arch::x86 {

struct Abilities {
    bool xsave, xsaveopt, smep, smap, amd, sysenter;
    std::uint64_t xcr0_all; ///< Components saved and restored for every vCPU.
    std::uint32_t fpu_bytes;
};
const Abilities& abilities();

/// Lets supervisor code touch user pages for its lifetime (SMAP, SDM vol. 3 section 4.6).
class GuestAccess {
public:
    GuestAccess()
    {
        if (abilities().smap) asm volatile("stac" : : : "memory");
    }
    ~GuestAccess()
    {
        if (abilities().smap) asm volatile("clac" : : : "memory");
    }
    GuestAccess& operator=(GuestAccess&&) = delete;
};

} // namespace hv::arch::x86
