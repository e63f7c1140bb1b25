// SPDX-License-Identifier: MIT
//
// Level-1 entries on their common way: a mapping, by a domain, of its own ordinary RAM, as straight code. What is not
// that declines, having done nothing; validate_l1.cpp and entry.cpp know the rest. The table is locked and valid.
#pragma once
#include "mm/fast.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm::level1 {

inline constexpr std::uint64_t read_only = pte::present, read_write = pte::present | pte::writable;
/// Where the frame of an ordinary entry whose lowest bits are @p access is in the frame table. No place (too big) for
/// any other: another access, a flag that is refused, no RAM.
[[gnu::always_inline]] inline std::uint64_t place_of(std::uint64_t entry, std::uint64_t access)
{
    return std::rotr((entry - access) & (pte::frame_mask | pte::memory_type | pte::global | read_write), 9);
}
/// That of the table of the entry at @p at. A command makes it too big.
inline std::uint64_t place_of_table(std::uint64_t at) { return std::rotr(at & ~std::uint64_t{page_size - 8}, 9); }

/// Whose entries they are, and the frame table by places: Mfns times 8, which are one rotation of an entry.
struct Mapper {
    const MemoryOwner& owner;
    DomainId id = owner.id();
    std::uintptr_t first = reinterpret_cast<std::uintptr_t>(detail::frames);
    std::uint64_t end = detail::frames_end.raw() * 8;
    fast::Steps steps{};

    [[nodiscard]] bool has(std::uint64_t place) const { return place < end; }
    Frame& operator[](std::uint64_t place) const { return *reinterpret_cast<Frame*>(first + 2 * place); }
};

/// Lets @p take a reference of a frame that is the mapper's before and after; @p entry, of a table of @p level, names
/// it.
template <typename F>
[[gnu::always_inline]] inline bool take_at(const Mapper& m, std::uint64_t place, std::uint64_t entry, unsigned level,
                                           F take)
{
    if (!m.has(place)) [[unlikely]]
        return false;
    Frame& f = m[place];
    if (owner_of(f) != m.id || !take(f)) [[unlikely]]
        return false;
    if (owner_of(f) == m.id) [[likely]]
        return true;
    level == 1 ? untake_l1(entry) : drop_type(pte::frame_of(entry)); // it changed hands in between
    return false;
}
/// Takes the references of a present entry of a level-1 table; @p place is for reading and writing.
[[gnu::always_inline]] inline bool take(const Mapper& m, std::uint64_t entry, std::uint64_t place)
{
    if (m.has(place)) [[likely]]
        return take_at(m, place, entry, 1, [&](Frame& f) { return fast::take_writable(f, m.steps); });
    return take_at(m, place_of(entry, read_only), entry, 1, fast::take_page);
}

/// Drops the references of a present entry that no table holds any more.
[[gnu::always_inline]] inline void drop(const Mapper& m, std::uint64_t entry, std::uint64_t place, FlushStamp stamp)
{
    const bool writes = m.has(place);
    if (!writes) place = place_of(entry, read_only);
    if (writes || m.has(place)) [[likely]] {
        Frame& f = m[place];
        if (owner_of(f) == m.id && (writes ? fast::drop_writable(f, stamp, m.steps) : fast::drop_page(f, stamp)))
            return;
    }
    drop_l1(entry, m.owner);
}

