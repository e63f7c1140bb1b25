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
    all[cpu].id = CpuId{cpu};
    return all[cpu];
}

} // namespace hv::arch
