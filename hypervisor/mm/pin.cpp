// SPDX-License-Identifier: MIT
//
// Pins: a type reference that the guest holds by name, at most one a frame.
#include "mm/types.hpp"

namespace hv::mm {

Result<> pin(MemoryOwner& owner, Mfn m, unsigned level, Work& work)
{
    if (level < 1 || level > 4) return Error::einval;
    TRY(finish_deferred(owner, work));
    TRY(get_type(m, table_type(level), owner, work));
    bool refused = false;
    change_info(frame(m), [&](FrameInfo i) {
        refused = i.pinned || !i.allocated;
        i.pinned = i.pinned || !refused;
        return i;
    });
    if (!refused) return Ok{};
    drop_type(m, work);
    return Error::einval;
}

Result<> unpin(MemoryOwner& owner, Mfn m, Work& work)
{
    TRY(finish_deferred(owner, work));
    if (m >= frame_table_end() || owner.dying()) return Error::einval;
    bool was_pinned = false;
    change_info(frame(m), [&](FrameInfo i) {
        was_pinned = i.owner == owner.id() && i.pinned;
        if (was_pinned) i.pinned = false;
        return i;
    });
    if (!was_pinned) return Error::einval;
    drop_type(m, work);
    return Ok{};
}

Result<> pin(MemoryOwner& owner, Mfn m, unsigned level)
{
    Work work;
    return pin(owner, m, level, work);
}

Result<> unpin(MemoryOwner& owner, Mfn m)
{
    Work work;
    return unpin(owner, m, work);
}

} // namespace hv::mm
