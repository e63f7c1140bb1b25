// SPDX-License-Identifier: MIT
//
// mmu_update, update_va_mapping and grant entries, on top of the one entry writer. A table is locked while one run of
// requests lands in it; nothing is held between hypercalls.
#include "mm/update.hpp"
#include "mm/m2p.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm {

namespace {

constexpr std::uint64_t command_mask = 7, command_m2p = 1, command_preserve = 2, last_command = 3;

/// A locked frame that is no valid table: 0 if it is none at all. A validation that was preempted half-way is carried
/// on: its own caller may be waiting for this one (an upcall of the same vCPU). Unlocks.
[[gnu::noinline]] Result<unsigned> refuse_lock(Mfn m, FrameState s, const MemoryOwner& owner, Work& work)
{
    unlock_frame(m, 0);
    if (s.count == 0 || !is_table(s.type)) return 0U;
    if (s.progress == Progress::validating) {
        TRY(get_type(m, s.type, owner, work));
        drop_type(m, work);
    }
    return Error::restart; // look again, after interrupts had their turn
}

/// Locks @p m if it is a valid page table of @p owner; returns its level, 0 if it is no page table.
Result<unsigned> lock_table(Mfn m, const MemoryOwner& owner, Work& work)
{
    TRY(lock_frame(m, owner.id()));
    const FrameState s = frame(m).current();
    if (s.count != 0 && is_table(s.type) && s.progress == Progress::valid) return static_cast<unsigned>(s.type);
    return refuse_lock(m, s, owner, work);
}

/// Holds the lock of a table for one write.
class LockedTable {
public:
    static Result<LockedTable, false> lock(Mfn m, const MemoryOwner& owner)
    {
        Work work;
        const unsigned level = TRY(lock_table(m, owner, work));
        if (level == 0) return Error::einval;
        return LockedTable{m, level};
    }
    LockedTable(LockedTable&& o) noexcept : mfn_{o.mfn_}, level_{o.level_}, present_{o.present_} { o.level_ = 0; }
    LockedTable& operator=(LockedTable&&) = delete;
    ~LockedTable()
    {
        if (level_ != 0) unlock_frame(mfn_, present_);
    }
    [[nodiscard]] unsigned level() const { return level_; }
    [[nodiscard]] std::uint64_t read(unsigned index) const
    {
        const FrameWindow<std::uint64_t> w{mfn_};
        return shared::load(&w[index]);
    }
    Result<std::uint64_t> write(unsigned index, std::uint64_t value, Owners owners, Work& work)
    {
        return write_entry({mfn_, level_, index, value, AccessedDirty::as_given}, owners, work, present_);
    }

private:
    LockedTable(Mfn m, unsigned level) : mfn_{m}, level_{level} {}
    Mfn mfn_;
    unsigned level_;
    std::int32_t present_ = 0;
};

Result<LockedTable> lock_l1(L1Slot slot, const MemoryOwner& owner)
{
    LockedTable t = TRY(LockedTable::lock(slot.table, owner));
    if (t.level() != 1 || slot.index >= pte::entries) return Error::einval;
    return t;
}

} // namespace

Result<> UpdateBatch::open(Mfn table)
{
    if (table == table_) return Ok{};
    close();
    level_ = TRY(lock_table(table, owners_.table, work_));
    if (level_ == 0) TRY(get_type(table, PageType::writable, owners_.table, work_));
    table_ = table;
    present_ = 0;
    return Ok{};
}

void UpdateBatch::close()
{
    if (table_ == invalid_mfn) return;
    if (level_ != 0)
        unlock_frame(table_, present_);
    else
        drop_type(table_, work_);
    table_ = invalid_mfn;
}

Result<> UpdateBatch::apply(std::uint64_t ptr, std::uint64_t value)
{
    const std::uint64_t command = ptr & command_mask;
    const Maddr at{ptr & ~command_mask};
    (void)work_.spend();
    if (command > last_command) return Error::enosys;
    if (command == command_m2p) {
        close();
        const PageRef held = TRY(get_page(mfn_of(at), owners_.frame));
        set_m2p(held.mfn(), Pfn{value});
        return Ok{};
    }
    TRY(open(mfn_of(at)));
    const auto index = static_cast<unsigned>(at.raw() % page_size / 8);
    if (level_ == 0) {
        const FrameWindow<std::uint64_t> w{table_};
        shared::store(&w[index], value);
        return Ok{};
    }
    const AccessedDirty ad = command == command_preserve ? AccessedDirty::preserve : AccessedDirty::as_given;
    TRY(write_entry({table_, level_, index, value, ad}, owners_, work_, present_));
    return Ok{};
}

Result<L1Slot> find_l1(Mfn root, GuestVa va)
{
    if (!is_guest_va(va.raw())) return Error::einval;
    Mfn table = root;
    for (unsigned level = 4; level > 1; --level) {
        const FrameWindow<std::uint64_t> w{table};
        const std::uint64_t entry = shared::load(&w[pte::index_of(va.raw(), level)]);
        if (!pte::is_present(entry)) return Error::einval;
        table = pte::frame_of(entry);
    }
    return L1Slot{table, pte::index_of(va.raw(), 1)};
}

Result<L1Slot> l1_slot_at(Maddr entry, const MemoryOwner& owner)
{
    const L1Slot slot{mfn_of(entry), static_cast<unsigned>(entry.raw() % page_size / 8)};
    if (entry.raw() % 8 != 0) return Error::einval;
    TRY(lock_l1(slot, owner));
    return slot;
}

Result<std::uint64_t> write_l1(L1Slot slot, std::uint64_t entry, Owners owners)
{
    Work work;
    LockedTable t = TRY(lock_l1(slot, owners.table));
    return t.write(slot.index, entry, owners, work);
}

Result<> update_va(Mfn root, GuestVa va, std::uint64_t entry, Owners owners)
{
    const L1Slot slot = TRY(find_l1(root, va));
    TRY(write_l1(slot, entry, owners));
    return Ok{};
}

Result<> install_grant_pte(L1Slot slot, GrantEntry entry, const PageRef& held, MemoryOwner& table_owner)
{
    MemoryOwner* const frame_owner = find_owner(owner_of(frame(held.mfn())));
    if (frame_owner == nullptr) return Error::einval;
    const std::uint64_t access = entry.access == GrantAccess::read_write ? pte::writable | pte::dirty : 0;
    const std::uint64_t value = maddr_of(held.mfn()).raw() | pte::present | pte::accessed | pte::user | access |
                                (entry.extra_flags & (pte::software | pte::no_execute));
    TRY(write_l1(slot, value, {table_owner, *frame_owner}));
    return Ok{};
}

Result<> remove_grant_pte(L1Slot slot, Mfn expected, MemoryOwner& table_owner)
{
    Work work;
    LockedTable t = TRY(lock_l1(slot, table_owner));
    const std::uint64_t now = t.read(slot.index);
    if (!pte::is_present(now) || pte::frame_of(now) != expected) return Error::einval;
    TRY(t.write(slot.index, 0, {table_owner, table_owner}, work));
    return Ok{};
}

} // namespace hv::mm
