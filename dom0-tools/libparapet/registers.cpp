// SPDX-License-Identifier: MIT
//
// See registers.hpp.
#include "libparapet/registers.hpp"

namespace parapet {

Registers registers_of(const pv_vcpu_guest_context& c)
{
    const pv_cpu_user_regs& r = c.user_regs;
    return {{"rip", r.rip}, {"rsp", r.rsp}, {"flags", r.rflags}, {"cr3", c.ctrlreg[3]}, {"cs", r.cs},   {"ss", r.ss},
            {"rax", r.rax}, {"rbx", r.rbx}, {"rcx", r.rcx},      {"rdx", r.rdx},        {"rsi", r.rsi}, {"rdi", r.rdi},
            {"rbp", r.rbp}, {"r8", r.r8},   {"r9", r.r9},        {"r10", r.r10},        {"r11", r.r11}, {"r12", r.r12},
            {"r13", r.r13}, {"r14", r.r14}, {"r15", r.r15},      {"fs_base", c.fs_base}};
}

} // namespace parapet
