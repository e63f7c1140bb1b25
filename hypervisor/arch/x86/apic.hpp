// SPDX-License-Identifier: MIT
//
// The local APIC of this CPU (xAPIC or x2APIC, alike on all CPUs) and its timer, which counts down at a fixed rate.
#pragma once
#include <cstdint>

namespace hv::arch::x86 {

void init_local_apic();
std::uint32_t local_apic_id();
void start_apic_count(std::uint32_t ticks); ///< One shot; 0 stops.
std::uint32_t apic_count();
enum : std::uint32_t { ipi_fixed = 0x4000, ipi_nmi = 0x4400, ipi_init = 0x4500, ipi_startup = 0x4600 };
/// Interrupt @p command (a kind above, with a vector or start page) to the CPU with this APIC id.
void send_ipi(std::uint32_t apic_id, std::uint32_t command);

} // namespace hv::arch::x86
