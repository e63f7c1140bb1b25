// SPDX-License-Identifier: MIT
// The domain's own grant table, version 1, mapped at an arena page, and grants to itself (domain 0). One vCPU.
#pragma once

#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"

namespace guest {

// The first frame of the grant table (512 entries); set up on first use.
volatile pv_grant_entry_v1* grant_table();
u64 grant_frame();
// Writes an entry: frame first, then flags, as the protocol wants.
void grant(u32 ref, const void* page, u16 flags = PV_GTF_PERMIT_ACCESS, u16 domid = 0);
inline u16 grant_flags(u32 ref) { return grant_table()[ref].flags; }

struct Mapping {
    int status;
    u32 handle;
};
Mapping map_grant(u32 ref, u64 host_addr, u32 flags = PV_GNTMAP_HOST_MAP, u16 domid = 0);
int unmap_grant(u32 handle, u64 host_addr, u64 device = 0);

} // namespace guest
