// SPDX-License-Identifier: MIT
//
// Frames for the hypervisor and for domains. A frame is on the free lists only with no references, and when no CPU can
// use a translation that led to it. Rank memory.
#include "mm/allocator.hpp"
#include "cpu/lock.hpp"
#include "mm/buddy.hpp"
#include "mm/init.hpp"
#include "mm/m2p.hpp"
#include "mm/tlb.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm {

namespace {

cpu::SpinLock lock{cpu::Rank::memory};
Buddy buddy;                           // guarded by lock
std::uint64_t claimed_total;           // guarded by lock
Atomic<std::uint64_t> ram_frames;      // set at boot
Atomic<std::uint64_t> hypervisor_used; // frames

constexpr FrameInfo info_of(DomainId owner) { return {owner, false, false, false, false, 0, 0, 0, false}; }

/// Waits out whoever briefly holds the frame's lock bit after a lookup that came too late.
void become_free(Mfn m)
{
    Frame& f = frame(m);
    for (;;) {
        std::uint64_t old = f.info.load(Order::relaxed);
        if (FrameInfo::decode(old).locked) {
            arch::relax();
            continue;
        }
        if (f.info.compare_exchange(old, info_of(free_id).encode(), Order::acq_rel)) return;
    }
}

void give_back(Mfn first, unsigned order)
{
    const cpu::Guard guard{lock};
    buddy.give(first, order);
}

/// New frames get their owner, one reference and zeroed contents.
void make_live(Mfn first, unsigned order, FrameInfo info)
{
    const std::uint64_t count = 1ULL << order;
    for (std::uint64_t i = 0; i < count; ++i) {
        const FrameWindow<std::byte> w{first + i};
        __builtin_memset(w.data(), 0, page_size);
        frame(first + i).info.store(info.encode(), Order::relaxed);
        frame(first + i).state.store(FrameState{PageType::none, Progress::none, 0, 1, 0}.encode(), Order::release);
    }
}

/// Does the owner's limit, or somebody's claim, leave room for @p count frames? Uses up the owner's own claim.
Result<> account(MemoryOwner& owner, std::uint64_t count)
{
    Atomic<std::uint64_t>& pages = OwnerAccess::page_count(owner);
    if (owner.dying()) return Error::einval;
    const std::uint64_t before = pages.fetch_add(count, Order::relaxed);
    if (before + count > owner.max_pages()) {
        pages.fetch_sub(count, Order::relaxed);
        return Error::enomem;
    }
    return Ok{};
}

Result<Mfn> take_for(MemoryOwner& owner, unsigned order, unsigned bits)
{
    const cpu::Guard guard{lock};
    Atomic<std::uint64_t>& claim = OwnerAccess::claimed(owner);
    const std::uint64_t own = claim.load(Order::relaxed);
    const std::uint64_t count = 1ULL << order;
    if (buddy.free() - claimed_total + own < count) return Error::enomem;
    const Mfn m = TRY(buddy.take(order, bits));
    const std::uint64_t used = own < count ? own : count;
    claim.store(own - used, Order::relaxed);
    claimed_total -= used;
    return m;
}

/// Frame-number bits of an address width; widths below a page fit nothing.
Result<unsigned> frame_bits(unsigned address_bits)
{
    if (address_bits == 0) return 0U;
    if (address_bits <= page_shift) return Error::enomem;
    return address_bits - page_shift;
}

} // namespace

Result<Mfn> alloc_frames(unsigned order, unsigned address_bits)
{
    const unsigned bits = TRY(frame_bits(address_bits));
    Result<Mfn> taken = Error::enomem;
    {
        const cpu::Guard guard{lock};
        taken = buddy.take(order, bits);
    }
    const Mfn m = TRY(taken);
    FrameInfo info = info_of(hypervisor_id);
    info.order = static_cast<std::uint8_t>(order);
    make_live(m, order, info);
    hypervisor_used.fetch_add(1ULL << order, Order::relaxed);
    return m;
}

void free_frames_at(Mfn first)
{
    const FrameInfo info = frame(first).details();
    ASSERT(info.owner == hypervisor_id);
    const std::uint64_t count = 1ULL << info.order;
    for (std::uint64_t i = 0; i < count; ++i) {
        frame(first + i).state.store(0, Order::relaxed); // no guest could map it
        frame(first + i).info.store(info_of(free_id).encode(), Order::relaxed);
    }
    hypervisor_used.fetch_sub(count, Order::relaxed);
    give_back(first, info.order);
}

Result<Mfn> alloc_unlimited(MemoryOwner& owner, unsigned order, unsigned address_bits)
{
    const unsigned bits = TRY(frame_bits(address_bits));
    const Mfn m = TRY(take_for(owner, order, bits));
    FrameInfo info = info_of(owner.id());
    info.allocated = true;
    OwnerAccess::held(owner).fetch_add(1ULL << order, Order::relaxed);
    make_live(m, order, info);
    return m;
}

