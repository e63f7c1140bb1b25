// SPDX-License-Identifier: MIT
//
// The one upcall the fake machine itself needs; tests of this layer link nothing above it.
#include "cpu/percpu.hpp"

hv::cpu::PerCpu& hv::arch::upcall_percpu(std::uint32_t cpu)
{
    static std::array<cpu::PerCpu, 64> all;
    all.at(cpu).id = CpuId{cpu};
    return all[cpu];
}
