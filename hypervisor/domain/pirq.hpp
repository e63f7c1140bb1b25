// SPDX-License-Identifier: MIT
//
// Physical interrupts of the hardware domain. A pirq is a name: equal to the global system interrupt for lines of an
// IOAPIC, chosen here for MSIs. Lines are level or edge; a level line stays blocked from its delivery until the
// domain's end-of-interrupt. All state under one lock of rank pirq. Who may call is checked by the hypercall layer.
#pragma once
#include "arch/arch.hpp"
#include "domain/domain.hpp"
#include "pv-abi/physdev.h"

namespace hv::domain {

inline constexpr std::uint32_t max_pirqs = 256;

/// PHYSDEVOP_setup_gsi. eexist if it was set up before with the same parameters.
Result<> setup_gsi(unsigned gsi, arch::Trigger trigger, arch::Polarity polarity);
/// Names GSI @p gsi; the pirq is the gsi. A line the hypervisor uses can be named but no port can be bound to it.
Result<Pirq> map_gsi(Domain& d, unsigned gsi);
/// A fresh pirq of MSIs for @p d, above the GSIs; enospc when all are taken.
Result<Pirq> allocate_msi_pirq(Domain& d);
/// Einval if @p d does not have it, ebusy while a port is bound to it.
Result<> unmap_pirq(Domain& d, Pirq pirq);
/// End of interrupt: opens a level line again.
Result<> pirq_eoi(Pirq pirq);
/// PV_XENIRQSTAT_ flags; einval beyond the pirqs.
Result<std::uint32_t> pirq_status(Pirq pirq);

// ---- message-signalled interrupts (msi.cpp) ----
// The hypervisor writes message and per-vector mask into the device's capability or MSI-X table; enabling the
// capability is the domain's (CONTRACT E.6). The table of what was programmed is guarded by a lock of rank control.

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
