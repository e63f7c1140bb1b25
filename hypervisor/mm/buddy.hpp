// SPDX-License-Identifier: MIT
//
// Free memory as naturally aligned blocks of 2^order frames, listed by order and by the number of address bits their
// last frame needs. Links live in the free frames themselves. Not locked: the allocator's lock is held around it.
#pragma once
#include "mm/allocator.hpp"

namespace hv::mm {

/// Highest memory first: low frames are kept for those who need them. @p bits: frame-number bits, 0 = any. @p order
/// is one there is.
Result<Mfn> take_block(unsigned order, unsigned bits);
/// Frames are already marked free; merges with free neighbours.
void give_block(Mfn first, unsigned order);
/// Empties all lists: the frames are about to be described anew.
void forget_blocks();

} // namespace hv::mm