Result<Mfn> alloc_domain_frames(MemoryOwner& owner, unsigned order, unsigned address_bits)
{
    if (order > max_order) return Error::enomem;
    TRY(account(owner, 1ULL << order));
    const Result<Mfn> m = alloc_unlimited(owner, order, address_bits);
    if (!m.ok()) OwnerAccess::page_count(owner).fetch_sub(1ULL << order, Order::relaxed);
    return m;
}

Result<Mfn> alloc_shared_frame(MemoryOwner& owner)
{
    Result<Mfn> taken = Error::enomem;
    {
        const cpu::Guard guard{lock};
        taken = buddy.take(0, 0);
    }
    const Mfn m = TRY(taken);
    FrameInfo info = info_of(owner.id());
    info.shared = true;
    OwnerAccess::held(owner).fetch_add(1, Order::relaxed);
    make_live(m, 0, info);
    return m;
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
    f.state.store(0, Order::relaxed);
    become_free(m);
    give_back(m, 0);
    if (!info.shared) OwnerAccess::page_count(*owner).fetch_sub(1, Order::relaxed);
    OwnerAccess::held(*owner).fetch_sub(1, Order::acq_rel); // the owner may be destroyed from here on
}

Result<> release_domain_frame(MemoryOwner& owner, Mfn m)
{
    if (m >= frame_table_end()) return Error::einval;
    bool was_ours = false;
    change_info(frame(m), [&](FrameInfo i) {
        was_ours = i.owner == owner.id() && i.allocated && !i.pinned;
        if (was_ours) i.allocated = false;
        return i;
    });
    if (!was_ours) return Error::einval;
    drop_page(m);
    return Ok{};
}

Result<> claim_pages(MemoryOwner& owner, std::uint64_t pages)
{
    const cpu::Guard guard{lock};
    Atomic<std::uint64_t>& claim = OwnerAccess::claimed(owner);
    const std::uint64_t own = claim.load(Order::relaxed);
    std::uint64_t want = 0;
    if (pages != 0) {
        if (own != 0 || pages < owner.page_count()) return Error::einval;
        if (pages > owner.max_pages()) return Error::einval;
        want = pages - owner.page_count();
        if (want > buddy.free() - claimed_total) return Error::enomem;
    }
    claimed_total = claimed_total - own + want;
    claim.store(want, Order::relaxed);
    return Ok{};
}

std::uint64_t free_frames()
{
    const cpu::Guard guard{lock};
    return buddy.free();
}
std::uint64_t total_frames() { return ram_frames.load(Order::relaxed); }
std::uint64_t claimed_frames()
{
    const cpu::Guard guard{lock};
    return claimed_total;
}
std::uint64_t heap_bytes() { return hypervisor_used.load(Order::relaxed) * page_size; }

void init(std::span<const RamRange> usable_ram, Mfn end)
{
    set_frame_table(reinterpret_cast<Frame*>(arch::frame_table_memory()), end);
    {
        const cpu::Guard guard{lock};
        buddy = Buddy{};
        claimed_total = 0;
    }
    reset_heap();
    ram_frames.store(0, Order::relaxed);
    hypervisor_used.store(0, Order::relaxed);
    for (Mfn m{0}; m < end; ++m) {
        frame(m).state.store(0, Order::relaxed);
        frame(m).info.store(info_of(device_id).encode(), Order::relaxed);
        clear_m2p(m);
    }
    for (const RamRange& r : usable_ram) {
        reserve(r);
        release_reserved(r);
    }
}

void reserve(RamRange range)
{
    // Frame 0 stays out of everybody's hands; so does a frame that only partly is RAM.
    Mfn m = mfn_of(Maddr{range.start.raw() + page_size - 1});
    const Mfn last = mfn_of(Maddr{range.start.raw() + range.bytes});
    for (m = m == Mfn{0} ? Mfn{1} : m; m < last && m < frame_table_end(); ++m) {
        ASSERT(owner_of(frame(m)) == device_id);
        frame(m).info.store(info_of(hypervisor_id).encode(), Order::relaxed);
        frame(m).state.store(FrameState{PageType::none, Progress::none, 0, 1, 0}.encode(), Order::release);
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

void release_reserved(RamRange range)
{
    Mfn m = mfn_of(Maddr{range.start.raw() + page_size - 1});
    const Mfn last = mfn_of(Maddr{range.start.raw() + range.bytes});
    const Mfn end = last < frame_table_end() ? last : frame_table_end();
    while (m < end) {
        FrameInfo info = frame(m).details();
        if (info.owner != hypervisor_id) {
            ++m;
            continue;
        }
        const unsigned order = releasable_order(m, end);
        info.order = static_cast<std::uint8_t>(order);
        frame(m).info.store(info.encode(), Order::relaxed);
        free_frames_at(m);
        m = m + (1ULL << order);
    }
}

} // namespace hv::mm
