// SPDX-License-Identifier: MIT
//
// Pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986) over intrusive nodes; see cpu/timer.hpp for who may call.
#include "cpu/timer.hpp"
#include "arch/arch.hpp"
#include "base/assert.hpp"

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

/// Joins two heaps; either may be null. The later root becomes the first child of the earlier.
Timer* TimerQueue::meld(Timer* a, Timer* b)
{
    if (a == nullptr) return b;
    if (b == nullptr) return a;
    if (b->deadline_ < a->deadline_) {
        Timer* const t = a;
        a = b;
        b = t;
    }
    b->sibling_ = a->child_;
    if (b->sibling_ != nullptr) b->sibling_->back_ = b;
    b->back_ = a;
    a->child_ = b;
    return a;
}

/// Two-pass melding of a sibling list into one heap, without recursion: pair left to right, then fold right to left.
Timer* TimerQueue::meld_children(Timer* first)
{
    Timer* pairs = nullptr; // singly linked through sibling_, last pair first
    while (first != nullptr) {
        Timer* const a = first;
        Timer* const b = a->sibling_;
        first = b == nullptr ? nullptr : b->sibling_;
        a->sibling_ = a->back_ = nullptr;
        if (b != nullptr) b->sibling_ = b->back_ = nullptr;
        Timer* const m = meld(a, b);
        m->sibling_ = pairs;
        pairs = m;
    }
    Timer* root = nullptr;
    while (pairs != nullptr) {
        Timer* const next = pairs->sibling_;
        pairs->sibling_ = nullptr;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

void TimerQueue::insert(Timer& t)
{
    t.child_ = t.sibling_ = t.back_ = nullptr;
    root_ = meld(root_, &t);
    if (root_ == &t) stale_ = true;
}

void TimerQueue::remove(Timer& t)
{
    Timer* const orphans = meld_children(t.child_);
    if (root_ == &t) {
        stale_ = true;
        root_ = orphans;
    } else {
        (t.back_->child_ == &t ? t.back_->child_ : t.back_->sibling_) = t.sibling_;
        if (t.sibling_ != nullptr) t.sibling_->back_ = t.back_;
        root_ = meld(root_, orphans);
    }
    t.child_ = t.sibling_ = t.back_ = nullptr;
}

void TimerQueue::run(Nanoseconds now)
{
    while (root_ != nullptr && root_->deadline_ <= now) {
        Timer& due = *root_;
        due.stop();
        due.fn_(due);
    }
}

void TimerQueue::program(Nanoseconds now)
{
    stale_ = false;
    if (root_ == nullptr)
        arch::disarm_timer();
    else
        arch::arm_timer(root_->deadline_ > now ? root_->deadline_ - now : 0);
}

} // namespace hv::cpu
