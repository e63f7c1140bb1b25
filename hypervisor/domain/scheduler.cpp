// SPDX-License-Identifier: MIT
//
// Proportional share over a pairing heap ordered by virtual time; see domain/scheduler.hpp for what it promises.
#include "domain/scheduler.hpp"
#include "base/assert.hpp"

namespace hv::domain {

bool FairQueue::before(const Runnable& a, const Runnable& b)
{
    return a.vruntime_ != b.vruntime_ ? a.vruntime_ < b.vruntime_ : a.ticket_ < b.ticket_;
}

/// Joins two heaps; the later root becomes the first child of the earlier.
Runnable* FairQueue::meld(Runnable* a, Runnable* b)
{
    if (a == nullptr) return b;
    if (b == nullptr) return a;
    if (before(*b, *a)) std::swap(a, b);
    b->sibling_ = a->child_;
    if (b->sibling_ != nullptr) b->sibling_->back_ = b;
    b->back_ = a;
    a->child_ = b;
    return a;
}

/// Melds siblings pairwise, then the pairs from the last to the first: the amortised O(log n) of the structure.
Runnable* FairQueue::meld_children(Runnable* first)
{
    Runnable* pairs = nullptr;
    while (first != nullptr) {
        Runnable* const a = first;
        Runnable* const b = a->sibling_;
        first = b == nullptr ? nullptr : b->sibling_;
        a->sibling_ = a->back_ = nullptr;
        if (b != nullptr) b->sibling_ = b->back_ = nullptr;
        Runnable* const pair = meld(a, b);
        pair->sibling_ = pairs;
        pairs = pair;
    }
    Runnable* root = nullptr;
    while (pairs != nullptr) {
        Runnable* const next = pairs->sibling_;
        pairs->sibling_ = nullptr;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

void FairQueue::insert(Runnable& r)
{
    ASSERT(!r.queued_);
    r.child_ = r.sibling_ = r.back_ = nullptr;
    r.ticket_ = next_ticket_++;
    r.queued_ = true;
    root_ = meld(root_, &r);
}

void FairQueue::remove(Runnable& r)
{
    Runnable* const orphans = meld_children(r.child_);
    if (root_ == &r) {
        root_ = orphans;
    } else {
        (r.back_->child_ == &r ? r.back_->child_ : r.back_->sibling_) = r.sibling_;
        if (r.sibling_ != nullptr) r.sibling_->back_ = r.back_;
        root_ = meld(root_, orphans);
    }
    r.child_ = r.sibling_ = r.back_ = nullptr;
    r.queued_ = false;
}

void FairQueue::charge(Nanoseconds now)
{
    if (running_ != nullptr) {
        const Nanoseconds ran = now > charged_until_ ? now - charged_until_ : 0;
        running_->vruntime_ += ran * default_weight / running_->weight;
        charged_until_ = now;
    }
    const Runnable* least = running_;
    if (least == nullptr || (root_ != nullptr && before(*root_, *least))) least = root_;
    if (least != nullptr && least->vruntime_ > virtual_now_) virtual_now_ = least->vruntime_;
}

Nanoseconds FairQueue::wake(Runnable& r, Nanoseconds now)
{
    if (r.queued_ || running_ == &r) return no_deadline;
    charge(now);
    const Nanoseconds floor = virtual_now_ > wake_credit ? virtual_now_ - wake_credit : 0;
    if (r.vruntime_ < floor) r.vruntime_ = floor;
    insert(r);
    if (running_ == nullptr) return now;
    const bool ahead = r.vruntime_ + preempt_margin < running_->vruntime_;
    const Nanoseconds when = stint_start_ + (ahead ? min_stint : slice);
    return when > now ? when : now;
}

void FairQueue::sleep(Runnable& r, Nanoseconds now)
{
    charge(now);
    if (running_ == &r)
        running_ = nullptr;
    else if (r.queued_)
        remove(r);
}

bool FairQueue::yield(Nanoseconds now)
{
    if (running_ == nullptr || root_ == nullptr) return false;
    charge(now);
    // A later ticket at the same virtual time: everyone who waits at the front goes first, once.
    if (running_->vruntime_ < root_->vruntime_) running_->vruntime_ = root_->vruntime_;
    return true;
}

Runnable* FairQueue::pick(Nanoseconds now)
{
    charge(now);
    Runnable* const previous = running_;
    if (previous != nullptr && root_ == nullptr) {
        stint_start_ = now;
        return previous;
    }
    running_ = nullptr;
    if (previous != nullptr) insert(*previous);
    if (root_ == nullptr) return nullptr;
    running_ = root_;
    remove(*running_);
    charged_until_ = stint_start_ = now;
    return running_;
}

Nanoseconds FairQueue::deadline() const
{
    return running_ == nullptr || root_ == nullptr ? no_deadline : stint_start_ + slice;
}

} // namespace hv::domain
