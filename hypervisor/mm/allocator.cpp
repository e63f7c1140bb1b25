// SPDX-License-Identifier: MIT
//
// Frames for the hypervisor and for domains. A frame is on the free lists only with no references, and when no CPU can
// use a translation that led to it. Rank memory.
#include "mm/allocator.hpp"
#include "cpu/lock.hpp"
#include "mm/buddy.hpp"
#include "mm/init.hpp"
#include "mm/m2p.hpp"
#include "mm/shared_page.hpp"
#include "mm/tlb.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm {

namespace {

cpu::SpinLock lock{cpu::Rank::memory}; // around buddy.cpp's lists, too
Atomic<std::uint64_t> claimed_total;   // changes under lock
Atomic<std::uint64_t> ram_frames;      // set at boot
Atomic<std::uint64_t> hypervisor_used; // frames

/// All of a frame's words: @p refs references, no type.
void describe(Mfn m, const FrameInfo& info, std::uint32_t refs)
{
    frame(m).info.store(info.encode(), Order::relaxed);
    frame(m).state.store(FrameState{.refs = refs}.encode(), Order::release);
}

/// Waits out whoever briefly holds the frame's lock bit after a lookup that came too late.
void become_free(Mfn m)
{
    const auto free = [](FrameInfo& i) {
        const bool unlocked = !i.locked;
        i = {.owner = free_id};
        return unlocked;
    };
    while (!change_info(frame(m), free))
        arch::relax();
}

void give_back(Mfn first, unsigned order)
{
    const cpu::Guard guard{lock};
    give_block(first, order);
}

/// New frames: off the lists, to their owner, with one reference. With @p owner only what nobody
/// else has claimed, and its own claim is used up.
Result<Mfn> make_frames(FrameInfo info, unsigned order, unsigned address_bits, Contents contents, MemoryOwner* owner)
{
    if (order > max_order || (address_bits != 0 && address_bits <= page_shift)) return Error::enomem;
    const std::uint64_t count = 1ULL << order;
    const auto take = [&]() -> Result<Mfn> {
        const cpu::Guard guard{lock};
        const std::uint64_t own = owner == nullptr ? 0 : books(*owner).claimed.load(Order::relaxed);
        if (owner != nullptr && free_frames() - claimed_frames() + own < count) return Error::enomem;
        const Mfn m = TRY(take_block(order, address_bits == 0 ? 0 : address_bits - page_shift));
        const std::uint64_t used = own < count ? own : count;
        if (used != 0) books(*owner).claimed.store(own - used, Order::relaxed);
        claimed_total.fetch_sub(used, Order::relaxed);
        return m;
    };
    const Mfn first = TRY(take());
    for (std::uint64_t i = 0; i < count; ++i) {
        const FrameWindow<std::byte> w{first + i};
        if (contents == Contents::zeroed) __builtin_memset(w.data(), 0, page_size);
        describe(first + i, info, 1);
    }
    return first;
}

} // namespace

Result<Mfn> alloc_frames(unsigned order, unsigned address_bits, Contents contents)
{
    const FrameInfo info{.owner = hypervisor_id, .order = order};
    const Mfn m = TRY(make_frames(info, order, address_bits, contents, nullptr));
    hypervisor_used.fetch_add(1ULL << order, Order::relaxed);
    return m;
}

void free_frames_at(Mfn first)
{
    const FrameInfo info = frame(first).details();
    ASSERT(info.owner == hypervisor_id);
    const std::uint64_t count = 1ULL << info.order;
    // No guest could map it, but a lookup that learns only now whose it is may hold a reference for a moment.
    const auto forget = [](FrameState& s) { return std::exchange(s, FrameState{}).refs == 1; };
    for (std::uint64_t i = 0; i < count; ++i) {
        while (!change_state(frame(first + i), forget))
            arch::relax();
        frame(first + i).info.store(FrameInfo{.owner = free_id}.encode(), Order::relaxed);
    }
    hypervisor_used.fetch_sub(count, Order::relaxed);
    give_back(first, info.order);
}

Result<Mfn> alloc_unlimited(MemoryOwner& owner, unsigned order, unsigned address_bits, Contents contents)
{
    const Mfn m = TRY(make_frames({.owner = owner.id(), .allocated = true}, order, address_bits, contents, &owner));
    books(owner).held.fetch_add(1ULL << order, Order::relaxed);
    return m;
}

Result<Mfn> alloc_domain_frames(MemoryOwner& owner, unsigned order, unsigned address_bits, Contents contents)
{
    if (order > max_order) return Error::enomem;
    if (owner.dying()) return Error::einval;
    Atomic<std::uint64_t>& pages = books(owner).page_count;
    const std::uint64_t count = 1ULL << order;
    Result<Mfn> m = Error::enomem;
    if (pages.fetch_add(count, Order::relaxed) + count <= owner.max_pages())
        m = alloc_unlimited(owner, order, address_bits, contents);
    if (!m.ok()) pages.fetch_sub(count, Order::relaxed);
    return m;
}

