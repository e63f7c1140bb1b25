// SPDX-License-Identifier: MIT
//
// The machine-to-physical table: for each frame the number its owner knows it by. Guests read it; only these
// write it.
#pragma once
#include "arch/arch.hpp"
#include "mm/frame.hpp"

namespace hv::mm {

inline constexpr Pfn invalid_pfn{~0ULL};

inline void set_m2p(Mfn m, Pfn p)
{
    if (m < frame_table_end()) __atomic_store_n(arch::machine_to_phys_table() + m.raw(), p.raw(), __ATOMIC_RELAXED);
}
inline void clear_m2p(Mfn m) { set_m2p(m, invalid_pfn); }
inline Pfn m2p(Mfn m)
{
    return m < frame_table_end() ? Pfn{__atomic_load_n(arch::machine_to_phys_table() + m.raw(), __ATOMIC_RELAXED)}
                                 : invalid_pfn;
}

/// First frame of extent @p index (2 MiB) of the table, found in the hypervisor's own page tables; enoent at the end.
Result<Mfn> m2p_extent(std::uint64_t index);

} // namespace hv::mm
