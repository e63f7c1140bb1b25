// SPDX-License-Identifier: MIT
//
// Pins: a type reference that the guest holds by name, at most one a frame. Tables whose last reference went when there
// was no time left to take them apart: they wait with their owner, whose next memory operation continues; nobody else
// may, so the one reference they stand for cannot be dropped twice. The end of both, with all else, when the owner
// dies.
#include "mm/allocator.hpp"
#include "mm/m2p.hpp"
#include "mm/types.hpp"

namespace hv::mm {

Result<> pin(MemoryOwner& owner, Mfn m, unsigned level, Work& work)
{
    if (level < 1 || level > 4) return Error::einval;
    TRY(finish_deferred(owner, work));
    TRY(get_type(m, table_type(level), owner, work));
    const auto mark = [](FrameInfo& i) { return i.allocated && !i.pinned && (i.pinned = true); };
    if (change_info(frame(m), mark)) return Ok{};
    drop_type(m, work);
    return Error::einval;
}

Result<> unpin(MemoryOwner& owner, Mfn m, Work& work)
{
    TRY(finish_deferred(owner, work));
    if (m >= frame_table_end() || owner.dying()) return Error::einval;
    const auto unmark = [&](FrameInfo& i) { return i.owner == owner.id() && i.pinned && !(i.pinned = false); };
    if (!change_info(frame(m), unmark)) return Error::einval;
    drop_type(m, work);
    return Ok{};
}

static bool park(Mfn m)
{
    MemoryOwner* const owner = find_owner(owner_of(frame(m)));
    ASSERT(owner != nullptr);                                // it is not destroyed while frames name it
    owner->standing.fetch_add(one_deferred, Order::release); // first: who empties the slot takes it back
    for (Atomic<std::uint64_t>& slot : books(*owner).deferred) {
        std::uint64_t empty = 0;
        if (slot.compare_exchange(empty, m.raw() + 1, Order::acq_rel)) return true;
    }
    owner->standing.fetch_sub(one_deferred, Order::relaxed);
    return false;
}

void drop_type(Mfn m, Work& work)
{
    if (put_type(m, work).ok() || park(m)) return;
    // More vCPUs than slots have dropped big tables since the owner last came by: finish this one on the spot.
    for (Work more; !put_type(m, more).ok(); more = Work{}) {
    }
}

Result<> finish_deferred_slow(MemoryOwner& owner, Work& work)
{
    for (Atomic<std::uint64_t>& slot : books(owner).deferred) {
        const std::uint64_t taken = slot.exchange(0, Order::acq_rel);
        if (taken == 0) continue;
        owner.standing.fetch_sub(one_deferred, Order::relaxed);
        const Mfn m{taken - 1};
        if (put_type(m, work).ok()) continue;
        if (!park(m)) drop_type(m, work);
        return Error::restart;
    }
    return Ok{};
}

static void relinquish_frame(Mfn m, Work& work)
{
    abandon_validation(m, work);
    FrameInfo before;
    change_info(frame(m), [&](FrameInfo& i) {
        before = i;
        i.pinned = i.allocated = false;
    });
    if (before.allocated) clear_m2p(m);
    if (before.pinned) drop_type(m, work);
    if (before.allocated) drop_page(m);
    (void)work.spend();
}

/// Frame by frame. What others still map stays alive and is freed by them. Preemptible; the cursor is the owner's.
Result<> relinquish(MemoryOwner& owner)
{
    ASSERT(owner.dying());
    Work work;
    TRY(finish_deferred(owner, work));
    TRY(claim_pages(owner, 0));
    Atomic<std::uint64_t>& cursor = books(owner).sweep;
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