Result<SharedPage> SharedPage::create(MemoryOwner& owner)
{
    const Mfn m = TRY(make_frames({.owner = owner.id(), .shared = true}, 0, 0, Contents::zeroed, nullptr));
    books(owner).held.fetch_add(1, Order::relaxed);
    // The frame comes with one reference, which becomes the writable one.
    frame(m).state.store(FrameState{.refs = 1, .count = 1, .type = PageType::writable}.encode(), Order::release);
    return SharedPage{WritableRef::adopt(m)};
}

void return_domain_frame(Mfn m)
{
    Frame& f = frame(m);
    const FrameInfo info = f.details();
    const FrameState s = f.current();
    ASSERT(s.refs == 0 && s.count == 0 && !info.pinned && !info.allocated);
    MemoryOwner* const owner = find_owner(info.owner);
    ASSERT(owner != nullptr);
    flush_for(s.epoch, *owner);
    f.state.store(FrameState{}.encode(), Order::relaxed);
    become_free(m);
    give_back(m, 0);
    if (!info.shared) books(*owner).page_count.fetch_sub(1, Order::relaxed);
    books(*owner).held.fetch_sub(1, Order::acq_rel); // the owner may be destroyed from here on
}

Result<> release_domain_frame(MemoryOwner& owner, Mfn m)
{
    if (m >= frame_table_end()) return Error::einval;
    const auto leave = [&](FrameInfo& i) {
        const bool ours = i.owner == owner.id() && i.allocated && !i.pinned;
        i.allocated = false;
        return ours;
    };
    if (!change_info(frame(m), leave)) return Error::einval;
    clear_m2p(m); // while its reference is held: then it may be another's
    drop_page(m);
    return Ok{};
}

Result<> claim_pages(MemoryOwner& owner, std::uint64_t pages)
{
    const cpu::Guard guard{lock};
    Atomic<std::uint64_t>& claim = books(owner).claimed;
    const std::uint64_t own = claim.load(Order::relaxed);
    std::uint64_t want = 0;
    if (pages != 0) {
        if (own != 0 || pages < owner.page_count() || pages > owner.max_pages()) return Error::einval;
        want = pages - owner.page_count();
        if (want > free_frames() - claimed_frames()) return Error::enomem;
    }
    claimed_total.fetch_add(want - own, Order::relaxed);
    claim.store(want, Order::relaxed);
    return Ok{};
}

std::uint64_t total_frames() { return ram_frames.load(Order::relaxed); }
std::uint64_t claimed_frames() { return claimed_total.load(Order::relaxed); }
std::uint64_t heap_bytes() { return hypervisor_used.load(Order::relaxed) * page_size; }

void init(Mfn end)
{
    set_frame_table(reinterpret_cast<Frame*>(arch::frame_table_memory()), end);
    {
        const cpu::Guard guard{lock};
        forget_blocks();
        claimed_total.store(0, Order::relaxed);
    }
    ram_frames.store(0, Order::relaxed);
    hypervisor_used.store(0, Order::relaxed);
    for (Mfn m{0}; m < end; ++m) {
        describe(m, {.owner = device_id}, 0);
        clear_m2p(m);
    }
}

/// The frames that lie wholly in @p s and are described. Frame 0 stays out of everybody's hands.
static std::pair<Mfn, Mfn> frames_in(Span s)
{
    const Mfn first = mfn_of(Maddr{s.start == 0 ? page_size : s.start + page_size - 1}), end = mfn_of(Maddr{s.end});
    return {first, end < frame_table_end() ? end : frame_table_end()};
}

void reserve(Span ram)
{
    for (auto [m, end] = frames_in(ram); m < end; ++m) {
        ASSERT(owner_of(frame(m)) == device_id);
        describe(m, {.owner = hypervisor_id}, 1);
        ram_frames.fetch_add(1, Order::relaxed);
        hypervisor_used.fetch_add(1, Order::relaxed);
    }
}

/// The largest aligned block at @p m below @p end that is the hypervisor's throughout. Freed frame by frame, a large
/// machine would take seconds, for each free block's links are in its memory.
static unsigned releasable_order(Mfn m, Mfn end)
{
    const auto ours = [](Mfn from, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i)
            if (owner_of(frame(from + i)) != hypervisor_id) return false;
        return true;
    };
    unsigned order = 0;
    while (order < max_order && m.raw() % (2ULL << order) == 0 && (2ULL << order) <= end - m &&
           ours(m + (1ULL << order), 1ULL << order))
        ++order;
    return order;
}

void release_reserved(Span ram)
{
    for (auto [m, end] = frames_in(ram); m < end;) {
        const bool ours = owner_of(frame(m)) == hypervisor_id;
        const unsigned order = ours ? releasable_order(m, end) : 0;
        if (ours) {
            describe(m, {.owner = hypervisor_id, .order = order}, 1);
            free_frames_at(m);
        }
        m = m + (1ULL << order);
    }
}

} // namespace hv::mm
