// SPDX-License-Identifier: MIT
//
// Machine frames: a buddy allocator that can honour an address-width limit, and a domain's reservation on top
// of it. Frames come with no stale translation anywhere. Rank memory inside; any CPU.
#pragma once
#include "mm/frame.hpp"

namespace hv::mm {

inline constexpr unsigned max_order = 18;

/// What new frames hold: zeros, or what was left in them, for a boot that writes or trusts all of it.
enum class Contents : bool { zeroed, as_found };

/// For the hypervisor: 2^order frames, naturally aligned, below 2^address_bits (0 = anywhere).
Result<Mfn> alloc_frames(unsigned order, unsigned address_bits = 0, Contents contents = Contents::zeroed);
/// Returns a block of alloc_frames whole; its order is remembered.
void free_frames_at(Mfn first);

/// 2^order frames for @p owner, each with one allocation reference. enomem beyond the limit, a dying owner,
/// or no memory.
Result<Mfn> alloc_domain_frames(MemoryOwner& owner, unsigned order, unsigned address_bits = 0,
                                Contents contents = Contents::zeroed);
/// Takes a frame out of the reservation; it is freed when the last reference goes. einval if not an unpinned
/// frame of it.
Result<> release_domain_frame(MemoryOwner& owner, Mfn m);
/// Teardown of a dying owner: drops pins and allocation references. restart until done; frames that others
/// still hold keep owner.held() above zero.
Result<> relinquish(MemoryOwner& owner);
/// Sets aside @p pages of free memory for the owner's coming allocations (0 cancels).
Result<> claim_pages(MemoryOwner& owner, std::uint64_t pages);

std::uint64_t free_frames();
std::uint64_t total_frames();
std::uint64_t claimed_frames();
/// Bytes of hypervisor memory in use from this allocator.
std::uint64_t heap_bytes();

} // namespace hv::mm
