// SPDX-License-Identifier: MIT
//
// Inside of the layer: taking and dropping type references, the table lock, what validation offers each level.
// Everything a frame's state word promises is kept by types.cpp; the levels only say what one entry means.
#pragma once
#include "arch/arch.hpp"
#include "mm/allocator.hpp"
#include "mm/fast.hpp"
#include "mm/pte.hpp"
#include "mm/update.hpp"

namespace hv::mm {

/// A reference as type @p want to a frame of @p owner. Tables are validated first: may return restart, with the claim
/// parked in the frame, where the next caller adopts it.
Result<> get_type(Mfn m, PageType want, const MemoryOwner& owner, Work& work);
/// Drops one. restart: it was the last and the table is partly taken apart; the caller still owns it and must call
/// again. drop_type() leaves that to a deferred slot of the owner.
Result<> put_type(Mfn m, Work& work);
void drop_type(Mfn m, Work& work);
/// Drops a parked claim of validation, which nobody holds, if the frame has one.
void abandon_validation(Mfn m, Work& work);
/// Turns the writable reference of a mapping in a table of @p mapper into a plain one.
void demote_writable(Mfn m, const MemoryOwner& mapper);
/// @p mapper gave up a mapping of @p m, whose reference is still held: stamps the frame.
void note_mapping_gone(Mfn m, const MemoryOwner& mapper);
/// Boot: where the frame table is.
void set_frame_table(Frame* table, Mfn end);
/// Would the absent @p entry let @p owner read a frame's cached contents by speculation? The hardware domain is
/// trusted.
[[gnu::always_inline]] inline bool is_revealing(std::uint64_t entry, const MemoryOwner& owner)
{
    return entry != 0 && !pte::is_present(entry) && pte::frame_of(entry) < frame_table_end() &&
           arch::follows_absent_entries() && !owner.hardware_domain();
}
/// A plain reference, SharedPages included.
Result<> take_page(Mfn m, const MemoryOwner& owner);

/// Who holds a table's lock may wait only for one of a table below, to which it has a reference. What is to become a
/// table may have become another one meanwhile, whose holder waits for ours: then restart.
enum class IfTaken : std::uint8_t { wait, restart };
Result<Frame*> lock_frame_slow(Frame& f, DomainId owner, IfTaken what);
/// Locks a frame while it is @p owner's; einval if it is not. Spins: holders are short and never wait for interrupts.
[[gnu::always_inline]] inline Result<Frame*> lock_frame(Mfn m, DomainId owner, IfTaken what = IfTaken::wait)
{
    if (m >= frame_table_end()) return Error::einval;
    Frame& f = frame(m);
    std::uint64_t old = f.info.load(Order::relaxed);
    const bool free = static_cast<std::uint16_t>(old) == owner.raw() && (old & FrameInfo::locked_bit) == 0;
    if (free && f.info.compare_exchange(old, old | FrameInfo::locked_bit, Order::acquire)) [[likely]]
        return &f;
    return lock_frame_slow(f, owner, what);
}
/// How far validation of a locked frame is. Only the holder of the lock changes these two fields.
inline void record_progress(Mfn m, unsigned partial, unsigned present, std::uint64_t flag = 0)
{
    constexpr std::uint64_t fields = 0x1fffffULL << 20;
    Atomic<std::uint64_t>& info = frame(m).info;
    const std::uint64_t now = info.load(Order::relaxed) & fields;
    const std::uint64_t next = flag | std::uint64_t{partial} << 21 | present * FrameInfo::one_present;
    if (next != now) info.fetch_add(next - now, Order::relaxed);
}
/// Unlocks, adding @p present to the count of present entries.
inline void unlock_frame(Frame& f, std::int32_t present)
{
    // One addition clears the lock bit and moves the count: present is in [0, 512] before and after.
    const auto delta = static_cast<std::uint64_t>(static_cast<std::int64_t>(present)) * FrameInfo::one_present;
    const std::uint64_t before = f.info.fetch_add(delta - FrameInfo::locked_bit, Order::release);
    ASSERT((before & FrameInfo::locked_bit) != 0);
}
inline void unlock_frame(Mfn m, std::int32_t present) { unlock_frame(frame(m), present); }

/// Must a change of a frame's type from @p from wait until no CPU has a translation made under the old one? Writable:
/// a stale entry would write the table. Table: a stale paging-structure entry would walk data. Descriptors: read only.
constexpr bool change_needs_flush(PageType from, PageType to)
{
    return from != to && from != PageType::none && from != PageType::segment_descriptors;
}

/// Checks a present entry of a table of @p level and takes the references it needs; returns the entry as it must be
/// stored.
Result<std::uint64_t> take_entry(unsigned level, std::uint64_t entry, Owners owners, Work& work);
/// The entry named the same frame before: checks the flags of @p entry; takes no reference.
Result<std::uint64_t> adjust_entry(unsigned level, std::uint64_t entry, Owners owners);
/// Level 1 of these.
Result<std::uint64_t> take_l1(std::uint64_t entry, Owners owners, Work& work);
Result<std::uint64_t> adjust_l1(std::uint64_t entry, Owners owners);
/// What level1.hpp leaves: gives up the references of an entry that is in no table; those of a mapping that never was.
void drop_l1(std::uint64_t entry, const MemoryOwner& mapper);
void untake_l1(std::uint64_t entry);
/// Validates or takes apart a locked table from where info.partial says; keeps partial and present up to date.
Result<> validate_entries(Mfn m, unsigned level, const MemoryOwner& owner, Work& work);
Result<> release_entries(Mfn m, unsigned level, Work& work);
/// Checks all descriptors of a frame and makes them harmless (ring 3).
Result<> validate_descriptors(Mfn m);

/// What becomes of the accessed and dirty bits: the new entry's; or'ed with the old entry's; or'ed with those hardware
/// set between our look at the old entry and the store (as if it had set them after the store).
enum class AccessedDirty : std::uint8_t { as_given, preserve, keep_new };
struct EntryWrite {
    Mfn table;
    unsigned level;
    unsigned index;
    std::uint64_t value;
    AccessedDirty ad;
};
/// Stores one entry of a locked, valid table, returns the old one; @p present gets +1 or -1 when the entry's presence
/// changes.
Result<std::uint64_t> write_entry(const EntryWrite& w, Owners owners, Work& work, std::int32_t& present);

/// The last reference of a domain's frame went: back to the allocator, after the flush its stamp still owes.
void return_domain_frame(Mfn m);
/// Frames outside the owner's limit: for an exchange, which gives as many back.
Result<Mfn> alloc_unlimited(MemoryOwner& owner, unsigned order, unsigned address_bits, Contents contents);
/// Changes one of a frame's words in one step. @p edit gets its fields and may refuse: then nothing is stored.
template <typename Fields, typename F> bool change(Atomic<std::uint64_t>& word, F edit)
{
    std::uint64_t old = word.load(Order::acquire);
    for (;;) {
        Fields fields = Fields::decode(old);
        if constexpr (std::is_void_v<decltype(edit(fields))>)
            edit(fields);
        else if (!edit(fields))
            return false;
        if (word.compare_exchange(old, fields.encode(), Order::acq_rel)) return true;
    }
}
template <typename F> bool change_state(Frame& f, F edit) { return change<FrameState>(f.state, edit); }
template <typename F> bool change_info(Frame& f, F edit) { return change<FrameInfo>(f.info, edit); }

} // namespace hv::mm
