// SPDX-License-Identifier: MIT
//
// Page-table bits of the hypervisor's own mappings. Never writable and executable at once.
#pragma once
#include <cstdint>

namespace hv::arch::x86 {

inline constexpr std::uint64_t pte_present = 1 << 0, pte_write = 1 << 1, pte_user = 1 << 2, pte_pwt = 1 << 3,
                               pte_pcd = 1 << 4, pte_accessed = 1 << 5, pte_dirty = 1 << 6, pte_large = 1 << 7,
                               pte_nx = 1ULL << 63, pte_address = 0x000ffffffffff000;
inline constexpr std::uint64_t map_data = pte_present | pte_write | pte_accessed | pte_dirty | pte_nx,
                               map_constant = pte_present | pte_accessed | pte_nx,
                               map_code = pte_present | pte_accessed, map_guest_constant = map_constant | pte_user,
                               map_uncached = map_data | pte_pcd | pte_pwt; // PAT entry 3: UC

inline constexpr std::uint64_t large_page = 0x200000;

} // namespace hv::arch::x86
