// SPDX-License-Identifier: MIT
// FS and GS bases (CONTRACT C.3): three bases by hypercall and by MSR, GS swapped between user and kernel on every
// transition, selectors through SEGBASE_GS_USER_SEL, and non-canonical values refused.
// RUN: variant=cpu:max,-smap|cpu:Nehalem
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "movq %fs:0, %rax; movq %gs:0, %rbx; movw %gs, %cx; movw %fs, %dx; ud2\n"
                ".org user_begin + 0x40; movw %bx, %ds; movw %bx, %es; nop; movw %ds, %cx; movw %es, %dx; ud2");

namespace {

long set_base(u64 which, u64 value) { return hypercall(PV_HYPERCALL_SET_SEGMENT_BASE, which, value); }

u64 read_fs()
{
    u64 value;
    asm volatile("movq %%fs:0, %0" : "=r"(value));
    return value;
}

u64 read_gs()
{
    u64 value;
    asm volatile("movq %%gs:0, %0" : "=r"(value));
    return value;
}

u64 rdmsr(u32 index)
{
    u32 low = 0, high = 0;
    GUARDED("rdmsr", : "=a"(low), "=d"(high) : "c"(index) : "memory");
    return low | static_cast<u64>(high) << 32;
}

void wrmsr(u32 index, u64 value)
{
    GUARDED("wrmsr", ::"c"(index), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)) : "memory");
}

u64 words[4] = {0x1001, 0x2002, 0x3003, 0x4004};

void check_kernel()
{
    expect_rc(set_base(PV_SEGBASE_FS, addr(&words[0])), 0, "FS");
    expect_rc(set_base(PV_SEGBASE_GS_KERNEL, addr(&words[1])), 0, "kernel GS");
    expect_rc(set_base(PV_SEGBASE_GS_USER, addr(&words[2])), 0, "user GS");
    expect_eq(read_fs(), 0x1001, "FS is in force");
    expect_eq(read_gs(), 0x2002, "the kernel's GS is in force");
    expect_eq(rdmsr(0xc0000100), addr(&words[0]), "rdmsr FS base");
    expect_eq(rdmsr(0xc0000101), addr(&words[1]), "rdmsr GS base");
    expect_eq(rdmsr(0xc0000102), addr(&words[2]), "rdmsr of the other GS base");
    wrmsr(0xc0000100, addr(&words[3]));
    expect_eq(read_fs(), 0x4004, "wrmsr FS base");
    wrmsr(0xc0000101, addr(&words[0]));
    expect_eq(read_gs(), 0x1001, "wrmsr GS base");
    wrmsr(0xc0000102, 0x12345000);
    expect_eq(rdmsr(0xc0000102), 0x12345000, "wrmsr of the other GS base");
    expect_eq(read_gs(), 0x1001, "leaves the one in force");
}

void check_refused()
{
    const u64 bad[] = {0x8000000000000000, 0x0000800000000000, 0xffff7fffffffffff};
    for (u64 value : bad) {
        expect_rc(set_base(PV_SEGBASE_FS, value), -22, "FS non-canonical");
        expect_rc(set_base(PV_SEGBASE_GS_USER, value), -22, "user GS non-canonical");
        expect_rc(set_base(PV_SEGBASE_GS_KERNEL, value), -22, "kernel GS non-canonical");
        wrmsr(0xc0000100, value);
        expect_eq(last_trap.vector, kProtection, "wrmsr non-canonical is #GP");
    }
    expect_rc(set_base(4, 0), -22, "an unknown base");
    expect_rc(set_base(~0ul, 0), -22, "a wild one");
    expect_eq(read_fs(), 0x4004, "FS is as it was");
    expect_eq(read_gs(), 0x1001, "GS is as it was");
}

void check_user(UserSpace& space)
{
    auto* data = reinterpret_cast<u64*>(space.data_page());
    data[0] = 0xf5f5;
    data[1] = 0x6565;
    require(set_base(PV_SEGBASE_FS, kUserData), "FS");
    require(set_base(PV_SEGBASE_GS_USER, kUserData + 8), "user GS");
    require(set_base(PV_SEGBASE_GS_KERNEL, addr(&words[1])), "kernel GS");
    const TrapFrame& t = run(space.context());
    expect_eq(t.vector, kInvalidOpcode, "the user ran");
    expect_eq(t.rax, 0xf5f5, "the user's FS");
    expect_eq(t.rbx, 0x6565, "the user's GS");
    expect_eq(read_gs(), 0x2002, "the kernel's GS is back");
    expect_eq(rdmsr(0xc0000102), kUserData + 8, "the user's is the other one");
    run(space.context());
    expect_eq(last_trap.rbx, 0x6565, "again");
}

void check_selector(UserSpace& space)
{
    u64* gdt = alloc_table();
    gdt[12] = 0x0040f30000000fff | (kUserData & 0xffffff) << 16 | (kUserData >> 24) << 56;
    require(make_read_only(gdt), "GDT");
    u64 frames[1] = {mfn_of(gdt)};
    require(hypercall(PV_HYPERCALL_SET_GDT, addr(frames), 16), "set_gdt");
    reinterpret_cast<u64*>(space.data_page())[0] = 0x7171;
    expect_rc(set_base(PV_SEGBASE_GS_USER_SEL, 12 * 8 + 3), 0, "a selector for the user's GS");
    expect_eq(read_gs(), 0x2002, "the kernel's GS base stays");
    const TrapFrame& t = run(space.context());
    expect_eq(t.vector, kInvalidOpcode, "the user ran");
    expect_eq(t.rcx & 0xffff, 12 * 8 + 3, "with that selector");
    expect_eq(t.rbx, 0x7171, "and the descriptor's base");
    long rc = set_base(PV_SEGBASE_GS_USER_SEL, 13 * 8 + 3);
    expect_rc(rc, 0, "a selector that cannot be loaded becomes null");
    expect_rc(set_base(PV_SEGBASE_GS_USER_SEL, 0), 0, "null");
    TrapFrame context = space.context();
    context.rip += 0x40;
    context.rbx = 12 * 8 + 3;
    const TrapFrame& d = run(context);
    expect_eq(d.rcx & 0xffff, 12 * 8 + 3, "the user loads ds");
    u16 ds, es;
    asm volatile("movw %%ds, %0; movw %%es, %1" : "=r"(ds), "=r"(es));
    expect_eq(ds, 12 * 8 + 3, "ds survives the entry");
    expect_eq(es, 12 * 8 + 3, "es survives the entry");
    xen_version(PV_XENVER_VERSION);
    asm volatile("movw %%ds, %0" : "=r"(ds));
    expect_eq(ds, 12 * 8 + 3, "and a hypercall");
    asm volatile("movw %w0, %%ds; movw %w0, %%es" ::"r"(0));
}

} // namespace

void test_main()
{
    install_traps();
    auto* space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    step("kernel mode");
    check_kernel();
    step("refused values");
    check_refused();
    step("user mode");
    check_user(*space);
    step("selectors");
    check_selector(*space);
}
