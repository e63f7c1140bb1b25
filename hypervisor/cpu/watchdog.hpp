// SPDX-License-Identifier: MIT
//
// Reports a CPU that has not passed the run loop for some seconds: it is stuck in the hypervisor. Each CPU watches the
// next one, so a lone CPU is not watched
// (docs/adr/0016-lone-cpu.md).
#pragma once

namespace hv::cpu {

/// On the boot CPU, once, when all CPUs run. @p seconds without a sign of life before a report; 0: off.
void start_watchdog(unsigned seconds);

} // namespace hv::cpu
