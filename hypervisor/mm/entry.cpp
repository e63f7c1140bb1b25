// SPDX-License-Identifier: MIT
//
// The one writer of live page-table entries. The table is locked and valid, so only hardware's accessed and dirty
// bits change under us. New references are taken before the store, old ones dropped after it.
#include "mm/level1.hpp"

namespace hv::mm {

namespace {

struct Planned {
    std::uint64_t entry;
    bool keeps; ///< The old entry's references serve the new one.
};

/// Checks the new entry and takes what it needs.
Result<Planned> plan(const EntryWrite& w, std::uint64_t old, Owners owners, Work& work)
{
    if (is_revealing(w.value, owners.table)) return Error::einval;
    if (!pte::is_present(w.value)) return Planned{w.value, false};
    if (pte::is_trivial_change(old, w.value | pte::user)) return Planned{w.value | pte::user, true};
    const bool same = pte::is_present(old) && pte::frame_of(old) == pte::frame_of(w.value);
    if (same && (w.level > 1 || pte::is_writable(old) || !pte::is_writable(w.value)))
        return Planned{TRY(adjust_entry(w.level, w.value, owners)), true};
    return Planned{TRY(take_entry(w.level, w.value, owners, work)), false};
}

std::uint64_t store(std::uint64_t* at, std::uint64_t before, std::uint64_t entry, AccessedDirty ad)
{
    if (ad == AccessedDirty::as_given || !pte::is_present(entry)) return shared::exchange(at, entry);
    const std::uint64_t ignored = ad == AccessedDirty::preserve ? 0 : before;
    std::uint64_t old = before;
    while (!shared::compare_exchange(at, old, entry | (old & ~ignored & pte::accessed_dirty)))
        ;
    return old;
}

} // namespace

Result<std::uint64_t> write_entry(const EntryWrite& w, Owners owners, Work& work, std::int32_t& present)
{
    if (pte::is_hypervisor_slot(w.level, w.index)) return Error::einval;
    const FrameWindow<std::uint64_t> table{w.table};
    std::uint64_t* const at = &table[w.index];
    const std::uint64_t before = shared::load(at);
    const Planned planned = TRY(plan(w, before, owners, work));
    const std::uint64_t old = store(at, before, planned.entry, w.ad);
    present +=
        static_cast<std::int32_t>(pte::is_present(planned.entry)) - static_cast<std::int32_t>(pte::is_present(old));
    if (!pte::is_present(old)) return old;
    const Mfn m = pte::frame_of(old);
    if (!planned.keeps)
        w.level > 1 ? drop_type(m, work) : drop_l1(old, owners.table);
    else if (w.level == 1 && pte::is_writable(old) && !pte::is_writable(planned.entry) && is_ram(m))
        demote_writable(m, owners.table);
    return old;
}

/// A guest's store into one of its own L1 tables, which it can only map read-only.
[[gnu::cold]] Result<std::uint64_t> emulate_l1_access(Mfn root, GuestVa va, const EntryAccess& access,
                                                      MemoryOwner& owner)
{
    const std::uint64_t leaf = TRY(level1::walk(root, va, 0));
    if (pte::is_writable(leaf)) return Error::einval;
    const L1Slot slot{pte::frame_of(leaf), static_cast<unsigned>(va.raw() % page_size / 8)};
    TRY(level1::lock(slot.table(), owner));
    const FrameWindow<std::uint64_t> w{slot.table()};
    Work work;
    std::int32_t present = 0;
    const std::uint64_t old = shared::load(&w[slot.index()]);
    Result<std::uint64_t> outcome{old};
    if (((old ^ access.expected) & access.compared) == 0) {
        const bool whole = access.keep == 0;
        const EntryWrite write{slot.table(), 1, slot.index(), (old & access.keep) | access.set,
                               whole ? AccessedDirty::as_given : AccessedDirty::keep_new};
        const Result<std::uint64_t> before = write_entry(write, {owner, owner}, work, present);
        if (whole || !before.ok()) outcome = before;
    }
    unlock_frame(slot.table(), present);
    return outcome;
}

} // namespace hv::mm
