// SPDX-License-Identifier: MIT
//
// Bring-up of memory management: once, on the boot CPU, before anything else of this layer.
#pragma once
#include "base/units.hpp"
#include <span>

namespace hv::mm {

struct RamRange {
    Maddr start;
    std::uint64_t bytes;
};

/// Describes frames 0..end-1: everything is a device frame except @p usable_ram, which goes to the allocator.
void init(std::span<const RamRange> usable_ram, Mfn end);
/// RAM that is the hypervisor's own (image, boot page tables, modules): no guest may map it.
void reserve(RamRange range);
/// Reserved RAM that is no longer needed goes to the allocator. Touched frames must lie wholly inside.
void release_reserved(RamRange range);

} // namespace hv::mm
