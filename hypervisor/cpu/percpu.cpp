// SPDX-License-Identifier: MIT
//
// Storage of every CPU's data: static, so that it exists before the first allocation.
#include "cpu/percpu.hpp"
#include "base/assert.hpp"

namespace hv::arch {

cpu::PerCpu& upcall_percpu(std::uint32_t cpu)
{
    static std::array<cpu::PerCpu, cpu::max_cpus> all;
    ASSERT(cpu < all.size());
    if (all[cpu].id != CpuId{cpu}) all[cpu].id = CpuId{cpu}; // written once: other threads of a host test may look
    return all[cpu];
}

} // namespace hv::arch
