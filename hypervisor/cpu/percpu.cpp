// SPDX-License-Identifier: MIT
//
// Storage of every CPU's data: static, so that its address is good before the first allocation.
#include "cpu/percpu.hpp"
#include "base/assert.hpp"

namespace hv::arch {
namespace {

struct All {
    std::array<cpu::PerCpu, max_cpus> cpus;
    All()
    {
        for (std::uint32_t i = 0; i < max_cpus; ++i) {
            cpus[i].id = CpuId{i};
            cpus[i].timers.serve(cpus[i]);
        }
    }
} all;

} // namespace

cpu::PerCpu& upcall_percpu(std::uint32_t cpu)
{
    ASSERT(cpu < max_cpus);
    return all.cpus[cpu];
}

} // namespace hv::arch
