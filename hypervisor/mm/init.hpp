// SPDX-License-Identifier: MIT
//
// Bring-up of memory management: once, on the boot CPU, before anything else of this layer.
#pragma once
#include "base/units.hpp"

namespace hv::mm {

/// Describes frames 0..end-1, all of them as device frames.
void init(Mfn end);
/// RAM, as yet the hypervisor's own (image, boot page tables, modules): no guest may map it.
void reserve(Span ram);
/// What of it nobody needs goes to the allocator.
void release_reserved(Span ram);

} // namespace hv::mm
