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
/// decrease_reservation: all frames of the extent, or none of them.
Result<> decrease_extent(MemoryOwner& owner, Mfn first, unsigned order);

/// XENMEM_exchange, dom0's narrow form: frames given up for as many new ones. The steps before commit() check and
/// allocate; without commit() nothing has happened. A big object: for the heap.
class Exchange {
public:
    static constexpr unsigned most = 512; ///< Frames on either side.
    explicit Exchange(MemoryOwner& owner) : owner_{owner} {}
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    /// One more frame to give up; einval if anybody else holds it.
    Result<> give(Mfn m);
    /// 2^order new frames, which the owner shall know as @p pfn and on.
    Result<> take(unsigned order, unsigned address_bits, Pfn pfn);
    [[nodiscard]] Mfn taken(unsigned index) const { return taken_[index].frame; }
    /// As many were given as taken. Cannot fail.
    void commit();

private:
    struct Taken {
        Mfn frame;
        Pfn pfn;
    };
    MemoryOwner& owner_;
    unsigned given_count_ = 0, taken_count_ = 0;
    std::array<Mfn, most> given_;
    std::array<Taken, most> taken_;
};

} // namespace hv::mm
