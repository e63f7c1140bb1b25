// SPDX-License-Identifier: MIT
//
// mmu_update, update_va_mapping and grant entries, on top of the one entry writer. A table is locked while one run of
// requests lands in it; nothing is held between hypercalls.
#include "mm/update.hpp"
#include "mm/level1.hpp"
#include "mm/m2p.hpp"

namespace hv::mm {

static constexpr std::uint64_t command_mask = 7, command_m2p = 1, command_preserve = 2, last_command = 3;

/// Locks @p m if it is a valid page table of @p owner; returns its level, 0 if it is no page table. A validation that
/// was preempted half-way is carried on: its own caller may be waiting for this one (an upcall of the same vCPU).
[[gnu::noinline]] static Result<unsigned> lock_table(Mfn m, const MemoryOwner& owner, Work& work)
{
    const Frame& f = *TRY(lock_frame(m, owner.id()));
    if (const unsigned level = fast::valid_level(f); level != 0) return level;
    const FrameState s = f.current();
    unlock_frame(m, 0);
    if (s.count == 0 || !is_table(s.type)) return 0U;
    if (s.progress == Progress::validating) {
        TRY(get_type(m, s.type, owner, work));
        drop_type(m, work);
    }
    return Error::restart; // look again, after interrupts had their turn
}

[[gnu::noinline]] Result<Frame*> level1::lock_slow(Mfn table, const MemoryOwner& owner)
{
    Work work;
    const unsigned level = TRY(lock_table(table, owner, work));
    if (level == 1) return &frame(table);
    if (level != 0) unlock_frame(table, 0);
    return Error::einval;
}

/// Any request.
[[gnu::noinline]] static Result<> update_one(const pv_mmu_update& request, Owners owners, Work& work)
{
    const std::uint64_t command = request.ptr & command_mask;
    const Maddr at{request.ptr & ~command_mask};
    const Mfn m = mfn_of(at);
    if (command > last_command) return Error::enosys;
    if (command == command_m2p) {
        const PageRef held = TRY(get_page(m, owners.frame));
        set_m2p(held.mfn(), Pfn{request.val});
        return Ok{};
    }
    const unsigned level = TRY(lock_table(m, owners.table, work));
    if (level == 0) { // an ordinary frame of the owner's takes any value
        TRY(get_type(m, PageType::writable, owners.table, work));
        shared::store(FrameWindow<std::uint64_t>::at(at), request.val);
        drop_type(m, work);
        return Ok{};
    }
    const AccessedDirty ad = command == command_preserve ? AccessedDirty::preserve : AccessedDirty::as_given;
    const auto index = static_cast<unsigned>(at.raw() % page_size / 8);
    std::int32_t present = 0;
    const auto written = write_entry({m, level, index, request.val, ad}, owners, work, present);
    unlock_frame(m, present);
    return written.ok() ? Result<>{Ok{}} : written.error();
}

[[gnu::noinline]] std::uint32_t update_run(const MemoryOwner& owner, std::span<const pv_mmu_update> requests)
{
    level1::Mapper m{owner};
    m.steps.keep();
    const std::uint64_t place = level1::place_of_table(requests.front().ptr);
    if (!m.has(place) || !level1::try_lock(m[place].info, m.standing)) return 0;
    const std::uint64_t table = place * (page_size / 8);
    const FrameWindow<std::byte> w{mfn_of(Maddr{table})};
    std::uint64_t info = -FrameInfo::locked_bit;
    const pv_mmu_update* r = requests.data();
    for (const pv_mmu_update* const end = r + requests.size(); r != end; ++r) {
        const std::uint64_t offset = r->ptr - table;
        if ((offset & ~std::uint64_t{page_size - 8}) != 0) break; // another table, or another command
        std::uint64_t value = r->val, from;
        const auto o = level1::store(m, reinterpret_cast<std::uint64_t*>(w.data() + offset), value, from, info);
        if (o == level1::Outcome::declined) [[unlikely]]
            break;
        if (o == level1::Outcome::replaced) [[likely]]
            info += level1::drop(m, value, from);
    }
    (void)m[place].info.fetch_add(info, Order::release);
    return static_cast<std::uint32_t>(r - requests.data());
}

Result<> UpdateBatch::apply(std::span<const pv_mmu_update> requests, std::uint32_t& done)
{
    (void)work.spend(static_cast<std::int32_t>(requests.size()));
    while (!requests.empty()) {
        std::uint32_t n = &owners.table == &owners.frame ? update_run(owners.table, requests) : 0;
        if (n == 0) TRY(update_one(requests.front(), owners, work));
        n += n == 0 ? 1 : 0;
        done += n;
        requests = requests.subspan(n);
        if (!requests.empty() && work.exhausted()) return Error::restart;
    }
    return Ok{};
}

Result<L1Slot> find_l1(Mfn root, GuestVa va)
{
    return L1Slot{pte::frame_of(TRY(level1::walk(root, va, 1))), pte::index_of(va.raw(), 1)};
}

Result<L1Slot> l1_slot_at(Maddr entry, const MemoryOwner& owner)
{
    const L1Slot slot{entry};
    if (entry.raw() % 8 != 0) return Error::einval;
    TRY(level1::lock(slot.table(), owner));
    unlock_frame(slot.table(), 0);
    return slot;
}

/// What write_l1() declines.
[[gnu::noinline]] static Result<std::uint64_t> write_l1_slow(L1Slot slot, std::uint64_t entry, Owners owners)
{
    Work work;
    std::int32_t present = 0;
    TRY(level1::lock(slot.table(), owners.table));
    const auto old = write_entry({slot.table(), 1, slot.index(), entry, {}}, owners, work, present);
    unlock_frame(slot.table(), present);
    return old;
}

Result<std::uint64_t> write_l1(L1Slot slot, std::uint64_t entry, Owners owners)
{
    std::uint64_t value = entry;
    if (&owners.table == &owners.frame && level1::exchange(owners.table, slot.address().raw(), value)) [[likely]]
        return value;
    return write_l1_slow(slot, entry, owners);
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
    Frame* const table = TRY(level1::lock(slot.table(), table_owner));
    std::uint64_t* const at = FrameWindow<std::uint64_t>::at(slot.address());
    const std::uint64_t now = shared::load(at);
    const bool same = pte::is_present(now) && pte::frame_of(now) == frame &&
                      pte::is_writable(now) == (access == GrantAccess::read_write);
    std::uint64_t value = 0, from, info = -FrameInfo::locked_bit;
    const level1::Mapper m{table_owner};
    if (same && level1::store(m, at, value, from, info) == level1::Outcome::replaced) // clearing always does
        info += level1::drop(m, value, from);
    (void)table->info.fetch_add(info, Order::release);
    return same ? Result<>{Ok{}} : Error::einval;
}

} // namespace hv::mm
