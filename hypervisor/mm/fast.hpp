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
    return static_cast<std::uint32_t>(old >> 36) - first_valid(want) < FrameState::max_count &&
           (old & nearly_full) == 0 && f.state.compare_exchange(old, old + one_ref + one_type, Order::acq_rel);
}
/// Is it in use as @p type, and validated? Under the frame's lock.
inline bool is_valid(const Frame& f, PageType type)
{
    return static_cast<std::uint32_t>(f.state.load(Order::acquire) >> 36) - first_valid(type) < FrameState::max_count;
}
/// The level of a valid table, 0 of anything else.
inline unsigned valid_level(const Frame& f)
{
    const auto type = static_cast<PageType>(f.state.load(Order::acquire) >> 60);
    return is_table(type) && is_valid(f, type) ? static_cast<unsigned>(type) : 0;
}
/// One more writable reference to a frame that is writable or was last.
[[gnu::always_inline]] inline bool take_writable(Frame& f)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    for (;;) {
        if (((old - one_ref) & (not_writable | nearly_full)) != 0) [[unlikely]] // a borrow if there are no references
            return false;
        if (f.state.compare_exchange(old, old + one_ref + one_type, Order::acq_rel)) [[likely]]
            return true;
    }
}

/// One reference less that is not the last, nor the last as a table or descriptors. No mapping: no stamp.
inline bool drop_type(Frame& f)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    const std::uint64_t count = old & count_mask; // so many references there are at least
    return (count > one_type || (count == one_type && has_more_refs(old) && (old & not_writable) == 0)) &&
           f.state.compare_exchange(old, old - one_ref - one_type, Order::acq_rel);
}
inline bool drop_ref(Frame& f)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    return has_more_refs(old) && f.state.compare_exchange(old, old - one_ref, Order::acq_rel);
}

/// @p stamp is the owner's, who gave up a mapping. A frame that another domain had mapped declines.
[[gnu::always_inline]] inline bool drop_writable(Frame& f, FlushStamp stamp)
{
    std::uint64_t old = f.state.load(Order::relaxed);
    for (;;) {
        const std::uint64_t less = old - 2 * one_ref - one_type; // a borrow from the progress if it is the last
        if ((less & (not_writable | foreign_mark)) != 0) [[unlikely]]
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
