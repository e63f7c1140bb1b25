// SPDX-License-Identifier: MIT
//
// Bits of an x86-64 page-table entry (SDM vol. 3, 4.5) and what a guest may put there. Pure functions.
#pragma once
#include "base/units.hpp"

namespace hv::mm::pte {

inline constexpr std::uint64_t present = 1, writable = 2, user = 4, write_through = 8, cache_disable = 0x10;
inline constexpr std::uint64_t accessed = 0x20, dirty = 0x40, page_size_or_pat = 0x80, global = 0x100;
inline constexpr std::uint64_t no_execute = 1ULL << 63;
inline constexpr std::uint64_t frame_mask = 0x000ffffffffff000;
/// Bits 9-11 and 52-62: the guest's own, never interpreted here.
inline constexpr std::uint64_t software = 0x7ff0000000000e00;
inline constexpr std::uint64_t memory_type = write_through | cache_disable | page_size_or_pat;
inline constexpr std::uint64_t accessed_dirty = accessed | dirty;
inline constexpr unsigned entries = 512;
inline constexpr unsigned first_hypervisor_slot = 256, end_hypervisor_slot = 272;

constexpr bool is_present(std::uint64_t e) { return (e & present) != 0; }
constexpr bool is_writable(std::uint64_t e) { return (e & writable) != 0; }
constexpr Mfn frame_of(std::uint64_t e) { return Mfn{e << 12 >> 24}; }
static_assert(frame_mask == ~0ULL << 12 >> 24 << page_shift);

constexpr bool is_hypervisor_slot(unsigned level, unsigned index)
{
    return level == 4 && index >= first_hypervisor_slot && index < end_hypervisor_slot;
}
/// Index of @p va in a table of @p level.
constexpr unsigned index_of(std::uint64_t va, unsigned level)
{
    return static_cast<unsigned>(va >> (page_shift + 9 * (level - 1)) & (entries - 1));
}
/// Different from present @p to only in what needs no second look: accessed, dirty, software bits.
constexpr bool is_trivial_change(std::uint64_t from, std::uint64_t to)
{
    return ((from ^ to) & ~(accessed_dirty | software)) == 0;
}

} // namespace hv::mm::pte
