// SPDX-License-Identifier: MIT
//
// Boundary sweep over the firmware's ranges; a handful of entries, so quadratic is fine. Boot CPU only.
#include "boot/memory_map.hpp"

namespace hv::boot {
namespace {

constexpr std::uint64_t four_gib = 1ULL << 32;

/// The least boundary above @p from, or 0.
std::uint64_t next_boundary(std::span<const MemoryRange> in, std::uint64_t from)
{
    std::uint64_t next = 0;
    for (const MemoryRange& r : in)
        for (const std::uint64_t b : {r.start.raw(), r.start.raw() + r.bytes})
            if (b > from && (next == 0 || b < next)) next = b;
    return next;
}

const MemoryRange* strictest_at(std::span<const MemoryRange> in, std::uint64_t at)
{
    const MemoryRange* best = nullptr;
    for (const MemoryRange& r : in)
        if (at >= r.start.raw() && at - r.start.raw() < r.bytes && (best == nullptr || r.type > best->type)) best = &r;
    return best;
}

} // namespace

void add_range(BootInfo& info, MemoryRange range)
{
    if (info.memory_count < info.memory.size() && range.bytes != 0) info.memory[info.memory_count++] = range;
}

bool normalise(BootInfo& info)
{
    static std::array<MemoryRange, 128> in;
    in = info.memory;
    const std::span<const MemoryRange> ranges{in.data(), info.memory_count};
    info.memory_count = 0;
    std::uint64_t at = 0;
    for (std::uint64_t end = next_boundary(ranges, at); end != 0; at = end, end = next_boundary(ranges, at)) {
        const MemoryRange* r = strictest_at(ranges, at);
        if (r == nullptr) continue;
        MemoryRange* last = info.memory_count == 0 ? nullptr : &info.memory[info.memory_count - 1];
        if (last != nullptr && last->type == r->type && last->start.raw() + last->bytes == at) {
            last->bytes += end - at;
            continue;
        }
        if (info.memory_count == info.memory.size()) return false;
        info.memory[info.memory_count++] = {Maddr{at}, end - at, r->type};
    }
    return true;
}

void ram_spans(const BootInfo& info, Spans& out)
{
    for (const MemoryRange& r : info.map()) {
        if (r.type != MemoryType::ram) continue;
        const Span s{(r.start.raw() + page_size - 1) & ~(page_size - 1), (r.start.raw() + r.bytes) & ~(page_size - 1)};
        out.add({s.start, s.end < four_gib ? s.end : four_gib});
        out.add({s.start > four_gib ? s.start : four_gib, s.end});
    }
}

void subtract(Spans& spans, Span hole)
{
    hole.start &= ~(page_size - 1);
    hole.end = (hole.end + page_size - 1) & ~(page_size - 1);
    Spans out{};
    for (const Span& s : spans.all()) {
        out.add({s.start, s.end < hole.start ? s.end : hole.start});
        out.add({s.start > hole.end ? s.start : hole.end, s.end});
    }
    spans = out;
}

} // namespace hv::boot
