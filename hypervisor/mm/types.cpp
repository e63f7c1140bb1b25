// SPDX-License-Identifier: MIT
//
// The state machine of a frame's type. none -> (validating ->) valid -> (devalidating ->) none. The claim comes first,
// then the flush that the change of type owes, then the look at the contents: nobody can write what is being checked.
// One compare-exchange a step; contents of tables change only under the frame's lock bit. Any CPU.
#include "mm/types.hpp"
#include "arch/arch.hpp"
#include "mm/fast.hpp"
#include "mm/tlb.hpp"

namespace hv::mm {

namespace {

constexpr bool needs_validation(PageType t) { return is_table(t) || t == PageType::segment_descriptors; }
constexpr unsigned level_of(PageType t) { return static_cast<unsigned>(t); }

/// It is not destroyed while frames name it.
MemoryOwner& owner_object(Mfn m)
{
    MemoryOwner* const owner = find_owner(owner_of(frame(m)));
    ASSERT(owner != nullptr);
    return *owner;
}

bool swap_state(Frame& f, std::uint64_t& old, const FrameState& next)
{
    return f.state.compare_exchange(old, next.encode(), Order::acq_rel);
}

/// Only the holder of the lock and the only reference may: changes progress without touching the counts.
void set_progress(Frame& f, Progress p)
{
    change_state(f, [=](FrameState& s) { s.progress = p; });
}

/// The last type reference of a frame goes, with its plain reference.
void drop_last(Mfn m)
{
    const MemoryOwner& owner = owner_object(m);
    Frame& f = frame(m);
    std::uint64_t old = f.state.load(Order::relaxed), next = 0;
    do {
        ASSERT((old & fast::count_mask) == fast::one_type);
        next = (old & ~fast::progress_mask) - fast::one_ref - fast::one_type;
        next = fast::stamped(next, merged_stamp(old & 0xff, owner.id(), owner));
    } while (!f.state.compare_exchange(old, next, Order::acq_rel));
    unlock_frame(f, 0);
    if ((next & fast::refs_mask) == 0) return_domain_frame(m);
}

/// Locked, progress devalidating. Unlocks.
Result<> continue_release(Mfn m, unsigned level, Work& work)
{
    const Result<> r = release_entries(m, level, work);
    r.ok() ? drop_last(m) : unlock_frame(m, 0);
    return r;
}

/// Locked, progress validating, our claim. Unlocks. On failure the claim is gone (or parked for taking apart).
Result<> continue_validation(Mfn m, PageType type, const MemoryOwner& owner, Work& work)
{
    const Result<> r = type == PageType::segment_descriptors ? validate_descriptors(m)
                                                             : validate_entries(m, level_of(type), owner, work);
    if (r.ok() || r.error() == Error::restart) {
        if (r.ok()) set_progress(frame(m), Progress::valid);
        unlock_frame(m, 0);
        return r;
    }
    if (type == PageType::segment_descriptors) {
        drop_last(m);
        return r;
    }
    set_progress(frame(m), Progress::devalidating);
    unlock_frame(m, 0);
    drop_type(m, work);
    return r;
}

/// The first reference of a type that needs validation.
Result<> claim(Mfn m, PageType want, const MemoryOwner& owner, Work& work)
{
    Frame& f = *TRY(lock_frame(m, owner.id(), IfTaken::restart));
    const auto type = static_cast<std::uint64_t>(want);
    std::uint64_t old = f.state.load(Order::relaxed), next = 0;
    do {
        const std::uint64_t refs = old & fast::refs_mask;
        if (refs == 0 || refs == fast::refs_mask || (old & fast::count_mask) != 0) {
            unlock_frame(f, 0);
            return Error::restart; // changed under us: look again
        }
        next = (type << 2 | static_cast<std::uint64_t>(Progress::validating)) << 58;
        next |= (old & (fast::refs_mask | 0xff)) + fast::one_ref + fast::one_type;
    } while (!f.state.compare_exchange(old, next, Order::acq_rel));
    record_progress(m, 0, 0);
    if (change_needs_flush(static_cast<PageType>(old >> 60), want)) flush_for(old & 0xff, owner_object(m));
    return continue_validation(m, want, owner, work);
}

/// A claim that was parked half-way is taken over; one that somebody works on right now is waited for.
Result<> join(Mfn m, PageType want, const MemoryOwner& owner, Work& work)
{
    const FrameState s = TRY(lock_frame(m, owner.id(), IfTaken::restart))->current();
    if (s.count == 0 || s.type != want || s.progress != Progress::validating) {
        unlock_frame(m, 0);
        return Error::restart;
    }
    return continue_validation(m, want, owner, work);
}

} // namespace

Result<Frame*> lock_frame_slow(Frame& f, DomainId owner, IfTaken what)
{
    std::uint64_t old = f.info.load(Order::relaxed);
    while (static_cast<std::uint16_t>(old) == owner.raw()) {
        if ((old & FrameInfo::locked_bit) == 0 &&
            f.info.compare_exchange(old, old | FrameInfo::locked_bit, Order::acquire))
            return &f;
        if (what == IfTaken::restart) return Error::restart;
        arch::relax();
        old = f.info.load(Order::relaxed);
    }
    return Error::einval;
}

[[gnu::noinline]] static Result<> get_type_slow(Frame& f, Mfn m, PageType want, const MemoryOwner& owner, Work& work)
{
    std::uint64_t old = f.state.load(Order::acquire);
    for (;;) {
        FrameState s = FrameState::decode(old);
        if (s.refs == 0 || s.refs == FrameState::max_refs || s.count == FrameState::max_count) return Error::einval;
        if (owner_of(f) != owner.id()) return Error::einval;
        const bool first = s.count == 0;
        if (!first && s.type != want) return Error::einval;
        if (needs_validation(want) && (first || s.progress != Progress::valid))
            return first ? claim(m, want, owner, work) : join(m, want, owner, work);
        // Before it is writable: from then on others take it without asking. Who makes it a table again meanwhile, and
        // drops that, leaves another stamp.
        if (first && change_needs_flush(s.type, want)) flush_for(s.epoch, *find_owner(owner.id()));
        s.type = want;
        ++s.count;
        ++s.refs;
        if (!swap_state(f, old, s)) continue;
        if (owner_of(f) == owner.id()) return Ok{};
        drop_type(m, work);
        return Error::einval;
    }
}

Result<> get_type(Mfn m, PageType want, const MemoryOwner& owner, Work& work)
{
    if (m >= frame_table_end()) return Error::einval;
    Frame& f = frame(m);
    if (owner_of(f) != owner.id() || owner.dying()) return Error::einval;
    if (!(want == PageType::writable ? fast::take_writable(f) : fast::take_validated(f, want))) [[unlikely]]
        return get_type_slow(f, m, want, owner, work);
    if (owner_of(f) == owner.id()) [[likely]]
        return Ok{};
    drop_type(m, work); // it changed hands in between
    return Error::einval;
}

void note_mapping_gone(Mfn m, const MemoryOwner& mapper)
{
    Frame& f = frame(m);
    change_state(f, [&](FrameState& s) { s.epoch = merged_stamp(s.epoch, owner_of(f), mapper); });
}

void demote_writable(Mfn m, const MemoryOwner& mapper)
{
    note_mapping_gone(m, mapper);
    change_state(frame(m), [](FrameState& s) {
        ASSERT(s.type == PageType::writable && s.count != 0);
        --s.count;
    });
}

[[gnu::noinline]] static Result<> put_type_slow(Frame& f, Mfn m, Work& work)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    for (;;) {
        FrameState s = FrameState::decode(old);
        ASSERT(s.count != 0 && s.refs >= s.count);
        const bool last_table = s.count == 1 && is_table(s.type);
        if (!last_table) {
            --s.refs;
            if (--s.count == 0) s.progress = Progress::none;
            if (!swap_state(f, old, s)) continue;
            if (s.refs == 0) return_domain_frame(m);
            return Ok{};
        }
        const bool locked = lock_frame(m, owner_of(f)).ok();
        ASSERT(locked); // a referenced frame does not change hands
        old = f.state.load(Order::acquire);
        s = FrameState::decode(old);
        const bool begins = s.progress == Progress::valid;
        if (begins) s.progress = Progress::devalidating;
        if (s.count != 1 || (begins && !swap_state(f, old, s))) {
            unlock_frame(m, 0);
            continue;
        }
        return continue_release(m, level_of(s.type), work);
    }
}

Result<> put_type(Mfn m, Work& work)
{
    if (fast::drop_type(frame(m))) [[likely]]
        return Ok{};
    return put_type_slow(frame(m), m, work);
}

void abandon_validation(Mfn m, Work& work)
{
    if (frame(m).current().progress != Progress::validating || !lock_frame(m, owner_of(frame(m))).ok()) return;
    const bool parked = frame(m).current().progress == Progress::validating;
    if (parked) set_progress(frame(m), Progress::devalidating);
    unlock_frame(m, 0);
    if (parked) drop_type(m, work);
}

} // namespace hv::mm
