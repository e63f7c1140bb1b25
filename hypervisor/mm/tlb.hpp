// SPDX-License-Identifier: MIT
//
// TLB flushes, and the clocks that tell whether a flush has happened since a mapping of a frame was given up. Each
// owner has a clock of its own, moved by flushes of the CPUs that may hold its translations. One more counts flushes of
// all CPUs: it serves frames that another domain had mapped. A clock moves on by one when a flush begins and by one
// when it is complete, so an even value is a flush under way. Any CPU.
#pragma once
#include "mm/owner.hpp"

namespace hv::mm {

/// What a frame remembers of its mappings: the number of the flush that would forget the last one given up, modulo 128,
/// and in the top bit whose flush that must be.
using FlushStamp = std::uint8_t;
inline constexpr FlushStamp foreign_mark = 0x80;

/// Number of the first flush to begin after clock value @p clock.
constexpr FlushStamp stamp_at(std::uint64_t clock) { return static_cast<FlushStamp>(clock >> 1 & 0x7f); }
/// Is that flush complete at clock value @p now? Wraps: may say no for one long past, never yes for one to come.
constexpr bool is_complete(FlushStamp stamp, std::uint64_t now) { return ((((now - 3) >> 1) - stamp) & 0x7f) < 126; }

inline FlushStamp own_stamp(const MemoryOwner& owner) { return stamp_at(owner.flush_clock.load(Order::acquire)); }
/// The stamp of a frame, last @p before, when @p mapper gives up a mapping of it; @p owner is the frame's.
FlushStamp merged_stamp(FlushStamp before, DomainId owner, const MemoryOwner& mapper);
bool is_flushed(FlushStamp stamp, const MemoryOwner& owner);
/// Returns when no CPU can use a mapping of a frame of @p owner given up under @p stamp.
void flush_for(FlushStamp stamp, MemoryOwner& owner);

/// What a hypercall owes its caller: flushes it asked for, paid once at the end.
class [[nodiscard]] TlbDebt {
public:
    void owe_everything(const CpuSet& cpus)
    {
        cpus_ |= cpus;
        all_ = true;
    }
    void owe_page(GuestVa va, const CpuSet& cpus);
    /// Pays: returns when every CPU named has flushed. @p owner is whose address spaces are meant.
    void settle(MemoryOwner& owner)
    {
        if (all_ || one_page_) pay(owner);
    }

private:
    void pay(MemoryOwner& owner);
    CpuSet cpus_;
    GuestVa page_{};
    bool one_page_ = false;
    bool all_ = false;
};

/// Drops all translations on the CPUs that may hold some of @p owner's.
void flush_owner(MemoryOwner& owner);
/// Drops all translations on @p cpus; @p owner's clock counts it if those are all that may hold its own.
void flush_cpus(const CpuSet& cpus, MemoryOwner& owner);
/// Counts the flush that the only CPU is about to do for @p owner; false if there are others.
bool count_alone(MemoryOwner& owner);
/// Loads @p root, of @p owner, on this CPU: a flush, of all its CPUs if it runs nowhere else.
void load_root(MemoryOwner& owner, Maddr root);

} // namespace hv::mm
