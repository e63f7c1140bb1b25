// SPDX-License-Identifier: MIT
//
// The common steps of the state machine in types.cpp as single additions to the state word: a frame that is writable
// already (or was last) is mapped once more or once less, and stays alive. Anything else declines, having done nothing.
#pragma once
#include "mm/frame.hpp"
#include "mm/tlb.hpp"

namespace hv::mm::fast {

inline constexpr std::uint64_t one_ref = 1ULL << 8, one_type = 1ULL << 36;
inline constexpr std::uint64_t refs_mask = std::uint64_t{FrameState::max_refs} << 8;
inline constexpr std::uint64_t count_mask = std::uint64_t{FrameState::max_count} << 36;
/// Either count has reached half of its range: too close to overflow for this file.
inline constexpr std::uint64_t nearly_full = 1ULL << 35 | 1ULL << 57;
/// Type and progress of a writable frame.
inline constexpr std::uint64_t writable_top = std::uint64_t{static_cast<std::uint8_t>(PageType::writable)} << 2;
static_assert(FrameState{PageType::writable, Progress::none, 1, 1, 0}.encode() ==
              (writable_top << 58 | one_type | one_ref));

/// One more reference as @p want, which the frame already is: valid, or writable (or was last).
inline bool take_type(Frame& f, PageType want)
{
    const bool writable = want == PageType::writable;
    const std::uint64_t top =
        writable ? writable_top : static_cast<std::uint64_t>(want) << 2 | static_cast<std::uint64_t>(Progress::valid);
    std::uint64_t old = f.state.load(Order::relaxed);
    do
        if (old >> 58 != top || (old & refs_mask) == 0 || (old & nearly_full) != 0 ||
            (!writable && (old & count_mask) == 0))
            return false;
    while (!f.state.compare_exchange(old, old + one_ref + one_type, Order::acq_rel));
    return true;
}
inline bool take_writable(Frame& f) { return take_type(f, PageType::writable); }

/// One reference less that is not the last, nor the last as a table or descriptors. No mapping: no stamp.
inline bool drop_type(Frame& f)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    do {
        const std::uint64_t count = old & count_mask;
        if ((old & refs_mask) <= one_ref || count == 0 || (count == one_type && old >> 58 != writable_top))
            return false;
    } while (!f.state.compare_exchange(old, old - one_ref - one_type, Order::acq_rel));
    return true;
}
inline bool drop_ref(Frame& f)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    do
        if ((old & refs_mask) <= one_ref) return false;
    while (!f.state.compare_exchange(old, old - one_ref, Order::acq_rel));
    return true;
}

/// @p stamp is the owner's, who gave up a mapping. A frame that another domain had mapped declines.
inline bool drop_writable(Frame& f, FlushStamp stamp)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    for (;;) {
        if (old >> 58 != writable_top || (old & refs_mask) <= one_ref || (old & count_mask) == 0) return false;
        if ((old & foreign_mark) != 0) return false;
        const std::uint64_t next = ((old - one_ref - one_type) & ~0xffULL) | stamp;
        if (f.state.compare_exchange(old, next, Order::acq_rel)) return true;
    }
}

inline bool take_page(Frame& f)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    do
        if ((old & refs_mask) == 0 || (old & nearly_full) != 0) return false;
    while (!f.state.compare_exchange(old, old + one_ref, Order::acq_rel));
    return true;
}

inline bool drop_page(Frame& f, FlushStamp stamp)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    do
        if ((old & refs_mask) <= one_ref || (old & foreign_mark) != 0) return false;
    while (!f.state.compare_exchange(old, ((old - one_ref) & ~0xffULL) | stamp, Order::acq_rel));
    return true;
}

} // namespace hv::mm::fast
