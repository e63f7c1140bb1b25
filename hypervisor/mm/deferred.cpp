// SPDX-License-Identifier: MIT
//
// Tables whose last reference went when there was no time left to take them apart. They wait with their owner, whose
// next memory operation continues; nobody else may, so the one reference they stand for cannot be dropped twice.
#include "mm/types.hpp"

namespace hv::mm {

namespace {

bool park(Mfn m)
{
    MemoryOwner* const owner = find_owner(owner_of(frame(m)));
    ASSERT(owner != nullptr); // it is not destroyed while frames name it
    for (Atomic<std::uint64_t>& slot : OwnerAccess::deferred(*owner)) {
        std::uint64_t empty = 0;
        if (!slot.compare_exchange(empty, m.raw() + 1, Order::acq_rel)) continue;
        OwnerAccess::deferred_count(*owner).fetch_add(1, Order::release);
        return true;
    }
    return false;
}

} // namespace

void drop_type(Mfn m, Work& work)
{
    if (put_type(m, work).ok() || park(m)) return;
    // More vCPUs than slots have dropped big tables since the owner last came by: finish this one on the spot.
    for (Work more; !put_type(m, more).ok(); more = Work{}) {
    }
}

Result<> finish_deferred(MemoryOwner& owner, Work& work)
{
    if (OwnerAccess::deferred_count(owner).load(Order::acquire) == 0) return Ok{};
    for (Atomic<std::uint64_t>& slot : OwnerAccess::deferred(owner)) {
        const std::uint64_t taken = slot.exchange(0, Order::acq_rel);
        if (taken == 0) continue;
        OwnerAccess::deferred_count(owner).fetch_sub(1, Order::relaxed);
        const Mfn m{taken - 1};
        if (put_type(m, work).ok()) continue;
        if (!park(m)) drop_type(m, work);
        return Error::restart;
    }
    return Ok{};
}

} // namespace hv::mm
