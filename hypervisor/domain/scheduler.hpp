// SPDX-License-Identifier: MIT
//
// Who runs next on one CPU: proportional share by virtual time. The policy owns no clock, timer or lock, so that a
// test can drive it with a simulated clock; domain/run.cpp is its only caller on a machine, under the CPU's run lock.
// Guarantees: shares follow weights; a waiter gets the CPU within (waiters + 1) slices; a sleeper gains at most
// `wake_credit`; every operation is O(log n) amortised.
#pragma once
#include "base/pairing_heap.hpp"
#include "base/units.hpp"

namespace hv::domain {

inline constexpr std::uint32_t default_weight = 256;

/// What the scheduler knows of a vCPU.
class Runnable : public HeapNode<Runnable> {
public:
    std::uint32_t weight = default_weight;
    [[nodiscard]] bool queued() const { return queued_; }
    [[nodiscard]] bool before(const Runnable& other) const;

private:
    friend class FairQueue;
    Nanoseconds vruntime_ = 0;
    std::uint64_t ticket_ = 0; ///< Order of arrival, breaks ties.
    bool queued_ = false;
};

class FairQueue {
public:
    static constexpr Nanoseconds slice = 8'000'000;        ///< Longest stint while others wait.
    static constexpr Nanoseconds min_stint = 200'000;      ///< A wakeup preempts no earlier than this.
    static constexpr Nanoseconds wake_credit = 2'000'000;  ///< Advantage of a sleeper over the queue.
    static constexpr Nanoseconds preempt_margin = 500'000; ///< A waker must be behind by this to preempt.

    /// @p r became runnable (and does not run). Returns when the running one should be looked at again:
    /// @p now = preempt at once; `no_deadline` = it may run on.
    Nanoseconds wake(Runnable& r, Nanoseconds now);
    /// @p r is no longer runnable, whether it waits or runs.
    void sleep(Runnable& r, Nanoseconds now);
    /// The running one gives the CPU away once, if anyone waits. True if someone does.
    bool yield(Nanoseconds now);
    /// Charges the running one, requeues it if it is still runnable, and takes the next; null = idle.
    Runnable* pick(Nanoseconds now);
    /// When the running one's slice ends; `no_deadline` while nobody waits.
    [[nodiscard]] Nanoseconds deadline() const;
    [[nodiscard]] Runnable* running() const { return running_; }
    [[nodiscard]] bool waiting() const { return heap_.first() != nullptr; }
    /// Charges the running one up to @p now; before its weight changes.
    void settle(Nanoseconds now) { charge(now); }

    static constexpr Nanoseconds no_deadline = ~0ULL;

private:
    void insert(Runnable& r);
    void remove(Runnable& r);
    void charge(Nanoseconds now);

    PairingHeap<Runnable> heap_;
    Runnable* running_ = nullptr;
    Nanoseconds charged_until_ = 0; ///< The running one has paid up to here.
    Nanoseconds stint_start_ = 0;
    Nanoseconds virtual_now_ = 0; ///< Never decreases: the least vruntime among running and waiting.
    std::uint64_t next_ticket_ = 0;
};

} // namespace hv::domain
