// SPDX-License-Identifier: MIT
//
// mmu_update, update_va_mapping and grant entries, on top of the one entry writer. A table is locked while one run of
// requests lands in it; nothing is held between hypercalls.
#include "mm/update.hpp"
#include "mm/level1.hpp"
#include "mm/m2p.hpp"

namespace hv::mm {

static constexpr std::uint64_t command_mask = 7, command_m2p = 1, command_preserve = 2, last_command = 3;

/// No page table: 0. A validation that was preempted half-way is carried on: its own caller may be waiting for this one
/// (an upcall of the same vCPU).
[[gnu::noinline]] Result<unsigned> refuse_lock(Mfn m, const MemoryOwner& owner, Work& work)
{
    const FrameState s = frame(m).current();
    unlock_frame(m, 0);
    if (s.count == 0 || !is_table(s.type)) return 0U;
    if (s.progress == Progress::validating) {
        TRY(get_type(m, s.type, owner, work));
        drop_type(m, work);
    }
    return Error::restart; // look again, after interrupts had their turn
}

[[gnu::noinline]] Error level1::refuse(Mfn table, const MemoryOwner& owner)
{
    Work work;
    if (fast::valid_level(frame(table)) != 0) {
        unlock_frame(table, 0);
        return Error::einval;
    }
    const Result<unsigned> r = refuse_lock(table, owner, work);
    return r.ok() ? Error::einval : r.error();
}

[[gnu::always_inline]] inline Result<> UpdateBatch::open(Mfn table)
{
    if (table == table_) return Ok{};
    close();
    level_ = TRY(lock_table(table, owners_.table, work_));
    if (level_ == 0) TRY(get_type(table, PageType::writable, owners_.table, work_));
    table_ = table;
    present_ = 0;
    own_l1_ = level_ == 1 && level1::may_map_own(owners_);
    return Ok{};
}

void UpdateBatch::close()
{
    if (table_ == invalid_mfn) return;
    level_ != 0 ? unlock_frame(table_, present_) : drop_type(table_, work_);
    table_ = invalid_mfn;
    own_l1_ = false;
}

/// The leading requests that are ordinary mappings in the open table, which is a level-1 one; returns the next.
[[gnu::noinline]] const pv_mmu_update* UpdateBatch::write_l1_run(std::span<const pv_mmu_update> requests)
{
    const std::uint64_t table = maddr_of(table_).raw();
    const FrameWindow<std::byte> w{table_};
    const MemoryOwner& owner = owners_.table;
    const DomainId id = owner.id();
    std::int32_t present = present_;
    const pv_mmu_update* r = requests.data();
    for (const pv_mmu_update* const end = r + requests.size(); r != end; ++r) {
        const std::uint64_t offset = r->ptr - table;
        if ((offset & ~std::uint64_t{page_size - 8}) != 0) break; // another table, or another command
        auto* const at = reinterpret_cast<std::uint64_t*>(w.data() + offset);
        if (!level1::write(at, r->val, owner, id, present).done) [[unlikely]]
            break;
    }
    present_ = present;
    return r;
}

Result<> UpdateBatch::apply(std::span<const pv_mmu_update> requests, std::uint32_t& done)
{
    (void)work_.spend(static_cast<std::int32_t>(requests.size()));
    while (!requests.empty()) {
        const pv_mmu_update& first = requests.front();
        if ((first.ptr & command_mask) == 0) TRY(open(mfn_of(Maddr{first.ptr})));
        std::size_t n = own_l1_ ? static_cast<std::size_t>(write_l1_run(requests) - requests.data()) : 0;
        if (n == 0) {
            TRY(apply_one(first.ptr, first.val));
            n = 1;
        }
        done += static_cast<std::uint32_t>(n);
        requests = requests.subspan(n);
        if (!requests.empty() && work_.exhausted()) return Error::restart;
    }
    return Ok{};
}

[[gnu::noinline]] Result<> UpdateBatch::apply_one(std::uint64_t ptr, std::uint64_t value)
{
    const std::uint64_t command = ptr & command_mask;
    const Maddr at{ptr & ~command_mask};
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
        shared::store(&FrameWindow<std::uint64_t>{table_}[index], value);
        return Ok{};
    }
    const AccessedDirty ad = command == command_preserve ? AccessedDirty::preserve : AccessedDirty::as_given;
    TRY(write_entry({table_, level_, index, value, ad}, owners_, work_, present_));
    return Ok{};
}

Result<L1Slot> find_l1(Mfn root, GuestVa va)
{
    return L1Slot{pte::frame_of(TRY(level1::walk(root, va, 1))), pte::index_of(va.raw(), 1)};
}

Result<L1Slot> l1_slot_at(Maddr entry, const MemoryOwner& owner)
{
    const L1Slot slot{mfn_of(entry), static_cast<unsigned>(entry.raw() % page_size / 8)};
    if (entry.raw() % 8 != 0) return Error::einval;
    TRY(level1::lock(slot.table(), owner));
    unlock_frame(slot.table(), 0);
    return slot;
}

/// What level1::write() declines. Unlocks.
[[gnu::noinline]] static Result<std::uint64_t> write_l1_slow(L1Slot slot, std::uint64_t entry, Owners owners)
{
    Work work;
    std::int32_t present = 0;
    const EntryWrite write{slot.table(), 1, slot.index(), entry, AccessedDirty::as_given};
    const Result<std::uint64_t> old = write_entry(write, owners, work, present);
    unlock_frame(slot.table(), present);
    return old;
}

Result<std::uint64_t> write_l1(L1Slot slot, std::uint64_t entry, Owners owners)
{
    Frame* const f = TRY(level1::lock(slot.table(), owners.table));
    const FrameWindow<std::uint64_t> w{slot.table()};
    std::int32_t present = 0;
    if (!level1::may_map_own(owners)) return write_l1_slow(slot, entry, owners);
    const level1::Written written = level1::write(&w[slot.index()], entry, owners.table, owners.table.id(), present);
    if (!written.done) [[unlikely]]
        return write_l1_slow(slot, entry, owners);
    unlock_frame(*f, present);
    return written.old;
}

Result<std::uint64_t> update_va(Mfn root, GuestVa va, std::uint64_t entry, Owners owners)
{
    return write_l1(TRY(find_l1(root, va)), entry, owners);
}

Result<std::uint64_t> install_grant_pte(L1Slot slot, GrantEntry entry, Mfn frame, Owners owners)
{
    const std::uint64_t access = entry.access == GrantAccess::read_write ? pte::writable | pte::dirty : 0;
    const std::uint64_t value = maddr_of(frame).raw() | pte::present | pte::accessed | pte::user | access |
                                (entry.extra_flags & (pte::software | pte::no_execute));
    return write_l1(slot, value, owners);
}

Result<> remove_grant_pte(L1Slot slot, Mfn frame, GrantAccess access, MemoryOwner& table_owner)
{
    TRY(level1::lock(slot.table(), table_owner));
    const FrameWindow<std::uint64_t> w{slot.table()};
    std::uint64_t* const at = &w[slot.index()];
    const std::uint64_t now = shared::load(at);
    const bool same = pte::is_present(now) && pte::frame_of(now) == frame &&
                      pte::is_writable(now) == (access == GrantAccess::read_write);
    std::int32_t present = 0;
    if (same) (void)level1::write(at, 0, table_owner, table_owner.id(), present); // clearing always can
    unlock_frame(slot.table(), present);
    return same ? Result<>{Ok{}} : Error::einval;
}

} // namespace hv::mm
