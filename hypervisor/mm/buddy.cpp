// SPDX-License-Identifier: MIT
//
// See buddy.hpp. Under the allocator's lock.
#include "mm/buddy.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"
#include <bit>

namespace hv::mm {

namespace {

constexpr unsigned zones = 41;
struct Links {
    std::uint64_t next, prev; ///< Mfn + 1; 0 = none.
};

std::uint64_t heads[zones][max_order + 1]; ///< Mfn + 1; 0 = empty.
std::uint32_t filled[zones];               ///< Bit n: order n is not empty.
Atomic<std::uint64_t> free_count;          ///< Frames in blocks; may be read without the lock.

unsigned zone_of(Mfn first, unsigned order)
{
    return static_cast<unsigned>(std::bit_width(first.raw() + (1ULL << order) - 1));
}

void set_head(Mfn m, unsigned order, bool head)
{
    change_info(frame(m), [=](FrameInfo& i) {
        i.free_head = head;
        i.order = order;
    });
}

void link(Mfn first, unsigned order)
{
    const unsigned zone = zone_of(first, order);
    std::uint64_t& head = heads[zone][order];
    FrameWindow<Links>{first}[0] = {head, 0};
    if (head != 0) FrameWindow<Links>{Mfn{head - 1}}[0].prev = first.raw() + 1;
    head = first.raw() + 1;
    filled[zone] |= 1U << order;
    set_head(first, order, true);
}

void unlink(Mfn first, unsigned order)
{
    const unsigned zone = zone_of(first, order);
    const Links links = FrameWindow<Links>{first}[0];
    (links.prev == 0 ? heads[zone][order] : FrameWindow<Links>{Mfn{links.prev - 1}}[0].next) = links.next;
    if (links.next != 0) FrameWindow<Links>{Mfn{links.next - 1}}[0].prev = links.prev;
    if (heads[zone][order] == 0) filled[zone] &= ~(1U << order);
    set_head(first, order, false);
}

} // namespace

Result<Mfn> take_block(unsigned order, unsigned bits)
{
    for (unsigned zone = bits == 0 || bits >= zones ? zones - 1 : bits; zone + 1 > 0; --zone) {
        const std::uint32_t fits = filled[zone] >> order << order;
        if (fits == 0) continue;
        auto have = static_cast<unsigned>(std::countr_zero(fits));
        const Mfn first{heads[zone][have] - 1};
        unlink(first, have);
        while (have > order) {
            --have;
            link(first + (1ULL << have), have);
        }
        free_count.fetch_sub(1ULL << order, Order::relaxed);
        return first;
    }
    return Error::enomem;
}

void give_block(Mfn first, unsigned order)
{
    free_count.fetch_add(1ULL << order, Order::relaxed);
    for (; order < max_order; ++order) {
        const Mfn buddy{first.raw() ^ 1ULL << order};
        if (buddy >= frame_table_end()) break;
        const FrameInfo i = frame(buddy).details();
        if (i.owner != free_id || !i.free_head || i.order != order) break;
        unlink(buddy, order);
        if (buddy < first) first = buddy;
    }
    link(first, order);
}

std::uint64_t free_frames() { return free_count.load(Order::relaxed); }

void forget_blocks()
{
    __builtin_memset(heads, 0, sizeof heads);
    __builtin_memset(filled, 0, sizeof filled);
    free_count.store(0, Order::relaxed);
}

} // namespace hv::mm
