// SPDX-License-Identifier: MIT
//
// The units of the whole hypervisor. Frame numbers become addresses only through the functions below; a raw
// integer lives only from a register to its decode.
#pragma once
#include "base/strong.hpp"
#include "pv-abi/mmu.h"

namespace hv {

using Mfn = Point<struct MfnTag>;         ///< Machine frame number.
using Gfn = Point<struct GfnTag>;         ///< Frame number as the ABI carries it; its owner resolves it.
using Pfn = Point<struct PfnTag>;         ///< Guest pseudo-physical frame number.
using Maddr = Point<struct MaddrTag>;     ///< Machine address, bytes.
using GuestVa = Point<struct GuestVaTag>; ///< Virtual address supplied by a guest. Never dereferenced.
using EventPort = Name<struct EventPortTag, std::uint32_t>;
using GrantRef = Name<struct GrantRefTag, std::uint32_t>;
using GrantHandle = Name<struct GrantHandleTag, std::uint32_t>;
using DomainId = Name<struct DomainIdTag, std::uint16_t>;
using VcpuId = Name<struct VcpuIdTag, std::uint32_t>;
using CpuId = Name<struct CpuIdTag, std::uint32_t>;
using Pirq = Name<struct PirqTag, std::uint32_t>;
using Nanoseconds = std::uint64_t; ///< Nanoseconds since the hypervisor's clock started.

inline constexpr unsigned page_shift = 12;
inline constexpr std::uint64_t page_size = 1ULL << page_shift;
inline constexpr Mfn invalid_mfn{~0ULL};

constexpr Maddr maddr_of(Mfn m) { return Maddr{m.raw() << page_shift}; }
constexpr Mfn mfn_of(Maddr a) { return Mfn{a.raw() >> page_shift}; }

/// A piece of machine memory: bytes, end exclusive.
struct Span {
    std::uint64_t start, end;
    bool operator==(const Span&) const = default;
};

constexpr bool is_canonical(std::uint64_t va)
{
    return static_cast<std::int64_t>(va << 16) >> 16 == static_cast<std::int64_t>(va);
}
/// May a guest name this address at all: canonical, and not in the 16 root slots (256..271, 8 TiB) that it may never
/// fill? Source: pv-abi/types.h, CONTRACT C.1.
constexpr bool is_guest_va(std::uint64_t va)
{
    // One range, which wraps: the hypervisor's half begins with its own part.
    return va - PV_HYPERVISOR_VIRT_END < (1ULL << 47) - PV_HYPERVISOR_VIRT_END;
}
static_assert(PV_HYPERVISOR_VIRT_START == ~0ULL << 47);

} // namespace hv
