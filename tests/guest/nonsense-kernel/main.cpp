// SPDX-License-Identifier: MIT
// Every privileged opcode with every register field, executed once in guest kernel mode with a memory and a register
// operand: each ends in some trap of the guest's, none in the hypervisor's, and the guest keeps its tables.
// RUN: timeout=120
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

u8 *code, *data, *stack;

// Behind 0x0f, with an operand: descriptor tables, control and debug registers, virtual machines, state, caches.
constexpr u8 kTwoByte[] = {0x00, 0x01, 0x02, 0x03, 0x20, 0x21, 0x22, 0x23, 0x78, 0x79, 0xae, 0xc7, 0xff};
// Behind 0x0f, without: clts, invd, wbinvd, MSRs, counters, segment pushes and pops, rsm.
constexpr u8 kTwoByteBare[] = {0x06, 0x08, 0x09, 0x0a, 0x0b, 0x30, 0x31, 0x32,
                               0x33, 0x36, 0x37, 0xa0, 0xa1, 0xa8, 0xa9, 0xaa};
// Segment loads and stores, software interrupts and ports, whose operand is a byte.
constexpr u8 kOneByte[] = {0x8c, 0x8e, 0xcd, 0xe4, 0xe5, 0xe6, 0xe7};
// String ports, flags, breakpoints, ports by dx, halt, interrupt flag.
constexpr u8 kOneByteBare[] = {0x6c, 0x6d, 0x6e, 0x6f, 0x9c, 0x9d, 0xcc, 0xec,
                               0xed, 0xee, 0xef, 0xf1, 0xf4, 0xfa, 0xfb};

u64 execute(const u8* bytes, unsigned count)
{
    __builtin_memset(code, 0xcc, 64);
    __builtin_memcpy(code, bytes, count);
    TrapFrame context = {};
    context.rip = addr(code);
    context.cs = kKernelCsShown;
    context.rflags = kFlagReserved;
    context.rsp = addr(stack) + 2048;
    context.ss = kKernelSs;
    context.rbx = addr(data) + 2048;
    context.rsi = addr(data) + 512;
    context.rdi = addr(data) + 1024;
    context.rcx = 1;
    context.rax = addr(data) + 256;
    context.rbp = addr(data) + 3072;
    u64 vector = run(context).vector;
    vcpu_info().evtchn_upcall_mask = 1;
    asm volatile("xorl %%eax, %%eax; movw %%ax, %%ds; movw %%ax, %%es; movw %%ax, %%fs; cld" ::: "eax", "cc");
    return vector;
}

} // namespace

void test_main()
{
    install_traps();
    for (u64 v = 0x20; v < 0x100; ++v) {
        set_trap(static_cast<u8>(v), 4, kKernelCs, stub_of(kInt80));
    }
    code = alloc_page();
    data = alloc_page();
    stack = alloc_page();
    u64 histogram[32] = {}, other = 0, tried = 0;
    auto count = [&](u64 vector) {
        ++tried;
        ++(vector < 32 ? histogram[vector] : other);
    };
    for (unsigned field = 0; field < 16; ++field) {
        u8 operand = static_cast<u8>((field & 7) << 3 | 3 | (field & 8 ? 0xc0 : 0));
        for (u8 opcode : kTwoByte) {
            const u8 bytes[] = {0x0f, opcode, operand};
            count(execute(bytes, 3));
        }
        for (u8 opcode : kOneByte) {
            const u8 bytes[] = {opcode, operand};
            count(execute(bytes, 2));
        }
    }
    for (u8 opcode : kTwoByteBare) {
        const u8 bytes[] = {0x0f, opcode};
        count(execute(bytes, 2));
    }
    for (u8 opcode : kOneByteBare) {
        count(execute(&opcode, 1));
    }
    print("nonsense-kernel: %lu tried: #BP %lu #UD %lu #GP %lu #PF %lu #DB %lu other %lu\n", tried, histogram[3],
          histogram[6], histogram[13], histogram[14], histogram[1], other);
    expect(tried > 300, "all opcodes");
    expect(histogram[3] > 20, "some run to the breakpoint behind");
    expect(histogram[6] > 50 && histogram[13] > 50, "others are refused");
    GUARDED("ud2");
    expect_eq(last_trap.vector, kInvalidOpcode, "traps work");
    expect_rc(xen_version(PV_XENVER_VERSION), 4 << 16 | 17, "hypercalls work");
    u64 cr3;
    asm volatile("movq %%cr3, %0" : "=r"(cr3));
    expect_eq(cr3 >> 12, mfn_of(reinterpret_cast<void*>(start_info->pt_base)), "the base pointer is the same");
}
