// SPDX-License-Identifier: MIT
// set_debugreg, get_debugreg: breakpoints on guest addresses work in user mode, reserved bits and hypervisor addresses
// are refused, and neither a breakpoint nor TF reaches the hypervisor or the kernel.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "nop; nop; movq %rax, (%rbx); nop; nop; ud2\n"
                ".org user_begin + 0x20; movw %ss, %ax; movw %ax, %ss; syscall; ud2");

namespace {

long set_debugreg(u64 reg, u64 value) { return hypercall(PV_HYPERCALL_SET_DEBUGREG, reg, value); }
long get_debugreg(u64 reg) { return hypercall(PV_HYPERCALL_GET_DEBUGREG, reg); }

void check_values()
{
    for (u64 reg = 0; reg < 4; ++reg) {
        expect_rc(set_debugreg(reg, 0x400000 + reg), 0, "an address");
        expect_rc(get_debugreg(reg), static_cast<long>(0x400000 + reg), "reads back");
        expect_rc(set_debugreg(reg, 0xffff830000000000), -1, "a hypervisor address");
        expect_rc(set_debugreg(reg, 0x8000000000000000), -1, "a non-canonical address");
        expect_rc(get_debugreg(reg), static_cast<long>(0x400000 + reg), "nothing changed");
        expect_rc(set_debugreg(reg, 0), 0, "clear");
    }
    expect_rc(set_debugreg(8, 0), -19, "register 8");
    expect_rc(set_debugreg(~0ul, 0), -19, "register -1");
    expect_rc(get_debugreg(8), -19, "register 8");
    expect_rc(set_debugreg(6, 0), 0, "DR6");
    expect_rc(get_debugreg(6), 0xffff0ff0, "has its fixed bits");
    expect_rc(set_debugreg(7, 0), 0, "DR7");
    expect_rc(get_debugreg(7) & 0xffff, 0x400, "has its fixed bit");
    expect_rc(set_debugreg(7, 1ul << 32), -22, "DR7 with high bits");
    expect_rc(set_debugreg(7, 0x2000), -1, "GD");
    expect_rc(get_debugreg(7) & 0x2000, 0, "is not set");
    expect_rc(set_debugreg(7, 0x00020001), -1, "an I/O breakpoint without CR4.DE");
    expect_rc(set_debugreg(7, 0), 0, "clear");
}

void check_breakpoints(UserSpace& space)
{
    require(set_debugreg(0, kUserCode + 1), "DR0");
    require(set_debugreg(6, 0), "DR6");
    require(set_debugreg(7, 0x1), "DR7: local execution breakpoint 0");
    TrapFrame context = space.context();
    context.rbx = kUserData + 16;
    const TrapFrame& t = run(context);
    expect_eq(t.vector, kDebug, "an execution breakpoint in user mode");
    expect_eq(t.rip, kUserCode + 1, "before the instruction");
    expect_eq(static_cast<u64>(get_debugreg(6)) & 0xf, 1, "DR6 names it");
    require(set_debugreg(6, 0), "DR6");
    require(set_debugreg(0, kUserData + 16), "DR0");
    require(set_debugreg(7, 0x000d0001), "DR7: 4-byte write");
    const TrapFrame& w = run(context);
    expect_eq(w.vector, kDebug, "a data breakpoint");
    expect_eq(w.rip, kUserCode + 5, "behind the store");
    require(set_debugreg(7, 0), "off");
    expect_eq(run(context).vector, kInvalidOpcode, "off");
}

void check_syscall_with_tf(UserSpace& space)
{
    TrapFrame context = space.context();
    context.rip += 0x20;
    context.rflags |= kFlagTf;
    unsigned debug = 0;
    TrapFrame next = context;
    for (unsigned i = 0; i < 4; ++i) {
        next = run(next);
        debug += next.vector == kDebug;
        if (next.vector == kSyscall) {
            break;
        }
    }
    expect_eq(next.vector, kSyscall, "single-stepping over mov ss and syscall ends in the kernel's handler");
    expect_eq(handler_rflags & kFlagTf, 0, "without TF");
    expect(debug >= 1, "after debug traps");
}

void check_kernel_data_breakpoint()
{
    // The hypervisor itself touches the watched word while it serves the hypercall: no trap may reach anyone for that.
    static pv_feature_info info;
    require(set_debugreg(0, addr(&info) + 4), "DR0");
    require(set_debugreg(7, 0x000f0001), "DR7: 4-byte access");
    GUARDED("syscall",
            :
            : "a"(PV_HYPERCALL_XEN_VERSION), "D"(PV_XENVER_GET_FEATURES), "S"(&info)
            : "rcx", "r11", "rdx", "r8", "r10", "memory");
    expect_eq(last_trap.vector, kNone, "a hypercall that writes a watched word");
    require(set_debugreg(7, 0), "off");
    expect(info.submap != 0, "has done its work");
}

} // namespace

void test_main()
{
    install_traps();
    auto* space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    step("values");
    check_values();
    step("breakpoints");
    check_breakpoints(*space);
    step("TF and syscall");
    check_syscall_with_tf(*space);
    step("a watched word");
    check_kernel_data_breakpoint();
}
