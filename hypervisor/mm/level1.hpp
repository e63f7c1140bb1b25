// SPDX-License-Identifier: MIT
//
// Level-1 entries on their common way: a mapping, by a domain, of its own ordinary RAM, as straight code. What is not
// that declines, having done nothing; validate_l1.cpp and entry.cpp know the rest. The table is locked and valid.
#pragma once
#include "mm/fast.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm::level1 {

/// Takes the references of a present entry of a table of @p level: above 1, of one that names a valid table.
[[gnu::always_inline]] inline bool take(std::uint64_t entry, DomainId owner, unsigned level = 1)
{
    // A flag that is refused makes the frame's number too big.
    const Mfn m{std::rotr(entry & (pte::frame_mask | pte::memory_type | pte::global), page_shift)};
    if (m >= frame_table_end()) [[unlikely]]
        return false;
    Frame& f = frame(m);
    if (owner_of(f) != owner || !(level > 1                 ? fast::take_validated(f, table_type(level - 1))
                                  : pte::is_writable(entry) ? fast::take_writable(f)
                                                            : fast::take_page(f))) [[unlikely]]
        return false;
    if (owner_of(f) == owner) [[likely]]
        return true;
    level == 1 ? untake_l1(entry) : drop_type(m); // it changed hands in between
    return false;
}

/// Drops the references of a present entry that no table holds any more.
[[gnu::always_inline]] inline void drop(std::uint64_t entry, const MemoryOwner& mapper, DomainId id, FlushStamp stamp)
{
    const Mfn m = pte::frame_of(entry);
    if (m >= frame_table_end()) [[unlikely]]
        return;
    Frame& f = frame(m);
    if (owner_of(f) != id || !(pte::is_writable(entry) ? fast::drop_writable(f, stamp) : fast::drop_page(f, stamp)))
        [[unlikely]]
        drop_l1(entry, mapper);
}

struct Written {
    bool done;
    std::uint64_t old;
};
/// Stores @p value at @p at, a slot of a table of @p owner, who is alive; @p present as write_entry().
[[gnu::always_inline]] inline Written write(std::uint64_t* at, std::uint64_t value, const MemoryOwner& owner,
                                            DomainId id, std::int32_t& present)
{
    std::uint64_t old = 0;
    if (pte::is_present(value)) [[likely]] {
        value |= pte::user;
        if (pte::is_trivial_change(shared::load(at), value)) return {true, shared::exchange(at, value)};
        if (!take(value, id)) [[unlikely]]
            return {false, 0};
        old = shared::exchange(at, value);
        if (!pte::is_present(old)) {
            ++present;
            return {true, old};
        }
    } else {
        if (is_revealing(value, owner)) [[unlikely]]
            return {false, 0};
        old = shared::exchange(at, value);
        if (!pte::is_present(old)) return {true, old};
        --present;
    }
    drop(old, owner, id, own_stamp(owner));
    return {true, old};
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

/// The end of lock() for a locked frame that is no valid L1 table.
Error refuse(Mfn table, const MemoryOwner& owner);
/// Locks an L1 table for one write; einval if it is none.
[[gnu::always_inline]] inline Result<Frame*> lock(Mfn table, const MemoryOwner& owner)
{
    Frame* const f = TRY(lock_frame(table, owner.id()));
    return fast::is_valid(*f, PageType::l1_table) ? Result<Frame*>{f} : refuse(table, owner);
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
    std::uint64_t info = f.info.load(Order::relaxed);
    if (static_cast<std::uint16_t>(info) != owner.id().raw() || (info & FrameInfo::locked_bit) != 0 ||
        !f.info.compare_exchange(info, info | FrameInfo::locked_bit, Order::acquire)) [[unlikely]]
        return {};
    const FrameWindow<std::uint64_t> w{m};
    std::uint64_t* const at = &w[va.raw() % page_size / 8];
    const bool absent = !pte::is_present(value);
    const std::uint64_t entry = absent ? value : value | pte::user;
    if (fast::is_valid(f, PageType::l1_table) && (absent || pte::is_trivial_change(shared::load(at), entry))) {
        const std::uint64_t old = shared::exchange(at, entry), gone = absent ? old & pte::present : 0;
        f.info.fetch_sub(FrameInfo::locked_bit + gone * FrameInfo::one_present, Order::release);
        return then(old, gone != 0);
    }
    f.info.fetch_sub(FrameInfo::locked_bit, Order::release);
    return {};
}

} // namespace hv::mm::level1