struct Stored {
    bool done;
    bool drops; ///< The references of the old entry are the caller's now, to drop.
    std::uint64_t old;
    std::uint64_t from; ///< Its place.
};
/// Stores @p value at @p at, a slot of a locked table of the mapper's, who is alive; @p info: what to add to the
/// table's.
[[gnu::always_inline]] inline Stored store(const Mapper& m, std::uint64_t* at, std::uint64_t value, std::uint64_t& info)
{
    const std::uint64_t before = shared::load(at); // the exchange finds other accessed and dirty bits at most
    std::uint64_t from = place_of(before, read_write);
    asm("" : "+r"(from)); // calculated here, once
    const std::uint64_t to = place_of(value, read_write);
    if (m.has(to) || pte::is_present(value)) [[likely]] {
        value |= pte::user;
        if (m.has(to) ? from == to : pte::is_trivial_change(before, value))
            return {true, false, shared::exchange(at, value), from};
        if (!take(m, value, to)) [[unlikely]]
            return {};
    } else {
        if (is_revealing(value, m.owner)) [[unlikely]]
            return {};
        info -= FrameInfo::one_present;
    }
    const std::uint64_t old = shared::exchange(at, value);
    const bool drops = m.has(from) || pte::is_present(old);
    if (!drops) info += FrameInfo::one_present;
    return {true, drops, old, from};
}

/// Locks a valid level-1 table of @p owner unless it has to wait.
[[gnu::always_inline]] inline bool try_lock(Frame& f, DomainId owner)
{
    constexpr std::uint64_t looked_at = 0xffff | FrameInfo::locked_bit | FrameInfo::level1_bit;
    std::uint64_t old = f.info.load(Order::relaxed);
    return (old & looked_at) == (owner.raw() | FrameInfo::level1_bit) &&
           f.info.compare_exchange(old, old + FrameInfo::locked_bit, Order::acquire);
}
/// The present entry for @p va that names a table of @p level below @p root, or for level 0 the mapped frame.
[[gnu::always_inline]] inline Result<std::uint64_t> walk(Mfn root, GuestVa va, unsigned level)
{
    if (!is_guest_va(va.raw())) return Error::einval;
    std::uint64_t entry = maddr_of(root).raw();
#pragma GCC unroll 4
    for (unsigned at = 4; at > level; --at) {
        const FrameWindow<std::uint64_t> w{pte::frame_of(entry)};
        entry = shared::load(&w[pte::index_of(va.raw(), at)]);
        if (!pte::is_present(entry)) return Error::einval;
    }
    return entry;
}

inline bool may_map_own(Owners owners) { return &owners.table == &owners.frame && !owners.frame.dying(); }

/// Locks an L1 table for one write; einval if it is none.
Result<Frame*> lock_slow(Mfn table, const MemoryOwner& owner);
[[gnu::always_inline]] inline Result<Frame*> lock(Mfn table, const MemoryOwner& owner)
{
    if (table < frame_table_end() && try_lock(frame(table), owner.id())) [[likely]]
        return &frame(table);
    return lock_slow(table, owner);
}

/// Exchanges the entry at @p va, in an L1 table of @p owner's that is mapped there, for one that needs no references
/// but the old one's. Returns what @p then does, which gets the old entry and whether its references are now its own to
/// drop; or nothing, having done nothing.
template <typename F>
[[gnu::always_inline]] inline auto exchange(Mfn root, GuestVa va, const std::uint64_t& value, const MemoryOwner& owner,
                                            F then) -> decltype(then(value, false))
{
    const Result<std::uint64_t> leaf = walk(root, va, 0);
    const Mfn m = pte::frame_of(leaf.take());
    if (va.raw() % 8 != 0 || !leaf.ok() || m >= frame_table_end() || is_revealing(value, owner)) [[unlikely]]
        return {};
    Frame& f = frame(m);
    if (!try_lock(f, owner.id())) [[unlikely]]
        return {};
    const FrameWindow<std::uint64_t> w{m};
    std::uint64_t* const at = &w[va.raw() % page_size / 8];
    const bool absent = !pte::is_present(value);
    const std::uint64_t entry = absent ? value : value | pte::user;
    if (absent || pte::is_trivial_change(shared::load(at), entry)) {
        const std::uint64_t old = shared::exchange(at, entry), gone = absent ? old & pte::present : 0;
        f.info.fetch_sub(FrameInfo::locked_bit + gone * FrameInfo::one_present, Order::release);
        return then(old, gone != 0);
    }
    f.info.fetch_sub(FrameInfo::locked_bit, Order::release);
    return {};
}

} // namespace hv::mm::level1
