// SPDX-License-Identifier: MIT
//
// Level 4: an entry names a level-3 table of the same owner. Slots 256..271 are the hypervisor's: whatever a guest
// left there is overwritten, never looked at.
#include "arch/arch.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm {

namespace {
Result<std::uint64_t> take_l4(std::uint64_t entry, Owners owners, Work& work)
{
    return take_table_entry(entry, PageType::l3_table, owners, work);
}
} // namespace

void fill_hypervisor_slots(Mfn root)
{
    const FrameWindow<std::uint64_t> w{root};
    const std::span<const std::uint64_t, 16> ours = arch::hypervisor_root_entries();
    for (unsigned i = 0; i < ours.size(); ++i)
        w[pte::first_hypervisor_slot + i] = ours[i];
}

const LevelOps l4_ops{take_l4, drop_table_entry, adjust_table_entry};

} // namespace hv::mm
