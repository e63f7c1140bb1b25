// SPDX-License-Identifier: MIT
//
// A guest's store into one of its own L1 tables, which it can only map read-only: done for it as a validated
// read-modify-write of the whole entry, under the table's lock.
#include "mm/level1.hpp"

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
    const std::uint64_t seen = (old & mask) >> shift;
    switch (a.op) {
    case EntryOp::exchange: return {(old & ~mask) | operand, seen, true};
    case EntryOp::compare_exchange: return {(old & ~mask) | operand, seen, seen == (a.expected & ones)};
    case EntryOp::bit_and: return {old & (operand | ~mask), seen, true};
    case EntryOp::bit_or: return {old | operand, seen, true};
    }
    return {old, seen, false};
}

/// The slot at @p va, if that is mapped read-only; einval if not.
[[gnu::always_inline]] inline Result<L1Slot> find_target(Mfn root, GuestVa va)
{
    const std::uint64_t leaf = TRY(level1::walk(root, va, 0));
    if (pte::is_writable(leaf)) return Error::einval;
    return L1Slot{pte::frame_of(leaf), static_cast<unsigned>(va.raw() % page_size / 8)};
}

} // namespace

Result<std::uint64_t> exchange_l1(Mfn root, GuestVa va, std::uint64_t entry, MemoryOwner& owner)
{
    if (va.raw() % 8 != 0) return Error::einval;
    return write_l1(TRY(find_target(root, va)), entry, {owner, owner});
}

[[gnu::cold]] Result<std::uint64_t> emulate_l1_access(Mfn root, GuestVa va, const EntryAccess& access,
                                                      MemoryOwner& owner)
{
    const auto offset = static_cast<unsigned>(va.raw() % 8);
    if ((access.size != 1 && access.size != 4 && access.size != 8) || offset + access.size > 8) return Error::einval;
    if (access.size == 8 && access.op == EntryOp::exchange) return exchange_l1(root, va, access.operand, owner);
    const L1Slot slot = TRY(find_target(root, va));
    TRY(level1::lock(slot.table(), owner));
    const FrameWindow<std::uint64_t> w{slot.table()};
    Work work;
    std::int32_t present = 0;
    const Combined c = combine(access, shared::load(&w[slot.index()]), offset);
    Result<std::uint64_t> outcome{c.result};
    if (c.store) {
        const EntryWrite write{slot.table(), 1, slot.index(), c.entry, AccessedDirty::keep_new};
        const Result<std::uint64_t> before = write_entry(write, {owner, owner}, work, present);
        if (!before.ok()) outcome = before;
    }
    unlock_frame(slot.table(), present);
    return outcome;
}

} // namespace hv::mm
