// SPDX-License-Identifier: MIT
// The shared info page, the virtual interrupt flag and two-level event channel bits, as a PV kernel uses them.
// All bit changes are atomic because the hypervisor writes the same words. One vCPU.
#pragma once

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

// Maps the shared info page at a fixed arena page (once).
volatile pv_shared_info& shared_info();
inline volatile pv_vcpu_info& vcpu_info() { return shared_info().vcpu_info[0]; }

inline void mask_events() { vcpu_info().evtchn_upcall_mask = 1; }
// Clears the mask and lets pending events in by the usual poke, a hypercall that does nothing else.
void unmask_events();

bool port_pending(u32 port);
void clear_port(u32 port);
void mask_port(u32 port);
// Clears the port's mask bit only, without the hypercall.
void clear_port_mask(u32 port);
// Clears upcall_pending and the selector, as an event handler does first.
void acknowledge_upcall();

long send(u32 port);
long close_port(u32 port);
// A loopback IPI on vCPU 0, unmasked; ends the test on failure.
u32 bind_ipi();
long bind_virq(u32 virq, u32 vcpu, u32* port);
long port_status(u32 port, pv_evtchn_status* status);

u64 rdtsc();
// System time in nanoseconds by the vCPU's time record.
u64 system_time();
void spin_ns(u64 ns);

} // namespace guest
