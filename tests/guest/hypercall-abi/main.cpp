// SPDX-License-Identifier: MIT
// The hypercall instruction itself (CONTRACT 0.2): which registers survive, the number's width, and -ENOSYS for every
// number and sub-operation that does not exist.
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

struct Registers {
    u64 rbx, rbp, r9, r12, r13, r14, r15, rsp, rflags, result;
    u16 ds, es, ss, cs;
};

// Issues xen_version with known values in every register that must survive.
void observe(Registers* out)
{
    asm volatile("pushq %%rbx; pushq %%rbp; pushq %%r12; pushq %%r13; pushq %%r14; pushq %%r15; pushq %0\n\t"
                 "movq $0x1111, %%rbx; movq $0x2222, %%rbp; movq $0x3333, %%r9; movq $0x4444, %%r12\n\t"
                 "movq $0x5555, %%r13; movq $0x6666, %%r14; movq $0x7777, %%r15\n\t"
                 "xorl %%edi, %%edi; movl $17, %%eax; syscall\n\t"
                 "popq %%r10; movq %%rbx, 0(%%r10); movq %%rbp, 8(%%r10); movq %%r9, 16(%%r10)\n\t"
                 "movq %%r12, 24(%%r10); movq %%r13, 32(%%r10); movq %%r14, 40(%%r10); movq %%r15, 48(%%r10)\n\t"
                 "pushfq; popq 64(%%r10); movq %%rax, 72(%%r10)\n\t"
                 "movw %%ds, 80(%%r10); movw %%es, 82(%%r10); movw %%ss, 84(%%r10); movw %%cs, 86(%%r10)\n\t"
                 "popq %%r15; popq %%r14; popq %%r13; popq %%r12; popq %%rbp; popq %%rbx"
                 :
                 : "r"(out)
                 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
}

void check_registers()
{
    Registers r = {};
    observe(&r);
    expect_eq(r.rbx, 0x1111, "rbx");
    expect_eq(r.rbp, 0x2222, "rbp");
    expect_eq(r.r9, 0x3333, "r9");
    expect_eq(r.r12, 0x4444, "r12");
    expect_eq(r.r13, 0x5555, "r13");
    expect_eq(r.r14, 0x6666, "r14");
    expect_eq(r.r15, 0x7777, "r15");
    expect_eq(r.result, 4 << 16 | 17, "the result");
    expect_eq(r.ss, kKernelSs, "ss");
    expect_eq(r.cs, kKernelCs, "cs");
    expect_eq(r.rflags & (kFlagTf | kFlagDf | kFlagNt | kFlagIopl | kFlagIf), kFlagIf, "system flags");
}

void check_numbers()
{
    const u64 unknown[] = {11, 37 + 100, 43,  44,  45,  46,  47,         56,         57,        63,
                           64, 65,       127, 128, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff};
    for (u64 number : unknown) {
        if (!expect_rc(hypercall(number), -38, "an unknown number")) {
            print("  number 0x%lx\n", number);
        }
    }
    expect_rc(hypercall(0x100000000 | PV_HYPERCALL_XEN_VERSION), -38, "all of rax counts");
    expect_rc(xen_version(11), -38, "xen_version 11");
    expect_rc(xen_version(~0ul), -38, "xen_version -1");
    expect_rc(memory_op(63, nullptr), -38, "memory_op 63");
    expect_rc(sched_op(99, nullptr), -38, "sched_op 99");
    expect_rc(event_op(99, nullptr), -38, "event_channel_op 99");
    expect_rc(physdev_op(99, nullptr), -38, "physdev_op 99");
    expect_rc(callback_op(99, nullptr), -38, "callback_op 99");
    expect_rc(vcpu_op(99, 0, nullptr), -38, "vcpu_op 99");
    u64 nothing[8] = {};
    expect_rc(grant_op(99, nothing, 1), -38, "grant_table_op 99");
    expect_rc(hypercall(PV_HYPERCALL_CONSOLE_IO, 99, 0, 0), -38, "console_io 99");
    expect_rc(mmuext(99), -38, "mmuext_op 99");
    expect_rc(hypercall(PV_HYPERCALL_VM_ASSIST, 0, 63), -22, "vm_assist type 63");
    expect_rc(hypercall(PV_HYPERCALL_VM_ASSIST, 7, 2), -38, "vm_assist command 7");
}

} // namespace

void test_main()
{
    install_traps();
    step("registers across a hypercall");
    check_registers();
    step("unknown numbers and sub-operations");
    check_numbers();
}
