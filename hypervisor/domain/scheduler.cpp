// SPDX-License-Identifier: MIT
//
// Proportional share over a skew heap ordered by virtual time; see domain/scheduler.hpp for what it promises.
//
// A cap's token bucket is kept as the time at which it will be full (the generic cell rate algorithm): running for t
// moves that time by t * 100 / cap, time itself refills, and it is empty once that time is a window away. Over a cycle
// from full to full one thus runs exactly cap percent, whenever in between it was stopped.
#include "domain/scheduler.hpp"
#include "base/assert.hpp"

namespace hv::domain {
namespace {

/// Credit that would last no longer than this is not worth a switch.
constexpr Nanoseconds cap_slack = 10'000;

bool is_ahead(Nanoseconds a, Nanoseconds b) { return static_cast<std::int64_t>(a - b) < 0; }
Nanoseconds earlier(Nanoseconds a, Nanoseconds b) { return a < b ? a : b; }
Nanoseconds later(Nanoseconds a, Nanoseconds b) { return a < b ? b : a; }

} // namespace

bool Runnable::before(const Runnable& other) const
{
    if (state_ == State::throttled) return full_at_ < other.full_at_;
    return vruntime_ != other.vruntime_ ? is_ahead(vruntime_, other.vruntime_) : ticket_ < other.ticket_;
}

bool FairQueue::exhausted(const Runnable& r) const { return r.capped() && r.full_at_ + cap_slack >= now_ + cap_window; }

inline void FairQueue::leave(Runnable& r)
{
    ASSERT(r.home_ == this);
    if (running_ == &r)
        running_ = nullptr;
    else
        (r.queued() ? heap_ : throttled_).remove(r);
    if (r.state_ != Runnable::State::throttled) --load_;
    r.state_ = Runnable::State::away;
    r.home_ = nullptr;
}

[[gnu::always_inline]] inline void FairQueue::charge(Nanoseconds now)
{
    if (now <= now_) return;
    Runnable *const r = running_, *const first = heap_.first();
    if (r != nullptr) {
        Nanoseconds ran = now - now_;
        if (((r->weight ^ default_weight) | r->cap) != 0) [[unlikely]] {
            if (r->capped()) r->full_at_ = later(r->full_at_, now_) + ran * 100 / r->cap;
            ran = ran * default_weight / r->weight;
        }
        r->vruntime_ += ran;
    }
    now_ = now;
    const Runnable* const least =
        r == nullptr || (first != nullptr && is_ahead(first->vruntime_, r->vruntime_)) ? first : r;
    if (least != nullptr && is_ahead(virtual_now_, least->vruntime_)) virtual_now_ = least->vruntime_;
}

/// To the waiting ones; false: to the throttled ones.
[[gnu::always_inline]] inline bool FairQueue::enter(Runnable& r)
{
    ASSERT(r.home_ == nullptr);
    if (r.detached_) r.vruntime_ += virtual_now_;
    r.detached_ = false;
    // One with a cap gets its bucket's worth as soon as it is full, or it loses part of the cap.
    const Nanoseconds floor = virtual_now_ - (r.capped() ? slice : wake_credit);
    if (is_ahead(r.vruntime_, floor)) r.vruntime_ = floor;
    r.home_ = this;
    if (exhausted(r)) {
        r.state_ = Runnable::State::throttled;
        throttled_.insert(r);
        return false;
    }
    r.state_ = Runnable::State::waiting;
    r.ticket_ = next_ticket_++;
    heap_.insert(r);
    ++load_;
    return true;
}

/// Where it belongs now.
[[gnu::noinline]] void FairQueue::reenter(Runnable& r)
{
    leave(r);
    enter(r);
}

Nanoseconds FairQueue::wake(Runnable& r, Nanoseconds now)
{
    if (contains(r)) return no_deadline;
    charge(now);
    if (!enter(r)) return later(now, deadline());
    if (running_ == nullptr) return now;
    return later(now, stint_end(r));
}

/// How long the running one may go on while @p r waits.
Nanoseconds FairQueue::stint_end(const Runnable& r) const
{
    const bool ahead = is_ahead(r.vruntime_ + preempt_margin, running_->vruntime_);
    return stint_start_ + (ahead ? min_stint : slice);
}

void FairQueue::sleep(Runnable& r, Nanoseconds now)
{
    charge(now);
    if (contains(r)) leave(r);
}

bool FairQueue::yield(Nanoseconds now)
{
    if (running_ == nullptr || !waiting()) return false;
    charge(now);
    // A later ticket at the same virtual time: everyone who waits at the front goes first, once.
    if (is_ahead(running_->vruntime_, heap_.first()->vruntime_)) running_->vruntime_ = heap_.first()->vruntime_;
    return true;
}

Runnable* FairQueue::pick(Nanoseconds now)
{
    charge(now);
    if (running_ != nullptr) reenter(*running_);
    for (Runnable* r = throttled_.first(); r != nullptr && r->full_at_ <= now_; r = throttled_.first())
        reenter(*r);
    if (!waiting()) return nullptr;
    Runnable& next = heap_.pop();
    next.state_ = Runnable::State::running;
    stint_start_ = now_;
    return running_ = &next;
}

void FairQueue::settle(Nanoseconds now) { charge(now); }

void FairQueue::set_share(Runnable& r, std::uint32_t weight, std::uint32_t cap)
{
    ASSERT(weight != 0);
    // What it is ahead of the others it has run under the old weight.
    const Nanoseconds base = r.detached_ ? 0 : virtual_now_;
    if (is_ahead(base, r.vruntime_)) r.vruntime_ = base + (r.vruntime_ - base) * r.weight / weight;
    r.weight = weight;
    r.cap = cap;
    if (contains(r) && running_ != &r) reenter(r);
}

void FairQueue::evict(Runnable& r)
{
    leave(r);
    detach(r);
}

void FairQueue::detach(Runnable& r)
{
    ASSERT(r.home_ == nullptr);
    if (!r.detached_) r.vruntime_ -= virtual_now_;
    r.detached_ = true;
}

Nanoseconds FairQueue::next_deadline() const
{
    if (running_ == nullptr) return next_release();
    Nanoseconds when = waiting() ? stint_end(*heap_.first()) : no_deadline;
    if (running_->capped()) when = earlier(when, exhaustion());
    if (throttled_.first() != nullptr) when = earlier(when, later(next_release(), stint_start_ + min_stint));
    return when;
}

/// When the running one's bucket will be empty; it has a cap.
Nanoseconds FairQueue::exhaustion() const
{
    const Runnable& r = *running_;
    const Nanoseconds used = r.full_at_ > now_ ? r.full_at_ - now_ : 0;
    return used < cap_window ? now_ + (cap_window - used) * r.cap / (100 - r.cap) : now_;
}

Nanoseconds FairQueue::next_release() const
{
    return throttled_.first() != nullptr ? throttled_.first()->full_at_ : no_deadline;
}

} // namespace hv::domain
