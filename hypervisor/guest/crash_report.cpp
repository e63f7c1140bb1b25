// SPDX-License-Identifier: MIT
//
// See bounce.hpp. Reads the guest's stack through its current root, so the vCPU must be loaded.
#include "base/log.hpp"
#include "guest/bounce.hpp"
#include "guest/guest_ptr.hpp"

namespace hv::guest {

void print_crash_report(VcpuState& v, const char* why)
{
    const arch::GuestRegs r = v.regs();
    log::error("d{}v{} crashes: {}", v.owner().id(), v.id(), why);
    log::error("  rip {x} cs {x} rflags {x} rsp {x} ss {x}", r.rip, r.cs, r.rflags, r.rsp, r.ss);
    log::error("  rax {x} rbx {x} rcx {x} rdx {x} rsi {x} rdi {x}", r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi);
    log::error("  rbp {x} r8 {x} r9 {x} r10 {x} r11 {x} r12 {x}", r.rbp, r.r8, r.r9, r.r10, r.r11, r.r12);
    log::error("  r13 {x} r14 {x} r15 {x} vector {} error {x}", r.r13, r.r14, r.r15, r.entry_vector, r.error_code);
    log::error("  {} mode, roots {x} {x}, cr2 {x}, mask {} pending {}", v.kernel_mode() ? "kernel" : "user",
               v.hot.kernel_root, v.hot.user_root, v.hot.info->arch.cr2, v.hot.info->evtchn_upcall_mask,
               v.hot.info->evtchn_upcall_pending);
    for (unsigned i = 0; v.loaded() && i < 16; i += 4) {
        std::array<std::uint64_t, 4> w;
        if (!In<std::uint64_t>{GuestVa{r.rsp}}.read_array(w, i).ok()) break;
        log::error("  stack +{x}: {x} {x} {x} {x}", i * 8, w[0], w[1], w[2], w[3]);
    }
    for (unsigned i = 0; i < 20 && v.recent_call(i) != VcpuState::no_call; ++i)
        log::error("  hypercall {} calls ago: {}", i + 1, v.recent_call(i));
}

Outcome crash(VcpuState& v, const char* why)
{
    print_crash_report(v, why);
    return Outcome::crash;
}

} // namespace hv::guest
