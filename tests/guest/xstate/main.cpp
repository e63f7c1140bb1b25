// SPDX-License-Identifier: MIT
// XSETBV and extended state (XSA-54): every low byte of XCR0 is accepted or #GP by the rules of the architecture, what
// is accepted is in force at once, AVX registers survive hypercalls, sleep and user mode; without XSAVE it is refused.
// RUN: variant=cpu:max,-smap|cpu:Nehalem
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "vextractf128 $1, %ymm7, %xmm0; movq %xmm0, %rax; ud2");

namespace {

u32 leaf1_ecx()
{
    u32 a = 1, b, c = 0, d;
    asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return c;
}

u64 supported()
{
    u32 a = 0xd, b, c = 0, d;
    asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return a | static_cast<u64>(d) << 32;
}

bool xsetbv(u64 value)
{
    GUARDED("xsetbv", ::"c"(0), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)) : "memory");
    return last_trap.vector == kNone;
}

u64 xgetbv()
{
    u32 low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low | static_cast<u64>(high) << 32;
}

void check_values(u64 mask)
{
    for (u64 value = 0; value < 256; ++value) {
        bool legal = (value & 1) != 0 && (value & ~mask) == 0 && ((value & 4) == 0 || (value & 2) != 0);
        bool avx512 = (value & 0xe0) != 0, mpx = (value & 0x18) != 0;
        bool ok = xsetbv(value);
        if (!avx512 && !mpx && !expect_eq(ok, legal, "accepted if it is legal")) {
            print("  xcr0 0x%lx of 0x%lx\n", value, mask);
        }
        expect(!ok || xgetbv() == value, "in force at once");
    }
    expect(!xsetbv(1ul << 63 | 3), "bit 63");
    expect(!xsetbv(1ul << 9 | 7) || (mask & 1ul << 9) != 0, "PKRU only if it is offered");
    GUARDED("xsetbv", ::"c"(1), "a"(3), "d"(0) : "memory");
    expect_eq(last_trap.vector, kProtection, "XCR1");
    expect(xsetbv(mask & 7), "all that is offered of x87, SSE and AVX");
}

void check_state(UserSpace& space)
{
    u64 value = 0xfeedfacecafebeef, seen = 0;
    asm volatile("movq %0, %%xmm0; vinsertf128 $1, %%xmm0, %%ymm7, %%ymm7" ::"r"(value));
    for (unsigned i = 0; i < 20; ++i) {
        xen_version(PV_XENVER_VERSION);
        sched_op(PV_SCHEDOP_YIELD, nullptr);
    }
    pv_sched_poll poll = {.ports = 0, .nr_ports = 0, .hole0 = 0, .timeout = system_time() + 2000000};
    require(sched_op(PV_SCHEDOP_POLL, &poll), "poll");
    asm volatile("vextractf128 $1, %%ymm7, %%xmm0; movq %%xmm0, %0" : "=r"(seen));
    expect_eq(seen, value, "the upper half of YMM7 survives");
    expect_eq(run(space.context()).rax, value, "into user mode too");
}

} // namespace

void test_main()
{
    install_traps();
    auto* space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    bool osxsave = (leaf1_ecx() >> 27 & 1) != 0;
    print("xstate: OSXSAVE %lu, supported 0x%lx\n", static_cast<u64>(osxsave), osxsave ? supported() : 0);
    if (!osxsave) {
        expect(!xsetbv(3), "xsetbv without XSAVE");
        expect(last_trap.vector == kInvalidOpcode || last_trap.vector == kProtection, "is #UD or #GP");
        return;
    }
    u64 cr4;
    asm volatile("movq %%cr4, %0" : "=r"(cr4));
    GUARDED("movq %0, %%cr4", ::"r"(cr4 | 1ul << 18) : "memory");
    step("values of XCR0");
    check_values(supported());
    if ((supported() & 4) != 0) {
        step("AVX state");
        check_state(*space);
    }
}
