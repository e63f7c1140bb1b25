// SPDX-License-Identifier: MIT
// Floating point (CONTRACT B.3): a new vCPU's registers are zero (XSA-165), fpu_taskswitch makes the next use a #NM in
// kernel and user mode, and SSE and x87 state survive hypercalls, traps, events and the trip through user mode.
// RUN: variant=cpu:max,-smap|cpu:Nehalem
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "movq %xmm3, %rax; movq %rbx, %xmm5; ud2");

namespace {

long taskswitch(u64 set) { return hypercall(PV_HYPERCALL_FPU_TASKSWITCH, set); }

u64 read_xmm3()
{
    u64 value;
    asm volatile("movq %%xmm3, %0" : "=r"(value));
    return value;
}

void check_new()
{
    u64 set = 0;
    u32 mxcsr = 0;
    asm volatile("stmxcsr %0" : "=m"(mxcsr));
    expect_eq(mxcsr, 0x1f80, "a new vCPU's MXCSR");
    u64 image[64] __attribute__((aligned(16))) = {};
    asm volatile("fxsave64 %0" : "=m"(image));
    for (unsigned i = 4; i < 52; ++i) { // eight x87, sixteen XMM registers
        set |= image[i];
    }
    expect_eq(set, 0, "a new vCPU's registers are zero");
}

void check_task_switched(UserSpace& space)
{
    expect_rc(taskswitch(1), 0, "set TS");
    GUARDED("movq %%xmm3, %%rax", ::: "rax");
    expect_eq(last_trap.vector, kNoDevice, "use in kernel mode is #NM");
    GUARDED("movq %%xmm3, %%rax", ::: "rax");
    expect_eq(last_trap.vector, kNone, "delivery of #NM clears TS");
    require(taskswitch(1), "set TS");
    expect_eq(run(space.context()).vector, kNoDevice, "use in user mode is #NM");
    expect_eq(last_trap.rip, kUserCode, "at the instruction");
    require(taskswitch(1), "set TS");
    expect_rc(taskswitch(0), 0, "clear TS");
    GUARDED("movq %%xmm3, %%rax", ::: "rax");
    expect_eq(last_trap.vector, kNone, "no #NM");
}

void check_state(UserSpace& space)
{
    u64 value = 0x0123456789abcdef;
    asm volatile("fninit; fld1; movq %0, %%xmm3" ::"r"(value));
    for (unsigned i = 0; i < 50; ++i) {
        xen_version(PV_XENVER_VERSION);
        sched_op(PV_SCHEDOP_YIELD, nullptr);
    }
    expect_eq(read_xmm3(), value, "over hypercalls");
    GUARDED("ud2");
    expect_eq(read_xmm3(), value, "over a trap");
    u64 cr0;
    asm volatile("movq %%cr0, %0" : "=r"(cr0));
    expect_eq(read_xmm3(), value, "over emulation");
    u32 timer = 0;
    require(bind_virq(PV_VIRQ_TIMER, 0, &timer), "timer");
    pv_vcpu_set_singleshot_timer request = {.timeout_abs_ns = system_time() + 5000000, .flags = 0, .hole0 = 0};
    require(vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 0, &request), "singleshot");
    clear_port_mask(timer);
    u32 ports[1] = {timer};
    pv_sched_poll poll = {.ports = addr(ports), .nr_ports = 1, .hole0 = 0, .timeout = 0};
    require(sched_op(PV_SCHEDOP_POLL, &poll), "poll");
    expect_eq(read_xmm3(), value, "over sleep");
    acknowledge_upcall();
    clear_port(timer);
    TrapFrame context = space.context();
    context.rbx = 0x5555aaaa;
    expect_eq(run(context).rax, value, "into user mode");
    u64 five;
    u32 control = 0, mxcsr = 0;
    asm volatile("movq %%xmm5, %0; stmxcsr %1; fnstcw %2" : "=r"(five), "=m"(mxcsr), "=m"(control));
    expect_eq(five, 0x5555aaaa, "and back");
    expect_eq(mxcsr, 0x1f80, "MXCSR");
    expect_eq(control & 0xffff, 0x37f, "x87 control word");
    double one = 0;
    asm volatile("fstpl %0" : "=m"(one));
    u64 bits;
    __builtin_memcpy(&bits, &one, 8);
    expect_eq(bits, 0x3ff0000000000000, "the x87 stack");
}

void check_fault()
{
    u16 unmasked = 0x37b;
    require(taskswitch(0), "clear TS");
    GUARDED("fninit; fldcw %0; fld1; fldz; fdivrp; fwait", ::"m"(unmasked));
    expect_eq(last_trap.vector, kFpu, "an x87 division by zero reaches the guest as #MF");
    asm volatile("fnclex; fninit");
}

} // namespace

void test_main()
{
    install_traps();
    auto* space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    step("a new vCPU");
    check_new();
    step("task switched");
    check_task_switched(*space);
    step("state");
    check_state(*space);
    step("faults");
    check_fault();
}
