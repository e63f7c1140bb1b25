// SPDX-License-Identifier: MIT
//
// The common steps of the state machine in types.cpp as single additions to the state word: a frame that is writable
// already (or was last) is mapped once more or once less, and stays alive. Anything else declines, having done nothing.
#pragma once
#include "mm/frame.hpp"
#include "mm/tlb.hpp"

namespace hv::mm::fast {

inline constexpr std::uint64_t one_ref = 1ULL << 8, one_type = 1ULL << 36;
inline constexpr std::uint64_t count_mask = std::uint64_t{FrameState::max_count} << 36;
inline constexpr std::uint64_t refs_mask = std::uint64_t{FrameState::max_refs} << 8, progress_mask = 3ULL << 58;
/// Either count has reached half of its range: too close to overflow for this file.
inline constexpr std::uint64_t nearly_full = 1ULL << 35 | 1ULL << 57;
/// Type and progress: nothing but zeros in a writable frame.
inline constexpr std::uint64_t not_writable = 63ULL << 58;
static_assert(static_cast<std::uint8_t>(PageType::writable) == 0);
/// Looks at half of the references' bits, which is cheaper: may decline without need, when there are many millions.
constexpr bool has_refs(std::uint64_t state) { return (state & 0xffffff00) != 0; }
constexpr bool has_more_refs(std::uint64_t state) { return (state & 0xfffffe00) != 0; }
inline std::uint64_t stamped(std::uint64_t state, FlushStamp stamp)
{
    FrameState s = FrameState::decode(state); // becomes a move into the lowest byte
    s.epoch = stamp;
    return s.encode();
}

/// Type, progress and count of a valid frame's first use as @p type: only those with another count come next.
constexpr std::uint32_t first_valid(PageType type)
{
    return static_cast<std::uint32_t>(type) << 24 | static_cast<std::uint32_t>(Progress::valid) << 22 | 1;
}
/// One more reference as @p want, a table or descriptors, which the frame already is and valid.
inline bool take_validated(Frame& f, PageType want)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    return static_cast<std::uint32_t>(old >> 36) - first_valid(want) < FrameState::max_count / 2 &&
           (old >> 35 & 1) == 0 && f.state.compare_exchange(old, old + one_ref + one_type, Order::acq_rel);
}
/// The level of a valid table in use, 0 of anything else. Under the frame's lock.
inline unsigned valid_level(const Frame& f)
{
    const FrameState s = f.current();
    return is_table(s.type) && s.progress == Progress::valid && s.count != 0 ? static_cast<unsigned>(s.type) : 0;
}
/// What the next two add and look at.
struct Steps {
    std::uint64_t up = one_ref + one_type, up_unless = not_writable | nearly_full;
    std::uint64_t down = -2 * one_ref - one_type, down_unless = not_writable | foreign_mark;
    /// For a loop: keeps the compiler from knowing them, so that it has them at hand.
    void keep() { asm("" : "+r"(up_unless), "+r"(down_unless)); }
};
/// One more writable reference to a frame that is writable or was last.
[[gnu::always_inline]] inline bool take_writable(Frame& f, const Steps& steps = {})
{
    std::uint64_t old = f.state.load(Order::relaxed);
    for (;;) {
        if (((old - one_ref) & steps.up_unless) != 0) [[unlikely]] // a borrow if there are no references
            return false;
        if (f.state.compare_exchange(old, old + steps.up, Order::acq_rel)) [[likely]]
            return true;
    }
}

/// One reference less that is not the last, nor the last as a table or descriptors. No mapping: no stamp.
inline bool drop_type(Frame& f)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    const std::uint64_t count = old & count_mask; // so many references there are at least
    return ((old & (count_mask - one_type)) != 0 ||
            (count == one_type && has_more_refs(old) && (old & not_writable) == 0)) &&
           f.state.compare_exchange(old, old - one_ref - one_type, Order::acq_rel);
}
inline bool drop_ref(Frame& f)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    return has_more_refs(old) && f.state.compare_exchange(old, old - one_ref, Order::acq_rel);
}

/// @p stamp is the owner's, who gave up a mapping. A frame that another domain had mapped declines.
[[gnu::always_inline]] inline bool drop_writable(Frame& f, FlushStamp stamp, const Steps& steps)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    for (;;) {
        const std::uint64_t less = old + steps.down; // a borrow from the progress if it is the last
        if ((less & steps.down_unless) != 0) [[unlikely]]
            return false;
        if (f.state.compare_exchange(old, stamped(less, stamp) + one_ref, Order::acq_rel)) [[likely]]
            return true;
    }
}

[[gnu::always_inline]] inline bool take_page(Frame& f)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    do {
        if (!has_refs(old) || (old >> 35 & 1) != 0) [[unlikely]]
            return false;
    } while (!f.state.compare_exchange(old, old + one_ref, Order::acq_rel));
    return true;
}

[[gnu::always_inline]] inline bool drop_page(Frame& f, FlushStamp stamp)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    do {
        if (!has_more_refs(old) || (old & foreign_mark) != 0) [[unlikely]]
            return false;
    } while (!f.state.compare_exchange(old, stamped(old - one_ref, stamp), Order::acq_rel));
    return true;
}

} // namespace hv::mm::fast
