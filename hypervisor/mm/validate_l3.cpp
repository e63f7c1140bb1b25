// SPDX-License-Identifier: MIT
//
// Level 3: an entry names a level-2 table of the same owner and holds a type reference to it.
#include "mm/types.hpp"

namespace hv::mm {

namespace {
Result<std::uint64_t> take_l3(std::uint64_t entry, Owners owners, Work& work)
{
    return take_table_entry(entry, PageType::l2_table, owners, work);
}
} // namespace

const LevelOps l3_ops{take_l3, drop_table_entry, adjust_table_entry};

} // namespace hv::mm
