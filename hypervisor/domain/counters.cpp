// SPDX-License-Identifier: MIT
//
// See domain/counters.hpp.
#include "domain/counters.hpp"
#include "domain/grants.hpp"
#include "mm/allocator.hpp"
#include "mm/update.hpp"

namespace hv::domain {

Counters read_counters()
{
    Counters c{mm::free_frames(), mm::heap_bytes(), 0, GrantTable::uses(), 0, mm::foreign_mappings(), 0, 0};
    for_each_domain([&](Domain& d) {
        c[2] += d.events.open_ports();
        ++c[4];
        if (d.is_dying()) c[6] += d.held();
    });
    return c;
}

} // namespace hv::domain
