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
    std::uint64_t standing = owner.standing.load(Order::acquire);
    std::uintptr_t first = reinterpret_cast<std::uintptr_t>(detail::frames);
    fast::Steps steps{};

    [[nodiscard]] static bool has(std::uint64_t place) { return place < detail::places_end; }
    [[nodiscard]] bool owns(const Frame& f) const { return owner_of(f).raw() == static_cast<std::uint16_t>(standing); }
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
    if (!m.owns(f) || !take(f)) [[unlikely]]
        return false;
    if (m.owns(f)) [[likely]]
        return true;
    level == 1 ? untake_l1(entry) : drop_type(pte::frame_of(entry)); // it changed hands in between
    return false;
}
/// Takes the references of a present entry of a level-1 table; @p place is for reading and writing.
[[gnu::always_inline]] inline bool take(const Mapper& m, std::uint64_t entry, std::uint64_t place)
{
    if (m.has(place)) [[likely]]
        return take_at(m, place, entry, 1, [&](Frame& f) { return fast::take_writable(f, m.steps); });
    asm("" : "+m"(detail::places_end)); // to be read again, so that the likely way keeps no register for it
    return take_at(m, place_of(entry, read_only), entry, 1, fast::take_page);
}

enum class Outcome : std::uint8_t { declined, kept, replaced }; ///< kept: the old entry's references serve the new.
/// Exchanges @p value with the entry at @p at, a slot of a locked table of the mapper's, who is alive. @p from becomes
/// the place of the old one; @p info: what to add to the table's. Declined: they are of no use.
[[gnu::always_inline]] inline Outcome store(const Mapper& m, std::uint64_t* at, std::uint64_t& value,
                                            std::uint64_t& from, std::uint64_t& info)
{
    const std::uint64_t before = shared::load(at); // the exchange finds other accessed and dirty bits at most
    from = place_of(before, read_write);
    asm("" : "+r"(from)); // calculated here, once
    const std::uint64_t to = place_of(value, read_write);
    const bool writes = m.has(to);
    if (writes || pte::is_present(value)) [[likely]] {
        value |= pte::user;
        if (writes ? from == to : pte::is_trivial_change(before, value)) {
            value = shared::exchange(at, value);
            return Outcome::kept;
        }
        if (!take(m, value, to)) [[unlikely]]
            return Outcome::declined;
    } else {
        if (is_revealing(value, m.owner)) [[unlikely]]
            return Outcome::declined;
        info -= FrameInfo::one_present;
    }
    value = shared::exchange(at, value);
    return Outcome::replaced;
}
/// Drops the references of an entry that store() replaced. Returns what else to add to the table's info.
[[gnu::always_inline]] inline std::uint64_t drop(const Mapper& m, std::uint64_t old, std::uint64_t from)
{
    if (m.has(from)) [[likely]] {
        if (!m.owns(m[from]) || !fast::drop_writable(m[from], own_stamp(m.owner), m.steps)) [[unlikely]]
            drop_l1(old, m.owner);
        return 0;
    }
    if (!pte::is_present(old)) return FrameInfo::one_present;
    asm("" : "+m"(detail::places_end)); // as in take()
    const std::uint64_t place = place_of(old, read_only);
    if (!m.has(place) || !m.owns(m[place]) || !fast::drop_page(m[place], own_stamp(m.owner))) [[unlikely]]
        drop_l1(old, m.owner);
    return 0;
}

/// Locks a valid level-1 table of an owner of that @p standing, unless it has to wait; nothing for owners that are
/// dying or have parked tables.
[[gnu::always_inline]] inline bool try_lock(Atomic<std::uint64_t>& info, std::uint64_t standing)
{
    constexpr std::uint64_t looked_at = 0xffff | FrameInfo::locked_bit | FrameInfo::level1_bit;
    std::uint64_t old = info.load(Order::relaxed);
    return (old & looked_at) == standing && info.compare_exchange(old, old + FrameInfo::locked_bit, Order::acquire);
}
/// Exchanges @p value with the entry at @p at, in a table of the owner's; or declines, having done nothing: then
/// @p value is of no use.
[[gnu::always_inline]] inline bool exchange(const MemoryOwner& owner, std::uint64_t at, std::uint64_t& value)
{
    const Mapper m{owner};
    const std::uint64_t place = place_of_table(at);
    auto* const lock = reinterpret_cast<Atomic<std::uint64_t>*>(m.first + 2 * place + offsetof(Frame, info));
    if (!m.has(place) || !try_lock(*lock, m.standing)) [[unlikely]]
        return false;
    std::uint64_t from, info = -FrameInfo::locked_bit;
    const Outcome o = store(m, FrameWindow<std::uint64_t>::at(Maddr{at}), value, from, info);
    if (o == Outcome::replaced) [[likely]]
        info += drop(m, value, from);
    (void)lock->fetch_add(info, Order::release);
    return o != Outcome::declined;
}
/// The present entry for @p va that names a table of @p level below @p root, or for level 0 the mapped frame.
[[gnu::always_inline]] inline Result<std::uint64_t> walk(Mfn root, GuestVa va, unsigned level)
{
    if (!is_guest_va(va.raw())) return Error::einval;
    std::uint64_t entry = maddr_of(root).raw(), mask = pte::frame_mask;
    asm("" : "+r"(mask)); // made once
#pragma GCC unroll 4
    for (unsigned at = 4; at > level; --at) {
        std::uint64_t* table = FrameWindow<std::uint64_t>::at(Maddr{entry & mask});
        asm("" : "+r"(table)); // the index is added by the load
        entry = shared::load(table + pte::index_of(va.raw(), at));
        if (!pte::is_present(entry)) return Error::einval;
    }
    return entry;
}

/// Locks an L1 table for one write; einval if it is none.
Result<Frame*> lock_slow(Mfn table, const MemoryOwner& owner);
[[gnu::always_inline]] inline Result<Frame*> lock(Mfn table, const MemoryOwner& owner)
{
    if (table < frame_table_end() && try_lock(frame(table).info, owner.standing.load(Order::acquire))) [[likely]]
        return &frame(table);
    return lock_slow(table, owner);
}

} // namespace hv::mm::level1
