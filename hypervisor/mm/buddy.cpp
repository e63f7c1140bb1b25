// SPDX-License-Identifier: MIT
//
// See buddy.hpp. Under the allocator's lock.
#include "mm/buddy.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"
#include <bit>

namespace hv::mm {

namespace {
void set_head(Mfn m, unsigned order, bool head)
{
    change_info(frame(m), [=](FrameInfo& i) {
        i.free_head = head;
        i.order = order;
    });
}
} // namespace

unsigned Buddy::zone_of(Mfn first, unsigned order)
{
    return static_cast<unsigned>(std::bit_width(first.raw() + (1ULL << order) - 1));
}

void Buddy::link(Mfn first, unsigned order)
{
    const unsigned zone = zone_of(first, order);
    std::uint64_t& head = head_[zone][order];
    FrameWindow<Links>{first}[0] = {head, 0};
    if (head != 0) FrameWindow<Links>{Mfn{head - 1}}[0].prev = first.raw() + 1;
    head = first.raw() + 1;
    filled_[zone] |= 1U << order;
    set_head(first, order, true);
}

void Buddy::unlink(Mfn first, unsigned order)
{
    const unsigned zone = zone_of(first, order);
    const Links links = FrameWindow<Links>{first}[0];
    (links.prev == 0 ? head_[zone][order] : FrameWindow<Links>{Mfn{links.prev - 1}}[0].next) = links.next;
    if (links.next != 0) FrameWindow<Links>{Mfn{links.next - 1}}[0].prev = links.prev;
    if (head_[zone][order] == 0) filled_[zone] &= ~(1U << order);
    set_head(first, order, false);
}

Result<Mfn> Buddy::take(unsigned order, unsigned bits)
{
    for (unsigned zone = bits == 0 || bits >= zones ? zones - 1 : bits; zone + 1 > 0; --zone) {
        const std::uint32_t fits = filled_[zone] >> order << order;
        if (fits == 0) continue;
        auto have = static_cast<unsigned>(std::countr_zero(fits));
        const Mfn first{head_[zone][have] - 1};
        unlink(first, have);
        while (have > order) {
            --have;
            link(first + (1ULL << have), have);
        }
        free_ -= 1ULL << order;
        return first;
    }
    return Error::enomem;
}

void Buddy::give(Mfn first, unsigned order)
{
    free_ += 1ULL << order;
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

} // namespace hv::mm
