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

/// XENMEM_exchange, dom0's narrow form: 2^order frames either as one contiguous extent for single frames or
/// the other way round. `prepare` checks and allocates, `commit` cannot fail; without commit nothing has
/// happened.
class Exchange {
public:
    static constexpr unsigned max_order = 9;
    Exchange(MemoryOwner& owner, unsigned order) : owner_{owner}, order_{order} {}
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    /// Claims frame @p m of the owner's as number @p index of those given up.
    Result<> give(unsigned index, Mfn m);
    /// Allocates the extents that replace them.
    Result<> take_contiguous(unsigned address_bits);
    Result<> take_single(unsigned index, unsigned address_bits);
    [[nodiscard]] Mfn taken(unsigned index) const { return taken_[index]; }
    /// New frame @p index becomes number @p pfn of the owner's; all of them before commit().
    void set_pfn(unsigned index, Pfn pfn) { pfns_[index] = pfn; }
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
