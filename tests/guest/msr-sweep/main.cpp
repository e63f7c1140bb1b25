// SPDX-License-Identifier: MIT
// XSA-333, 351: every MSR of the three architectural ranges is read and, but for those a guest owns, written with its
// own value and with all ones: a value or #GP for the guest, never a fault of the hypervisor, and nothing changes.
// RUN: timeout=120
// RUN: variant=cpu:max,-smap|cpu:Nehalem
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

u64 readable, writable, changed;

bool read(u32 index, u64* value)
{
    u32 low = 0, high = 0;
    GUARDED("rdmsr", : "+a"(low), "+d"(high) : "c"(index) : "memory");
    *value = low | static_cast<u64>(high) << 32;
    return last_trap.vector == kNone;
}

bool write(u32 index, u64 value)
{
    GUARDED("wrmsr", ::"c"(index), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)) : "memory");
    return last_trap.vector == kNone;
}

// Segment bases, and the microcode trigger whose write is slow on some machines.
bool owned(u32 index) { return index >= 0xc0000100 && index <= 0xc0000103; }

void sweep(u32 first, u32 count)
{
    for (u32 index = first; index < first + count; ++index) {
        u64 before = 0, after = 0;
        bool can_read = read(index, &before);
        readable += can_read;
        if (owned(index)) {
            continue;
        }
        if (can_read) {
            print("msr-sweep: 0x%lx reads 0x%lx\n", static_cast<u64>(index), before);
        }
        writable += write(index, ~0ul);
        if (can_read && index != 0x10 && read(index, &after) && after != before) {
            ++changed;
            print("  msr 0x%lx changed from 0x%lx to 0x%lx\n", static_cast<u64>(index), before, after);
        }
    }
}

} // namespace

void test_main()
{
    install_traps();
    sweep(0, 0x2000);
    sweep(0xc0000000, 0x400);
    sweep(0xc0010000, 0x400);
    sweep(0x40000000, 0x200);
    print("msr-sweep: %lu readable, %lu writable\n", readable, writable);
    expect(readable >= 2, "some are readable");
    if (hypervisor() == Hypervisor::parapet) { // Xen shows dom0 all that exist, and emulates machine-check MSRs
        expect(readable < 200, "a short list is readable");
        expect_eq(changed, 0, "no MSR takes a wild value");
    }
    u64 value = 0;
    const u32 power[] = {0x606, 0x610, 0x611, 0x639, 0x641, 0x19c, 0x1a2, 0xc001029a, 0xc001029b};
    for (u32 index : power) {
        expect(!read(index, &value) || hypervisor() == Hypervisor::xen, "power and thermal MSRs are #GP");
    }
    expect_rc(xen_version(PV_XENVER_VERSION), 4 << 16 | 17, "hypercalls work");
    asm volatile("pause");
}
