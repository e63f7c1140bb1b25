// SPDX-License-Identifier: MIT
//
// See foreign.hpp.
#include "libparapet/foreign.hpp"
#include <sys/mman.h>
extern "C" {
#include <xenforeignmemory.h>
}

namespace parapet {

ForeignMemory::ForeignMemory() : handle_{xenforeignmemory_open(nullptr, 0)}
{
    if (handle_ == nullptr) fail_errno("cannot map other domains' memory");
}

ForeignMemory::~ForeignMemory() { xenforeignmemory_close(handle_); }

ForeignMapping::ForeignMapping(const ForeignMemory& memory, DomainId domain, std::span<const std::uint64_t> mfns)
    : memory_{memory}, pages_{mfns.size()}, base_{nullptr}
{
    static_assert(sizeof(xen_pfn_t) == sizeof(std::uint64_t));
    std::vector<xen_pfn_t> frames(mfns.begin(), mfns.end());
    base_ = static_cast<std::byte*>(
        xenforeignmemory_map(memory.handle(), domain, PROT_READ | PROT_WRITE, pages_, frames.data(), nullptr));
    if (base_ == nullptr) fail_errno("cannot map {} frames of domain {}", pages_, domain);
}

ForeignMapping::~ForeignMapping() { xenforeignmemory_unmap(memory_.handle(), base_, pages_); }

GrantTableMapping::GrantTableMapping(const ForeignMemory& memory, DomainId domain)
    : memory_{memory}, resource_{xenforeignmemory_map_resource(memory.handle(), domain, PV_XENMEM_RESOURCE_GRANT_TABLE,
                                                               PV_XENMEM_RESOURCE_GRANT_TABLE_ID_SHARED, 0, 1, &base_,
                                                               PROT_READ | PROT_WRITE, 0)}
{
    if (resource_ == nullptr) fail_errno("cannot map the grant table of domain {}", domain);
}

GrantTableMapping::~GrantTableMapping() { xenforeignmemory_unmap_resource(memory_.handle(), resource_); }

void GrantTableMapping::permit(unsigned ref, DomainId to, std::uint64_t mfn)
{
    auto* entry = static_cast<pv_grant_entry_v1*>(base_) + ref;
    entry->domid = to;
    entry->frame = static_cast<std::uint32_t>(mfn);
    __atomic_store_n(&entry->flags, static_cast<std::uint16_t>(PV_GTF_PERMIT_ACCESS), __ATOMIC_RELEASE);
}

} // namespace parapet
