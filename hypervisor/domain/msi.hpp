// SPDX-License-Identifier: MIT
//
// Message-signalled interrupts of the hardware domain's devices. The hypervisor writes message and per-vector mask
// into the device's capability or MSI-X table; enabling the capability is the domain's (CONTRACT E.6). The table of
// what was programmed is guarded by a lock of rank control.
#pragma once
#include "domain/pirq.hpp"

namespace hv::domain {

struct MsiRequest {
    std::uint32_t sbdf;       ///< Segment, bus, device and function.
    std::uint32_t entry;      ///< MSI-X: index into the table.
    std::uint64_t table_base; ///< MSI-X: the base address register that holds the table; 0 = plain MSI.
};

/// Programs one message for a fresh pirq. enodev if there is no such device or capability, ebusy if that entry is
/// in use.
Result<Pirq> map_msi(Domain& d, MsiRequest request);
/// Silences the entry and gives the pirq back; a GSI's pirq is only given back.
Result<> unmap_msi(Domain& d, Pirq pirq);

} // namespace hv::domain
