// SPDX-License-Identifier: MIT
//
// Finds CpuInfo from the stack pointer. Holds on every stack of a CPU: all of them lie in one aligned block whose last
// bytes are CpuInfo. The early boot stack is such a block too.
#include "arch/x86/bringup.hpp"
#include <cstddef>

namespace hv::arch {

static_assert((HV_STACK_BYTES - sizeof(CpuInfo) + offsetof(GuestRegs, es)) % 16 == 0,
              "the CPU aligns rsp0 before it pushes");
static_assert(offsetof(CpuInfo, regs) == 0);

CpuInfo& cpu_info()
{
    std::uintptr_t sp;
    asm("mov %%rsp, %0" : "=r"(sp));
    return *reinterpret_cast<CpuInfo*>((sp | (HV_STACK_BYTES - 1)) + 1 - sizeof(CpuInfo));
}

void x86::init_early_cpu_info() { cpu_info().percpu = &upcall_percpu(0); }

} // namespace hv::arch
