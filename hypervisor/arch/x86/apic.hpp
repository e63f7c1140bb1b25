// SPDX-License-Identifier: MIT
//
// The local APIC of this CPU (xAPIC, memory mapped) and its timer, which counts down at a fixed rate.
#pragma once
#include <cstdint>

namespace hv::arch::x86 {

void init_local_apic();
std::uint32_t local_apic_id();
void start_apic_count(std::uint32_t ticks); ///< One shot; 0 stops.
std::uint32_t apic_count();

} // namespace hv::arch::x86
