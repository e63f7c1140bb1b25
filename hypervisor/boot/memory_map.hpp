// SPDX-License-Identifier: MIT
//
// The firmware's memory map made usable: sorted, disjoint, and what of it is free. Pure functions on their arguments.
#pragma once
#include "boot/boot_info.hpp"

namespace hv::boot {

struct Spans {
    std::array<Span, 192> items;
    std::size_t count;

    void add(Span s)
    {
        if (s.start < s.end && count < items.size()) items[count++] = s;
    }
    [[nodiscard]] std::span<const Span> all() const { return {items.data(), count}; }
};

/// Appends @p range while there is room.
void add_range(BootInfo& info, MemoryRange range);
/// Sorts and resolves overlaps: of two types on one byte the more restrictive wins (unusable, nvs, acpi, reserved,
/// ram). False when the result has more ranges than there is room for.
bool normalise(BootInfo& info);
/// Whole pages of RAM, split at 4 GiB.
void ram_spans(const BootInfo& info, Spans& out);
/// Removes @p hole, widened to whole pages, from @p spans.
void subtract(Spans& spans, Span hole);

} // namespace hv::boot
