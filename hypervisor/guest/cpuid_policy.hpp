// SPDX-License-Identifier: MIT
//
// What CPUID says to guests: the hardware's leaves cut down to an allow-list, and the hypervisor's own leaves.
// Pure functions of the hardware (arch::cpuid) and of the guest state passed in; any CPU, no lock.
#pragma once
#include "arch/arch.hpp"

namespace hv::guest {

/// The parts of a vCPU's state that CPUID reflects.
struct CpuidView {
    std::uint64_t xcr0 = 0; ///< Current XCR0; 0 = not enabled by the guest.
    std::uint32_t vcpu = 0; ///< APIC id = 2 * vcpu.
    bool hardware_domain = false;
};
arch::CpuidLeaf guest_cpuid(const CpuidView& view, std::uint32_t leaf, std::uint32_t subleaf);

inline constexpr std::uint32_t cpuid_hypervisor_base = 0x40000000;
inline constexpr std::uint32_t cpuid_last_basic = 0xd;
inline constexpr std::uint32_t cpuid_last_extended = 0x80000008;

/// How many sub-leaves @p leaf has; 0 = it takes none.
std::uint32_t cpuid_subleaves(std::uint32_t leaf);

/// What the lists of domctl and sysctl hold, of the hypervisors' own leaves only the first ones: calls @p fn(leaf,
/// subleaf or PV_CPUID_NO_SUBLEAF) for each in order.
template <typename Fn> void for_each_leaf(Fn&& fn)
{
    const auto range = [&](std::uint32_t first, std::uint32_t last) {
        for (std::uint32_t leaf = first; leaf <= last; ++leaf)
            if (const std::uint32_t n = cpuid_subleaves(leaf); n == 0)
                fn(leaf, 0xffffffffU);
            else
                for (std::uint32_t s = 0; s < n; ++s)
                    fn(leaf, s);
    };
    range(0, cpuid_last_basic);
    for (const std::uint32_t base : {cpuid_hypervisor_base, cpuid_hypervisor_base + 0x100}) // the second: another's
        range(base, base);
    range(0x80000000, cpuid_last_extended);
}

} // namespace hv::guest
