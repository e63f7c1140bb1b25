// SPDX-License-Identifier: MIT
//
// Who runs next on one CPU: proportional share by virtual time, caps by token bucket. The policy owns no clock, timer
// or lock, so that tests can drive it with a simulated clock; domain/run_queues.cpp is its only caller on a machine,
// under the CPU's run lock. Guarantees: shares follow weights; among equals a waiter gets the CPU within (waiters + 1)
// slices, and a waker's credit for each; a sleeper gains at most that credit; nobody exceeds its cap; O(log n)
// amortised.
#pragma once
#include "base/skew_heap.hpp"
#include "base/units.hpp"

namespace hv::domain {

class FairQueue;
inline constexpr std::uint32_t default_weight = 256;

/// What the scheduler knows of a vCPU. Belongs to at most one queue; the queue's lock guards it.
class Runnable : public HeapNode<Runnable> {
public:
    std::uint32_t weight = default_weight; ///< Not 0. Both change through FairQueue::set_share() once it was awake.
    std::uint32_t cap = 0;                 ///< Percent of one CPU; 0 or 100 and more: none.
    [[nodiscard]] bool queued() const { return state_ == State::waiting; }
    [[nodiscard]] bool before(const Runnable& other) const; ///< Of two in the same heap.

private:
    friend class FairQueue;
    enum class State : std::uint8_t { away, waiting, running, throttled };
    [[nodiscard]] bool capped() const { return cap != 0 && cap < 100; }

    Nanoseconds vruntime_ = 0;        ///< Wraps; only differences count.
    Nanoseconds full_at_ = 0;         ///< When its bucket is full again if it does not run.
    std::uint64_t ticket_ = 0;        ///< Order of arrival, breaks ties.
    const FairQueue* home_ = nullptr; ///< The queue that has it; null: away.
    State state_ = State::away;
    bool detached_ = false; ///< vruntime_ is relative to the virtual time of whichever queue it enters next.
};

class FairQueue {
public:
    static constexpr Nanoseconds slice = 8'000'000;   ///< Longest stint while others wait.
    static constexpr Nanoseconds min_stint = 200'000; ///< A wakeup preempts no earlier than this.
    static constexpr Nanoseconds wake_credit =
        2'000'000; ///< Advantage of a sleeper over the queue; a slice if it has a cap.
    static constexpr Nanoseconds preempt_margin = 500'000; ///< A waker must be behind by this to preempt.
    static constexpr Nanoseconds cap_window = 20'000'000;  ///< A full bucket is what a cap allows in this time.
    static constexpr Nanoseconds no_deadline = ~0ULL;
    static constexpr unsigned take_search = 64; ///< take() looks at no more waiters.

    /// @p r became runnable (and does not run). One that another queue's take() or detach() let go continues here, as
    /// far behind or ahead of the others as it was there. Returns when the running one should be looked at again:
    /// @p now = preempt at once; `no_deadline` = it may run on.
    Nanoseconds wake(Runnable& r, Nanoseconds now);
    /// @p r is no longer runnable, whether it waits, runs or is throttled.
    void sleep(Runnable& r, Nanoseconds now);
    /// The running one gives the CPU away once, if anyone waits. True if someone does.
    bool yield(Nanoseconds now);
    /// Charges the running one, requeues it if it is still runnable, and takes the next; null = idle.
    Runnable* pick(Nanoseconds now);
    /// When to pick again: the slice ends, the running one's cap is used up, or a throttled one may go on.
    [[nodiscard]] Nanoseconds deadline() const
    {
        const bool endless = running_ != nullptr && !waiting() && throttled_.first() == nullptr && !running_->capped();
        return endless ? no_deadline : next_deadline();
    }
    [[nodiscard]] Runnable* running() const { return running_; }
    [[nodiscard]] bool waiting() const { return heap_.first() != nullptr; }
    /// Charges the running one up to @p now; before anyone's share changes.
    void settle(Nanoseconds now);
    /// After settle(). @p r is here or away; pick() soon if it is here.
    void set_share(Runnable& r, std::uint32_t weight, std::uint32_t cap);

    /// Does @p r run, wait, or is throttled here?
    [[nodiscard]] bool contains(const Runnable& r) const { return r.home_ == this; }
    [[nodiscard]] unsigned load() const { return load_; } ///< Running and waiting ones.

    /// Removes the waiting one with the least virtual time that is @p allowed, for wake() on another queue; may be
    /// null.
    template <typename F> Runnable* take(F&& allowed, Nanoseconds now)
    {
        settle(now);
        Runnable* const r = heap_.find(allowed, take_search);
        if (r != nullptr) evict(*r);
        return r;
    }
    /// A sleeper of this queue will wake on another: as take() leaves it.
    void detach(Runnable& r);

private:
    inline bool enter(Runnable& r);
    inline void charge(Nanoseconds now);
    void reenter(Runnable& r);
    void evict(Runnable& r);
    inline void leave(Runnable& r);
    [[nodiscard]] bool exhausted(const Runnable& r) const;
    [[nodiscard]] Nanoseconds next_deadline() const;
    [[nodiscard]] Nanoseconds exhaustion() const;
    [[nodiscard]] Nanoseconds stint_end(const Runnable& r) const;
    [[nodiscard]] Nanoseconds next_release() const;

    SkewHeap<Runnable> heap_;      ///< Waiting, by virtual time.
    SkewHeap<Runnable> throttled_; ///< By time of release.
    Runnable* running_ = nullptr;
    Nanoseconds now_ = 0; ///< The running one has paid up to here.
    Nanoseconds stint_start_ = 0;
    Nanoseconds virtual_now_ = 0; ///< Never decreases: the least vruntime among running and waiting.
    std::uint64_t next_ticket_ = 0;
    unsigned load_ = 0;
};

} // namespace hv::domain
