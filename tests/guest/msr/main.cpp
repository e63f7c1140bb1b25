// SPDX-License-Identifier: MIT
// MSRs from the guest kernel (CONTRACT C.8): the few that answer, the few whose writes are swallowed, and #GP(0) with
// nothing changed for all others, above all those that would give the machine away.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

bool rdmsr(u32 index, u64* value)
{
    u32 low = 0, high = 0;
    GUARDED("rdmsr", : "+a"(low), "+d"(high) : "c"(index) : "memory");
    *value = low | static_cast<u64>(high) << 32;
    return last_trap.vector == kNone;
}

bool wrmsr(u32 index, u64 value)
{
    GUARDED("wrmsr", ::"c"(index), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)) : "memory");
    return last_trap.vector == kNone;
}

void check_readable()
{
    u64 value = 0;
    expect(rdmsr(0x277, &value), "PAT can be read");
    expect_eq(value, 0x0000050100070406, "the layout Linux is told about");
    expect(rdmsr(0x1b, &value), "APIC base can be read");
    expect_eq(value & 0xfffff000, 0xfee00000, "it is where it is");
    expect(rdmsr(0xc0000080, &value), "EFER can be read");
    expect_eq(value & 0xd01, 0xd01, "SCE LME LMA NXE");
    expect_eq(value & 0x1000, 0, "SVME is not shown");
}

void check_ignored_writes()
{
    u64 before = 0, after = 0;
    rdmsr(0xc0000080, &before);
    wrmsr(0xc0000080, before & ~1ul);
    rdmsr(0xc0000080, &after);
    expect_eq(after, before, "EFER cannot be changed");
    rdmsr(0x277, &before);
    wrmsr(0x277, 0);
    rdmsr(0x277, &after);
    expect_eq(after, before, "PAT cannot be changed");
    rdmsr(0x1b, &before);
    wrmsr(0x1b, 0xfee00800 ^ 0x1000);
    rdmsr(0x1b, &after);
    expect_eq(after, before, "the APIC base cannot be changed");
}

void check_refused()
{
    // STAR LSTAR CSTAR FMASK, SYSENTER, the machine's own, and numbers that do not exist.
    const u32 refused[] = {0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xdeadbeef, 0x12345678};
    for (u32 index : refused) {
        u64 value;
        bool ok = expect(!rdmsr(index, &value), "read is #GP");
        ok &= expect_eq(last_trap.vector, kProtection, "vector 13");
        ok &= expect_eq(last_trap.error, 0, "error 0");
        wrmsr(index, 0xffffffff80100000);
        if (!ok) {
            print("  msr 0x%lx value 0x%lx\n", static_cast<u64>(index), value);
        }
    }
    expect_rc(xen_version(PV_XENVER_VERSION), 4 << 16 | 17, "hypercalls still enter the hypervisor");
    const u32 sysenter[] = {0x174, 0x175, 0x176};
    for (u32 index : sysenter) {
        u64 value = 0;
        bool readable = rdmsr(index, &value);
        print("msr: 0x%lx readable %lu value 0x%lx\n", static_cast<u64>(index), static_cast<u64>(readable), value);
        expect(!readable || value < 0xffff800000000000 || value >= 0xffff880000000000, "no hypervisor address shows");
    }
    u64 value;
    expect(!wrmsr(0x8000000, 1), "a wild write is #GP");
    expect(!rdmsr(0xc0010117, &value), "the SVM save area is #GP");
}

void check_tsc()
{
    u64 value = 0;
    bool readable = rdmsr(0x10, &value);
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    u64 now = low | static_cast<u64>(high) << 32;
    expect(!readable || (value < now && now - value < 10000000000), "the TSC MSR is the TSC, if readable");
    wrmsr(0x10, 0);
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    expect((low | static_cast<u64>(high) << 32) >= now, "the TSC cannot be set back");
}

} // namespace

void test_main()
{
    install_traps();
    step("readable");
    check_readable();
    step("writes without effect");
    check_ignored_writes();
    step("refused");
    check_refused();
    step("the TSC");
    check_tsc();
}
