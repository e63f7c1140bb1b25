// SPDX-License-Identifier: MIT
//
// Changes of a domain's reservation on decoded requests, one extent a call, so that the hypercall can stop
// between any two of them.
#pragma once
#include "mm/allocator.hpp"
#include "mm/m2p.hpp"
#include <span>

namespace hv::mm {

/// populate_physmap: allocates an extent whose frames get numbers first.. in the owner's eyes.
Result<Mfn> populate_extent(MemoryOwner& owner, Pfn first, unsigned order, unsigned address_bits);
/// increase_reservation: the same without a place in the pseudo-physical map.
Result<Mfn> increase_extent(MemoryOwner& owner, unsigned order, unsigned address_bits);
/// decrease_reservation: all frames of the extent, or none of them.
Result<> decrease_extent(MemoryOwner& owner, Mfn first, unsigned order);

/// XENMEM_exchange, dom0's narrow form: 2^order frames given up for as many new ones. The steps before commit() check
/// and allocate; without commit() nothing has happened. A big object: for the heap.
class Exchange {
public:
    static constexpr unsigned max_order = 9;
    Exchange(MemoryOwner& owner, unsigned order);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    /// Frame @p m is number @p index of those given up; einval if anybody else holds it.
    Result<> give(unsigned index, Mfn m);
    /// An extent of 2^order new frames, numbers @p index and on.
    Result<> take(unsigned index, unsigned order, unsigned address_bits);
    [[nodiscard]] Mfn taken(unsigned index) const { return taken_[index]; }
    /// What the owner shall know new frame @p index as; all of them before commit().
    void set_pfn(unsigned index, Pfn pfn) { pfns_[index] = pfn; }
    /// Every frame given and taken, every number set. Cannot fail.
    void commit();

private:
    MemoryOwner& owner_;
    unsigned order_;
    bool done_ = false;
    std::array<Mfn, 1U << max_order> given_;
    std::array<Mfn, 1U << max_order> taken_;
    std::array<Pfn, 1U << max_order> pfns_;
};

} // namespace hv::mm
