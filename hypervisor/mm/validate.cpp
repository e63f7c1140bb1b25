// SPDX-License-Identifier: MIT
//
// What validation has in common at all levels: the walk over a locked table's entries, forwards to take references,
// backwards to drop them, stopping where time runs out. info.partial says how far it is: [0, partial) hold references.
#include "mm/level1.hpp"
#include "mm/window.hpp"

namespace hv::mm {

namespace {

/// Upwards: first index at or after @p i of a present entry, or 512. Downwards: one more than the last index before
/// @p i; there is one. Thirty-two at a time: most tables are mostly empty.
template <int step> [[gnu::noinline]] unsigned find_present(const std::uint64_t* w, unsigned i)
{
    constexpr unsigned end = step > 0 ? pte::entries : 0;
    const auto none = [w, &i]<unsigned n>() {
        const std::uint64_t* const p = w + i - (step > 0 ? 0 : n);
        std::uint64_t any = 0;
#pragma GCC unroll 32
        for (unsigned k = 0; k < n; ++k)
            any |= p[k];
        return !pte::is_present(any);
    };
    while (i != end) {
        if (i % 32 == 0 && none.template operator()<32>())
            i += 32 * step;
        else if (i % 8 == 0 && none.template operator()<8>())
            i += 8 * step;
        else
            do {
                if (!none.template operator()<1>()) return i;
                i += step;
            } while (i % 8 != 0);
    }
    ASSERT(step > 0);
    return i;
}

/// Takes what a run of ordinary entries from @p i on needs, and returns where it ends.
[[gnu::always_inline]] inline unsigned take_run(std::uint64_t* w, unsigned i, unsigned level, const MemoryOwner& owner)
{
    const unsigned end = level == 4 && i < pte::first_hypervisor_slot ? pte::first_hypervisor_slot : pte::entries;
    level1::Mapper m{owner};
    m.steps.keep();
    const auto take_table = [level](Frame& f) { return fast::take_validated(f, table_type(level - 1)); };
    for (; i < end; ++i) {
        const std::uint64_t entry = w[i];
        const std::uint64_t place = level1::place_of(level == 1 ? entry : entry | pte::writable, level1::read_write);
        if (!(level == 1 ? level1::take(m, entry, place) : level1::take_at(m, place, entry, level, take_table))) break;
        w[i] = entry | pte::user;
    }
    return i;
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
    if (level == 1) return take_l1(entry, owners, work);
    const std::uint64_t adjusted = TRY(adjust_entry(level, entry, owners));
    TRY(get_type(pte::frame_of(entry), table_type(level - 1), owners.table, work));
    return adjusted;
}

Result<> validate_entries(Mfn m, unsigned level, const MemoryOwner& owner, Work& work)
{
    const FrameInfo info = frame(m).details();
    MemoryOwner* const self = find_owner(owner.id());
    ASSERT(self == &owner);
    const FrameWindow<std::uint64_t> w{m};
    const unsigned start = info.partial;
    unsigned present = info.present;
    if (arch::follows_absent_entries())
        for (const std::uint64_t entry : w.span())
            if (is_revealing(entry, owner)) return Error::einval;
    for (unsigned i = start; (i = find_present<1>(w.data(), i)) < pte::entries;) {
        if (pte::is_hypervisor_slot(level, i)) {
            i = pte::end_hypervisor_slot;
            continue;
        }
        const bool late = level > 1 && i != start && work.exhausted();
        const unsigned from = i;
        if (!late && !owner.dying())
            i = level == 1 ? take_run(w.data(), i, 1, owner) : take_run(w.data(), i, level, owner);
        if (i == from) {
            const auto taken = late ? Error::restart : take_entry(level, w[i], {*self, *self}, work);
            if (!taken.ok()) {
                record_progress(m, i, present);
                return taken.error();
            }
            w[i++] = taken.take();
        }
        present += i - from;
        (void)work.spend(static_cast<std::int32_t>(i - from));
    }
    (void)work.spend(6);
    if (level == 4) fill_hypervisor_slots(w);
    record_progress(m, pte::entries, present, level == 1 ? FrameInfo::level1_bit : 0);
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
    for (; i > 0 && present > 0; --i) {
        if (!pte::is_present(w[i - 1])) i = find_present<-1>(w.data(), i);
        const std::uint64_t entry = w[i - 1];
        if (level == 1) {
            level1::drop({*mapper}, entry, level1::place_of(entry, level1::read_write));
        } else if (pte::is_hypervisor_slot(level, i - 1)) {
            continue;
        } else if ((work.exhausted() && i != info.partial) || !put_type(pte::frame_of(entry), work).ok()) {
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
