// SPDX-License-Identifier: MIT
//
// Changes of a reservation, one extent at a time. Frames that leave are out of everybody's reach (no references) from
// the moment they are given until they are freed or handed back.
#include "mm/reservation.hpp"
#include "mm/types.hpp"

namespace hv::mm {

namespace {

bool is_free_to_go(const MemoryOwner& owner, const FrameInfo& i)
{
    return i.owner == owner.id() && i.allocated && !i.pinned;
}

/// The frame's one reference, its allocation, becomes ours alone: nobody can find the frame any more, nor give it up.
Result<> steal(const MemoryOwner& owner, Mfn m)
{
    if (m >= frame_table_end()) return Error::einval;
    const auto leave = [&](FrameInfo& i) {
        const bool ours = is_free_to_go(owner, i);
        i.allocated = false;
        return ours;
    };
    if (!change_info(frame(m), leave)) return Error::einval;
    const auto take = [](FrameState& s) {
        const bool alone = s.refs == 1 && s.count == 0; // not mapped, nor typed
        s.refs = 0;
        return alone;
    };
    if (change_state(frame(m), take)) return Ok{};
    change_info(frame(m), [](FrameInfo& i) { i.allocated = true; });
    return Error::einval;
}

void hand_back(Mfn m)
{
    frame(m).state.fetch_add(1U << 8, Order::release);
    change_info(frame(m), [](FrameInfo& i) { i.allocated = true; });
}

/// @p owner knows its frame @p m as @p pfn, unless another of its CPUs has given it up already: then it may be
/// another's.
void name_frame(const MemoryOwner& owner, Mfn m, Pfn pfn)
{
    if (const auto held = get_page(m, owner); held.ok()) set_m2p(m, pfn);
}

} // namespace

Result<Mfn> populate_extent(MemoryOwner& owner, Pfn first, unsigned order, unsigned address_bits)
{
    const Mfn m = TRY(alloc_domain_frames(owner, order, address_bits));
    for (std::uint64_t i = 0; i < 1ULL << order; ++i)
        name_frame(owner, m + i, first + i);
    if (!owner.dying()) return m;
    for (std::uint64_t i = 0; i < 1ULL << order; ++i) // the sweep of the dying may have passed them
        (void)release_domain_frame(owner, m + i).ok();
    return Error::einval;
}

Result<> decrease_extent(MemoryOwner& owner, Mfn first, unsigned order)
{
    const std::uint64_t count = 1ULL << order;
    for (std::uint64_t i = 0; i < count; ++i)
        if (first + i >= frame_table_end() || !is_free_to_go(owner, frame(first + i).details())) return Error::einval;
    for (std::uint64_t i = 0; i < count; ++i)
        TRY(release_domain_frame(owner, first + i));
    return Ok{};
}

Exchange::~Exchange()
{
    for (unsigned i = 0; i < given_count_; ++i)
        hand_back(given_[i]);
    for (unsigned i = 0; i < taken_count_; ++i) {
        // They were never accounted. Another CPU of the owner's may have found one and use it: as any frame given up.
        books(owner_).page_count.fetch_add(1, Order::relaxed);
        (void)release_domain_frame(owner_, taken_[i].frame).ok();
    }
}

Result<> Exchange::give(Mfn m)
{
    if (given_count_ == most) return Error::einval;
    TRY(steal(owner_, m));
    given_[given_count_++] = m;
    return Ok{};
}

Result<> Exchange::take(unsigned order, unsigned address_bits, Pfn pfn)
{
    if (order > max_order || 1U << order > most - taken_count_) return Error::einval;
    const Mfn first = TRY(alloc_unlimited(owner_, order, address_bits, Contents::zeroed));
    for (unsigned i = 0; i < 1U << order; ++i)
        taken_[taken_count_++] = {first + i, pfn + i};
    return Ok{};
}

void Exchange::commit()
{
    for (unsigned i = 0; i < taken_count_; ++i)
        name_frame(owner_, taken_[i].frame, taken_[i].pfn);
    books(owner_).page_count.fetch_add(std::exchange(taken_count_, 0), Order::relaxed);
    for (unsigned i = 0; i < given_count_; ++i) {
        clear_m2p(given_[i]);
        return_domain_frame(given_[i]);
    }
    given_count_ = 0;
}

} // namespace hv::mm
