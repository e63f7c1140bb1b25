// SPDX-License-Identifier: MIT
//
// Proportional share over a pairing heap ordered by virtual time; see domain/scheduler.hpp for what it promises.
#include "domain/scheduler.hpp"
#include "base/assert.hpp"

namespace hv::domain {

bool Runnable::before(const Runnable& other) const
{
    return vruntime_ != other.vruntime_ ? vruntime_ < other.vruntime_ : ticket_ < other.ticket_;
}

void FairQueue::insert(Runnable& r)
{
    ASSERT(!r.queued_);
    r.ticket_ = next_ticket_++;
    r.queued_ = true;
    heap_.insert(r);
}

void FairQueue::remove(Runnable& r)
{
    heap_.remove(r);
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
    if (least == nullptr || (waiting() && heap_.first()->before(*least))) least = heap_.first();
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
    if (running_ == nullptr || !waiting()) return false;
    charge(now);
    // A later ticket at the same virtual time: everyone who waits at the front goes first, once.
    if (running_->vruntime_ < heap_.first()->vruntime_) running_->vruntime_ = heap_.first()->vruntime_;
    return true;
}

Runnable* FairQueue::pick(Nanoseconds now)
{
    charge(now);
    Runnable* const previous = running_;
    if (previous != nullptr && !waiting()) {
        stint_start_ = now;
        return previous;
    }
    running_ = nullptr;
    if (previous != nullptr) insert(*previous);
    if (!waiting()) return nullptr;
    running_ = heap_.first();
    remove(*running_);
    charged_until_ = stint_start_ = now;
    return running_;
}

Nanoseconds FairQueue::deadline() const
{
    return running_ == nullptr || !waiting() ? no_deadline : stint_start_ + slice;
}

} // namespace hv::domain
