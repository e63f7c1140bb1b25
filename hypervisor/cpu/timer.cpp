// SPDX-License-Identifier: MIT
//
// See cpu/timer.hpp for who may call.
#include "cpu/timer.hpp"
#include "arch/arch.hpp"
#include "cpu/percpu.hpp"

namespace hv::cpu {

void Timer::start(TimerQueue& queue, Nanoseconds deadline)
{
    for (;;) {
        stop();
        const Guard guard{queue.lock_};
        TimerQueue* none = nullptr;
        if (!queue_.compare_exchange(none, &queue, Order::acq_rel)) continue; // somebody else was quicker
        deadline_.store(deadline, Order::relaxed);
        last_.store(&queue, Order::relaxed);
        queue.heap_.insert(*this);
        if (queue.heap_.first() == this) queue.mark_stale();
        return;
    }
}

void Timer::stop()
{
    for (TimerQueue* q = queue_.load(Order::acquire); q != nullptr; q = queue_.load(Order::acquire)) {
        const Guard guard{q->lock_};
        if (queue_.load(Order::relaxed) != q) continue;
        if (q->heap_.first() == this) q->mark_stale();
        q->heap_.remove(*this);
        queue_.store(nullptr, Order::release);
        return;
    }
}

void Timer::finish()
{
    do {
        stop();
        const TimerQueue* const last = last_.load(Order::relaxed);
        while (last != nullptr && last->firing_.load(Order::acquire) == this)
            arch::relax();
    } while (active()); // the callback started it again
}

void TimerQueue::mark_stale()
{
    stale_.store(1, Order::relaxed);
    if (owner_ != nullptr) raise_on(owner_->id, Softirq::timer_hardware);
}

Timer* TimerQueue::take_due(Nanoseconds now)
{
    const Guard guard{lock_};
    Timer* const due = heap_.first();
    if (due == nullptr || due->deadline() > now) return nullptr;
    heap_.remove(*due);
    mark_stale();
    firing_.store(due, Order::relaxed);
    due->queue_.store(nullptr, Order::release);
    return due;
}

void TimerQueue::run(Nanoseconds now)
{
    for (Timer* due = take_due(now); due != nullptr; due = take_due(now)) {
        due->fn_(*due);
        firing_.store(nullptr, Order::release); // the callback may have freed it
    }
}

Nanoseconds TimerQueue::earliest()
{
    const Guard guard{lock_};
    return heap_.first() == nullptr ? none : heap_.first()->deadline();
}

void TimerQueue::program(Nanoseconds now)
{
    stale_.store(0, Order::relaxed); // before the look: a start after it marks again
    const Nanoseconds next = earliest();
    if (next == none) return arch::disarm_timer();
    arch::arm_timer(next > now ? next - now : 0);
}

} // namespace hv::cpu
