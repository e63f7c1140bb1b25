// SPDX-License-Identifier: MIT
// CPUID through the forced-emulation prefix (CONTRACT C.10): hypervisor leaves, the features a PV kernel must not see,
// those it cannot do without, and the prefix in user mode; a plain #UD is still a #UD.
// RUN: variant=cpu:max,-smap|cpu:Nehalem
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

#define XEN_CPUID ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2"
USER_CODE(user, "movl $0x40000000, %eax; xorl %ecx, %ecx; " XEN_CPUID "; ud2");

namespace {

struct Leaf {
    u32 a, b, c, d;
};

Leaf cpuid(u32 leaf, u32 sub = 0)
{
    Leaf r;
    asm volatile(XEN_CPUID : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "0"(leaf), "2"(sub));
    return r;
}

Leaf native(u32 leaf, u32 sub = 0)
{
    Leaf r;
    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "0"(leaf), "2"(sub));
    return r;
}

void absent(u32 word, unsigned bit, const char* what) { expect_eq(word >> bit & 1, 0, what); }
void present(u32 word, unsigned bit, const char* what) { expect_eq(word >> bit & 1, 1, what); }

void check_hypervisor_leaves()
{
    Leaf base = cpuid(0x40000000);
    expect_eq(base.b, PV_CPUID_SIGNATURE_EBX, "signature");
    expect_eq(base.c, PV_CPUID_SIGNATURE_ECX, "signature");
    expect_eq(base.d, PV_CPUID_SIGNATURE_EDX, "signature");
    expect(base.a >= 0x40000002 && base.a < 0x40000100, "highest leaf");
    expect_eq(cpuid(0x40000001).a, 4 << 16 | 17, "version");
    Leaf two = cpuid(0x40000002);
    expect_eq(two.a, 1, "one hypercall page");
    present(two.c, 0, "preserve-AD updates");
    expect_eq(cpuid(0x40000004).a, 0, "no HVM features");
    expect((cpuid(0x40000005).b & 0xff) <= 44, "machine addresses fit grant version 1");
}

void check_leaf1()
{
    Leaf l = cpuid(1);
    const unsigned off_c[] = {2, 3, 5, 6, 7, 8, 15, 17, 18, 21, 24};
    for (unsigned bit : off_c) {
        absent(l.c, bit, "1.ecx: DTES64 MONITOR VMX SMX EST TM2 PDCM PCID DCA x2APIC TSC-deadline");
    }
    const unsigned off_d[] = {1, 3, 13, 17, 21, 29};
    for (unsigned bit : off_d) {
        absent(l.d, bit, "1.edx: VME PSE PGE PSE36 DS TM");
    }
    present(l.c, 31, "1.ecx: hypervisor");
    const unsigned on_d[] = {0, 4, 5, 6, 7, 8, 9, 14, 15, 16, 19, 24, 25, 26};
    for (unsigned bit : on_d) {
        present(l.d, bit, "1.edx: FPU TSC MSR PAE MCE CX8 APIC MCA CMOV PAT CLFLUSH FXSR SSE SSE2");
    }
    present(l.c, 13, "1.ecx: CX16");
    bool xsave = (l.c >> 26 & 1) != 0, osxsave = (l.c >> 27 & 1) != 0;
    expect(!osxsave || xsave, "OSXSAVE only with XSAVE");
}

void check_extended()
{
    Leaf l = cpuid(0x80000001);
    const unsigned on[] = {11, 20, 29};
    for (unsigned bit : on) {
        present(l.d, bit, "80000001.edx: SYSCALL NX LM");
    }
    const unsigned off_d[] = {1, 3, 13, 17, 26};
    for (unsigned bit : off_d) {
        absent(l.d, bit, "80000001.edx: VME PSE PGE PSE36 PAGE1GB");
    }
    absent(l.c, 2, "80000001.ecx: SVM");
    absent(l.c, 12, "80000001.ecx: SKINIT");
    if (cpuid(0).a >= 7) {
        Leaf seven = cpuid(7);
        const unsigned off_b[] = {7, 10, 20};
        for (unsigned bit : off_b) {
            absent(seven.b, bit, "7.ebx: SMEP INVPCID SMAP");
        }
        const unsigned off_c[] = {2, 3, 4, 7, 16};
        for (unsigned bit : off_c) {
            absent(seven.c, bit, "7.ecx: UMIP PKU OSPKE CET LA57");
        }
    }
    if (cpuid(0).a >= 10) {
        expect_eq(cpuid(10).a & 0xff, 0, "leaf 10: no performance monitoring");
    }
    expect_eq(cpuid(0).b, native(0).b, "the vendor is the machine's");
    expect_eq(cpuid(0x80000008).a & 0xff, native(0x80000008).a & 0xff, "the physical address width too");
}

void check_user(UserSpace& space)
{
    const TrapFrame& t = run(space.context());
    expect_eq(t.vector, kInvalidOpcode, "the prefix in user mode is emulated");
    expect_eq(t.rip, kUserCode + 14, "up to the next instruction");
    expect_eq(t.rbx, PV_CPUID_SIGNATURE_EBX, "and answers");
    GUARDED(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6f");
    expect_eq(last_trap.vector, kInvalidOpcode, "a wrong prefix is a plain #UD");
}

} // namespace

void test_main()
{
    install_traps();
    auto* space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    step("hypervisor leaves");
    check_hypervisor_leaves();
    step("leaf 1");
    check_leaf1();
    step("extended leaves");
    check_extended();
    step("user mode");
    check_user(*space);
}
