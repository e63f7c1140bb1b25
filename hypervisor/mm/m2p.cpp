// SPDX-License-Identifier: MIT
//
// Where the machine-to-physical table lies, for a toolstack that maps it read-only.
#include "mm/m2p.hpp"
#include "mm/pte.hpp"
#include "mm/window.hpp"

namespace hv::mm {

Result<Mfn> m2p_extent(std::uint64_t index)
{
    constexpr std::uint64_t extent = 1ULL << 21;
    if (index * extent >= frame_table_end().raw() * sizeof(std::uint64_t)) return Error::enoent;
    const std::uint64_t va = PV_MACH2PHYS_VIRT_START + index * extent;
    std::uint64_t entry = arch::hypervisor_root_entries()[0];
    for (unsigned level = 3; level >= 2; --level) {
        if (!pte::is_present(entry) || !is_ram(pte::frame_of(entry))) return Error::enoent;
        entry = FrameWindow<std::uint64_t>{pte::frame_of(entry)}[pte::index_of(va, level)];
    }
    return pte::is_present(entry) ? Result<Mfn>{pte::frame_of(entry)} : Error::enoent;
}

} // namespace hv::mm
