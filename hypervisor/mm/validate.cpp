// SPDX-License-Identifier: MIT
//
// What validation has in common at all levels: the walk over a locked table's entries, forwards to take references,
// backwards to drop them, stopping where time runs out. info.partial says how far it is: [0, partial) hold references.
#include "mm/level1.hpp"
#include "mm/window.hpp"

namespace hv::mm {

namespace {

/// First index at or after @p i of a present entry, or 512. Thirty-two at a time: most tables are mostly empty.
[[gnu::noinline]] unsigned find_present(const std::uint64_t* w, unsigned i)
{
    for (; i < pte::entries && i % 32 != 0; ++i)
        if (pte::is_present(w[i])) return i;
    const auto any = [w](unsigned at) {
        const std::uint64_t* const p = w + at;
        return p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7] | p[8] | p[9] | p[10] | p[11] | p[12] | p[13] |
               p[14] | p[15];
    };
    while (i < pte::entries && !pte::is_present(any(i) | any(i + 16)))
        i += 32;
    while (i < pte::entries && !pte::is_present(w[i]))
        ++i;
    return i;
}

/// The same, where the next entry is as likely as not.
[[gnu::always_inline]] inline unsigned next_present(const std::uint64_t* w, unsigned i)
{
    return i < pte::entries && pte::is_present(w[i]) ? i : find_present(w, i);
}

/// Slots 256..271 of a root are the hypervisor's: whatever a guest left there is overwritten, never looked at.
void fill_hypervisor_slots(const FrameWindow<std::uint64_t>& root)
{
    const std::span<const std::uint64_t, 16> ours = arch::hypervisor_root_entries();
    for (unsigned i = 0; i < ours.size(); ++i)
        root[pte::first_hypervisor_slot + i] = ours[i];
}

} // namespace

Result<std::uint64_t> adjust_entry(unsigned level, std::uint64_t entry, Owners owners)
{
    if (level == 1) return adjust_l1(entry, owners);
    // No superpages, no memory types, no global bit in an entry that names a table.
    if ((entry & (pte::memory_type | pte::global)) != 0) return Error::einval;
    return entry | pte::user;
}

[[gnu::noinline]] Result<std::uint64_t> take_entry(unsigned level, std::uint64_t entry, Owners owners, Work& work)
{
    if (level == 1) [[likely]]
        return take_l1(entry, owners, work);
    const std::uint64_t adjusted = TRY(adjust_entry(level, entry, owners));
    TRY(get_type(pte::frame_of(entry), table_type(level - 1), owners.table, work));
    return adjusted;
}

[[gnu::noinline]] Result<> drop_entry(unsigned level, std::uint64_t entry, const MemoryOwner& mapper, Work& work)
{
    if (level > 1) return put_type(pte::frame_of(entry), work);
    level1::drop(entry, mapper);
    return Ok{};
}

Result<> validate_entries(Mfn m, unsigned level, const MemoryOwner& owner, Work& work)
{
    const FrameInfo info = frame(m).details();
    MemoryOwner* const self = find_owner(owner.id());
    ASSERT(self == &owner);
    const FrameWindow<std::uint64_t> w{m};
    const bool plain = level == 1 && !owner.dying();
    const unsigned start = info.partial;
    unsigned present = info.present;
    if (arch::follows_absent_entries())
        for (const std::uint64_t entry : w.span())
            if (is_revealing(entry, owner)) return Error::einval;
    for (unsigned i = next_present(w.data(), start); i < pte::entries; i = next_present(w.data(), i + 1)) {
        const std::uint64_t entry = w[i];
        if (plain && level1::take(entry, owner.id())) [[likely]] {
            w[i] = entry | pte::user;
            ++present;
            continue;
        }
        if (pte::is_hypervisor_slot(level, i)) continue;
        if (level > 1 && i != start && work.exhausted()) {
            record_progress(m, i, present);
            return Error::restart;
        }
        const Result<std::uint64_t> taken = take_entry(level, entry, {*self, *self}, work);
        if (!taken.ok()) {
            record_progress(m, i, present);
            return taken.error();
        }
        if (taken.take() != entry) w[i] = taken.take();
        ++present;
        (void)work.spend();
    }
    (void)work.spend(6 + static_cast<std::int32_t>(level == 1 ? present : 0));
    if (level == 4) fill_hypervisor_slots(w);
    record_progress(m, pte::entries, present);
    return Ok{};
}

Result<> release_entries(Mfn m, unsigned level, Work& work)
{
    const FrameInfo info = frame(m).details();
    const MemoryOwner* const mapper = find_owner(info.owner);
    ASSERT(mapper != nullptr); // it is not destroyed while frames name it
    const FrameWindow<std::uint64_t> w{m};
    unsigned present = info.present;
    unsigned i = info.partial;
    if (level == 1) (void)work.spend(static_cast<std::int32_t>(present));
    for (; level == 1 && i > 0 && present > 0; --i) {
        const std::uint64_t entry = w[i - 1];
        if (!pte::is_present(entry)) continue;
        level1::drop(entry, *mapper);
        --present;
    }
    for (; i > 0 && present > 0; --i) {
        const std::uint64_t entry = w[i - 1];
        if (!pte::is_present(entry) || pte::is_hypervisor_slot(level, i - 1)) continue;
        if ((work.exhausted() && i != info.partial) || !drop_entry(level, entry, *mapper, work).ok()) {
            record_progress(m, i, present);
            return Error::restart;
        }
        (void)work.spend();
        --present;
    }
    ASSERT(present == 0);
    record_progress(m, 0, 0);
    return Ok{};
}

} // namespace hv::mm
