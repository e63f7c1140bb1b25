// SPDX-License-Identifier: MIT
//
// Descriptors in frames of type segment_descriptors (GDT and LDT pages). Any CPU; stores are single words.
#pragma once
#include "mm/frame.hpp"

namespace hv::mm {

/// @p descriptor as a guest may have it (DPL 3), or einval: system segments, gates, impossible sizes.
Result<std::uint64_t> harmless_descriptor(std::uint64_t descriptor);
/// update_descriptor: one checked descriptor into a descriptor page or an ordinary writable frame of the owner's.
Result<> write_descriptor(Maddr at, std::uint64_t descriptor, MemoryOwner& owner);

} // namespace hv::mm
