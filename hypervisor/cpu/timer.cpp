// SPDX-License-Identifier: MIT
//
// See cpu/timer.hpp for who may call.
#include "cpu/timer.hpp"
#include "arch/arch.hpp"
#include "base/assert.hpp"
#include "cpu/percpu.hpp"

namespace hv::cpu {

Timer::~Timer() { stop(); }

void Timer::start(TimerQueue& queue, Nanoseconds deadline)
{
    stop();
    deadline_ = deadline;
    queue_ = &queue;
    queue.insert(*this);
}

void Timer::stop()
{
    if (queue_ == nullptr) return;
    queue_->remove(*this);
    queue_ = nullptr;
}

void TimerQueue::mark_stale()
{
    stale_ = true;
    if (&this_cpu().timers == this) raise(Softirq::timer_hardware);
}

void TimerQueue::insert(Timer& t)
{
    heap_.insert(t);
    if (heap_.first() == &t) mark_stale();
}

void TimerQueue::remove(Timer& t)
{
    if (heap_.first() == &t) mark_stale();
    heap_.remove(t);
}

void TimerQueue::run(Nanoseconds now)
{
    while (heap_.first() != nullptr && heap_.first()->deadline_ <= now) {
        Timer& due = *heap_.first();
        due.stop();
        due.fn_(due);
    }
}

void TimerQueue::program(Nanoseconds now)
{
    stale_ = false;
    if (next() == nullptr)
        arch::disarm_timer();
    else
        arch::arm_timer(next()->deadline_ > now ? next()->deadline_ - now : 0);
}

} // namespace hv::cpu
