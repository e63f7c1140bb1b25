// SPDX-License-Identifier: MIT
//
// One-shot timers of one CPU, kept in a pairing heap: O(1) start, O(log n) amortised stop and expiry. A timer belongs
// to the queue it was started on and is touched only by that queue's CPU.
#pragma once
#include "base/pairing_heap.hpp"
#include "base/units.hpp"

namespace hv::cpu {

class TimerQueue;

class Timer : public HeapNode<Timer> {
public:
    using Callback = void (*)(Timer&);
    constexpr explicit Timer(Callback fn) : fn_{fn} {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer();

    /// (Re)starts; @p deadline may be in the past, then it fires at the next opportunity.
    void start(TimerQueue& queue, Nanoseconds deadline);
    void stop();
    [[nodiscard]] bool active() const { return queue_ != nullptr; }
    [[nodiscard]] Nanoseconds deadline() const { return deadline_; }
    [[nodiscard]] bool before(const Timer& other) const { return deadline_ < other.deadline_; }

private:
    friend class TimerQueue;
    Callback fn_;
    TimerQueue* queue_ = nullptr;
    Nanoseconds deadline_ = 0;
};

class TimerQueue {
public:
    /// Fires everything due at @p now, in order of deadline. Callbacks may start and stop timers.
    void run(Nanoseconds now);
    [[nodiscard]] const Timer* next() const { return heap_.first(); }
    /// Does the timer hardware need a new deadline?
    [[nodiscard]] bool stale() const { return stale_; }
    void mark_stale();
    /// Programs this CPU's timer hardware for the earliest deadline.
    void program(Nanoseconds now);

private:
    friend class Timer;
    void insert(Timer& t);
    void remove(Timer& t);
    PairingHeap<Timer> heap_;
    bool stale_ = false; ///< The earliest timer is another one since program().
};

} // namespace hv::cpu
