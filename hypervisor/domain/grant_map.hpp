// SPDX-License-Identifier: MIT
//
// Mapping other domains' granted frames, and taking the mappings back. Unmapping is in two steps, so that a batch
// pays one TLB flush in between: begin removes the page-table entry, finish lets go of the frame and tells the
// granter. On the CPU of the vCPU that asks, under its kernel root.
#pragma once
#include "domain/grants.hpp"

namespace hv::domain {

struct MapRequest {
    std::uint64_t host_addr; ///< Kernel address, or machine address of the entry (PV_GNTMAP_CONTAINS_PTE).
    std::uint32_t flags;     ///< PV_GNTMAP_
    std::uint32_t ref;
    DomainId granter;
};
struct MapResult {
    GrantStatus status;
    GrantHandle handle{};
    Maddr bus_address{};
};
struct UnmapRequest {
    std::uint64_t host_addr; ///< As when mapped; 0: leave the host mapping.
    std::uint64_t bus_addr;  ///< As returned by the mapping; 0: leave the device mapping.
    GrantHandle handle;
};
/// Left uninitialised until begun.
struct Unmapping {
    Mapping* mapping; ///< Claimed.
    std::uint32_t handle;
    std::uint8_t removed; ///< Mapping::host, Mapping::device
};
/// After the TLBs of the mapper were flushed.
void finish_unmap(Maptrack& t, const Unmapping& u);

/// The operations of one slice of a batch: what one has looked up serves the next.
class GrantMapper {
public:
    explicit GrantMapper(Vcpu& v) : v_{v}, track_{v.domain().grants().maptrack} {}
    MapResult map(const MapRequest& request);
    GrantStatus begin_unmap(const UnmapRequest& request, Unmapping& u);

private:
    GrantStatus map_host(const MapRequest& r, Domain& granter, const mm::HeldFrame& frame, Mapping& m);
    GrantStatus unmap_host(std::uint64_t host_addr, const Mapping& m);
    Result<> find_table(std::uint64_t host_addr);
    inline Result<mm::L1Slot> find_slot(std::uint64_t host_addr, bool is_entry);

    Vcpu& v_;
    Maptrack& track_;
    GranterCache granters_;
    std::uint64_t region_ = ~0ULL; ///< The 2 MiB of addresses that table_ maps; its type is looked at in each use.
    Mfn table_{};
};
/// Lets go of a whole mapping of a domain that no longer runs; its page-table entries hold references of their own.
void drop_mapping(Maptrack& t, GrantHandle h);

// ---- copies between frames of the caller and granted frames, without mapping either (grant_copy.cpp) ----

/// The copies of one slice of a batch.
class GrantCopier {
public:
    explicit GrantCopier(Vcpu& v) : v_{v} {}
    GrantStatus copy(const pv_gnttab_copy& op); ///< Its status is left alone.

private:
    Vcpu& v_;
    GranterCache sources_, dests_; ///< A claim of one end outlives the look for the other.
};

} // namespace hv::domain
