// SPDX-License-Identifier: MIT
//
// What the run loop and the event channels ask of the parts of this layer that own devices: physical interrupts
// (domain/pirq.cpp) and the console (domain/console.cpp). Interrupts off, this CPU.
#pragma once
#include "base/result.hpp"
#include "domain/events.hpp"

namespace hv::domain {

/// A port was bound to @p pirq: route and unmask the line. The port is not yet visible if this fails.
Result<> attach_pirq(Domain& d, Pirq pirq, EventPort port);
/// The port that was attached to @p pirq is closed: mask the line. The mapping itself stays.
void detach_pirq(Domain& d, Pirq pirq);

void gsi_raised(unsigned gsi);
void msi_raised(unsigned cookie);
/// The console has input for the hypervisor or the domain that owns it.
void console_typed();

} // namespace hv::domain
