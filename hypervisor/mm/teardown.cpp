// SPDX-License-Identifier: MIT
//
// Taking a dead domain's memory back: pins, parked validations and the reservation, frame by frame. What others still
// map stays alive and is freed by them. Preemptible; the cursor is the owner's.
#include "mm/allocator.hpp"
#include "mm/m2p.hpp"
#include "mm/types.hpp"

namespace hv::mm {

namespace {

void relinquish_frame(Mfn m, Work& work)
{
    abandon_validation(m, work);
    bool pinned = false;
    bool allocated = false;
    change_info(frame(m), [&](FrameInfo i) {
        pinned = i.pinned;
        allocated = i.allocated;
        i.pinned = i.allocated = false;
        return i;
    });
    if (allocated) clear_m2p(m);
    if (pinned) drop_type(m, work);
    if (allocated) drop_page(m);
    (void)work.spend();
}

} // namespace

Result<> relinquish(MemoryOwner& owner)
{
    ASSERT(owner.dying());
    Work work;
    TRY(finish_deferred(owner, work));
    TRY(claim_pages(owner, 0));
    Atomic<std::uint64_t>& cursor = OwnerAccess::sweep(owner);
    for (Mfn m{cursor.load(Order::relaxed)}; m < frame_table_end(); ++m) {
        if (m.raw() % 16 == 0) (void)work.spend();
        if (work.exhausted()) {
            cursor.store(m.raw(), Order::relaxed);
            return Error::restart;
        }
        if (owner_of(frame(m)) == owner.id()) relinquish_frame(m, work);
    }
    TRY(finish_deferred(owner, work));
    cursor.store(0, Order::relaxed);
    return Ok{};
}

} // namespace hv::mm
