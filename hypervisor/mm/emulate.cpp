// SPDX-License-Identifier: MIT
//
// A guest's store into one of its own L1 tables, which it can only map read-only: done for it as a validated
// read-modify-write of the whole entry, under the table's lock.
#include "mm/fast.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm {

namespace {

struct Combined {
    std::uint64_t entry;
    std::uint64_t result;
    bool store;
};

/// The entry that the access would leave behind, and the old value of the bytes it touches.
Combined combine(const EntryAccess& a, std::uint64_t old, unsigned offset)
{
    const unsigned shift = offset * 8;
    const std::uint64_t ones = a.size == 8 ? ~0ULL : (1ULL << a.size * 8) - 1;
    const std::uint64_t mask = ones << shift;
    const std::uint64_t operand = (a.operand & ones) << shift;
    const std::uint64_t bit = 1ULL << (a.operand & 63);
    const std::uint64_t seen = (old & mask) >> shift;
    switch (a.op) {
    case EntryOp::store:
    case EntryOp::exchange: return {(old & ~mask) | operand, seen, true};
    case EntryOp::compare_exchange: return {(old & ~mask) | operand, seen, seen == (a.expected & ones)};
    case EntryOp::bit_and: return {old & (operand | ~mask), seen, true};
    case EntryOp::bit_or: return {old | operand, seen, true};
    case EntryOp::bit_reset: return {old & ~bit, old, true};
    case EntryOp::bit_set: return {old | bit, old, true};
    }
    return {old, seen, false};
}

/// The L1 table that the leaf entry of @p va maps read-only, locked; enoent if that is not what it maps.
Result<Mfn> lock_target(Mfn root, GuestVa va, const MemoryOwner& owner)
{
    const Result<L1Slot> slot = find_l1(root, va);
    if (!slot.ok()) return Error::enoent;
    const FrameWindow<std::uint64_t> w{slot.take().table()};
    const std::uint64_t leaf = shared::load(&w[slot.take().index()]);
    const Mfn target = pte::frame_of(leaf);
    if (!pte::is_present(leaf) || pte::is_writable(leaf) || !is_ram(target)) return Error::enoent;
    if (frame(target).current().type != PageType::l1_table) return Error::enoent;
    if (!lock_frame(target, owner.id()).ok()) return Error::enoent;
    if (fast::is_valid(frame(target), PageType::l1_table)) return target;
    unlock_frame(target, 0);
    return Error::enoent;
}

} // namespace

Result<std::uint64_t> emulate_l1_access(Mfn root, GuestVa va, const EntryAccess& access, MemoryOwner& owner)
{
    const auto offset = static_cast<unsigned>(va.raw() % 8);
    if ((access.size != 1 && access.size != 4 && access.size != 8) || offset + access.size > 8) return Error::enoent;
    const Mfn table = TRY(lock_target(root, va, owner));
    const auto index = static_cast<unsigned>(va.raw() % page_size / 8);
    const FrameWindow<std::uint64_t> w{table};
    Work work;
    std::int32_t present = 0;
    const Combined c = combine(access, shared::load(&w[index]), offset);
    Result<std::uint64_t> outcome{c.result};
    if (c.store) {
        const bool whole = access.size == 8 && (access.op == EntryOp::store || access.op == EntryOp::exchange);
        const AccessedDirty ad = whole ? AccessedDirty::as_given : AccessedDirty::keep_new;
        const Result<std::uint64_t> before = write_entry({table, 1, index, c.entry, ad}, {owner, owner}, work, present);
        if (!before.ok() || whole) outcome = before;
    }
    unlock_frame(table, present);
    return outcome;
}

} // namespace hv::mm
