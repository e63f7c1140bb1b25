// SPDX-License-Identifier: MIT
//
// One-shot timers of one CPU, kept in a skew heap: start, stop and expiry are O(log n) amortised. A timer belongs
// to the queue it was started on and fires on that queue's CPU; any CPU may start it there or stop it. Rank timer.
#pragma once
#include "base/atomic.hpp"
#include "base/skew_heap.hpp"
#include "base/units.hpp"
#include "cpu/lock.hpp"

namespace hv::cpu {

class TimerQueue;

class Timer : public HeapNode<Timer> {
public:
    using Callback = void (*)(Timer&);
    constexpr explicit Timer(Callback fn) : fn_{fn} {}
    Timer& operator=(Timer&&) = delete;
    ~Timer() { stop(); }

    /// (Re)starts; @p deadline may be in the past, then it fires at the next opportunity. Another CPU that must program
    /// its hardware for it is told.
    void start(TimerQueue& queue, Nanoseconds deadline);
    /// The callback may still be under way on another CPU.
    void stop();
    /// As stop(), and no callback is under way on return. Not from the callback; no lock held that it takes.
    void finish();
    [[nodiscard]] bool active() const { return queue_.load(Order::acquire) != nullptr; }
    [[nodiscard]] Nanoseconds deadline() const { return deadline_.load(Order::relaxed); } ///< As started last.
    [[nodiscard]] bool before(const Timer& other) const { return deadline() < other.deadline(); }

private:
    friend class TimerQueue;
    Callback fn_;
    Atomic<TimerQueue*> queue_; ///< Changes under the queue's lock, as the next two; null: not active.
    Atomic<TimerQueue*> last_;  ///< Where it was started last.
    Atomic<Nanoseconds> deadline_;
};

struct PerCpu;

class TimerQueue {
public:
    /// From now on @p cpu, whose queue this is, is told when its hardware needs another deadline.
    void serve(PerCpu& cpu) { owner_ = &cpu; }
    /// Fires everything due at @p now, in order of deadline, without the lock. Callbacks may start and stop timers.
    void run(Nanoseconds now);
    static constexpr Nanoseconds none = ~0ULL;
    /// The earliest deadline, or none.
    [[nodiscard]] Nanoseconds earliest();
    /// Does the timer hardware need a new deadline?
    [[nodiscard]] bool stale() const { return stale_.load(Order::relaxed) != 0; }
    void mark_stale();
    /// Programs this CPU's timer hardware for the earliest deadline.
    void program(Nanoseconds now);

private:
    friend class Timer;
    Timer* take_due(Nanoseconds now);
    SpinLock lock_{Rank::timer};
    SkewHeap<Timer> heap_;       ///< Guarded by lock_.
    Atomic<std::uint8_t> stale_; ///< The earliest timer is another one since program().
    PerCpu* owner_ = nullptr;
    Atomic<const Timer*> firing_; ///< Whose callback runs.
};

} // namespace hv::cpu
