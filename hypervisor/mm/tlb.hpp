// SPDX-License-Identifier: MIT
//
// TLB flushes, and the flush clock that tells whether every CPU has flushed since a frame was last given up.
// The clock moves on by one when a flush of all CPUs begins and by one when it is complete, so an odd value
// is a flush under way.
#pragma once
#include "base/atomic.hpp"
#include "base/units.hpp"

namespace hv::mm {

/// Low bits of the flush clock, to stamp a frame with.
std::uint8_t flush_epoch();
/// Has a flush that began after the stamp was taken been completed by every CPU, seen from clock value @p
/// now? Wraps: may say no for a frame long flushed, never yes for one that was not.
constexpr bool is_flushed(std::uint8_t stamp, std::uint8_t now)
{
    const auto first_full = static_cast<std::uint8_t>((stamp + 1U) & ~1U);
    const auto distance = static_cast<std::uint8_t>((now & ~1U) - first_full);
    return distance != 0 && distance != 0xfe;
}
bool is_flushed(std::uint8_t stamp);

/// CPUs that run (bit n = CPU n); boot sets it.
void set_online_cpus(std::uint64_t cpus);
std::uint64_t online_cpus();

/// What a change of the page tables owes before frames it released may be used in another way.
class [[nodiscard]] TlbDebt {
public:
    void owe_everything(std::uint64_t cpus)
    {
        cpus_ |= cpus;
        all_ = true;
    }
    void owe_page(GuestVa va, std::uint64_t cpus);
    /// Pays: returns when every CPU named has flushed.
    void settle();

private:
    std::uint64_t cpus_ = 0;
    GuestVa page_{};
    bool one_page_ = false;
    bool all_ = false;
};

/// Drop all, or one page's, non-global translations on @p cpus, this one included if named. Addresses already
/// checked.
void flush_tlb(std::uint64_t cpus);
void flush_page(GuestVa va, std::uint64_t cpus);
/// Whoever loads a root tells the clock: on a single CPU that is a flush of all.
void note_root_loaded();

} // namespace hv::mm
