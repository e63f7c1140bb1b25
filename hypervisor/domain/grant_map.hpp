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
MapResult map_grant(Vcpu& v, const MapRequest& request);

struct UnmapRequest {
    std::uint64_t host_addr; ///< As when mapped; 0: leave the host mapping.
    std::uint64_t bus_addr;  ///< As returned by the mapping; 0: leave the device mapping.
    GrantHandle handle;
};
struct Unmapping {
    Mapping* mapping = nullptr; ///< Claimed; null: nothing to finish.
    GrantHandle handle{};
    std::uint8_t removed = 0; ///< Mapping::host, Mapping::device
};
GrantStatus begin_unmap(Vcpu& v, const UnmapRequest& request, Unmapping& u);
/// After the TLBs of the mapper were flushed.
void finish_unmap(Maptrack& t, const Unmapping& u);

/// Lets go of a whole mapping of a domain that no longer runs; its page-table entries hold references of their own.
void drop_mapping(Maptrack& t, GrantHandle h);

} // namespace hv::domain
