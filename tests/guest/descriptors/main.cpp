// SPDX-License-Identifier: MIT
// Every access byte and every size nibble of a descriptor, in the GDT and the LDT: code and data come out with DPL 3,
// anything present that is a system descriptor is refused, and what is not present does not matter.
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

constexpr u64 kPresentBit = 1ul << 47, kCodeOrData = 1ul << 44, kDpl = 3ul << 45, kAccessedBit = 1ul << 40;
constexpr u64 kLong = 1ul << 53, kBig = 1ul << 54, kIsCode = 1ul << 43;

// Type 0 cannot be loaded; accepting it is harmless.
bool is_reserved(u64 d) { return (d >> 40 & 0x1f) == 0; }
bool is_call_gate(u64 d) { return (d >> 40 & 0x1f) == 0xc; }

// What is stored may differ from what was asked for only by DPL and the accessed bit.
void try_one(u64* slot, u64 descriptor)
{
    long rc = hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, maddr_of(slot), descriptor);
    bool system = (descriptor & kPresentBit) != 0 && (descriptor & kCodeOrData) == 0;
    bool odd = (descriptor & (kIsCode | kLong | kBig)) == (kIsCode | kLong | kBig);
    bool ok = true;
    if ((descriptor & kPresentBit) == 0) {
        ok = rc == 0;
    } else if (system) {
        ok = rc == -22 || is_reserved(descriptor) || (is_call_gate(descriptor) && hypervisor() == Hypervisor::xen);
    } else {
        ok = rc == 0 || (odd && rc == -22);
        u64 stored = *slot;
        ok = ok && (rc != 0 || ((stored & kDpl) == kDpl && ((stored ^ descriptor) & ~(kDpl | kAccessedBit)) == 0));
    }
    if (rc == 0) {
        u64 stored = *slot;
        bool harmful = (stored & kPresentBit) != 0 && ((stored & kCodeOrData) == 0) && !is_call_gate(stored) &&
                       !is_reserved(stored);
        harmful |= (stored & kPresentBit) != 0 && (stored & kCodeOrData) != 0 && (stored & kDpl) != kDpl;
        harmful |= is_call_gate(stored) && (stored & kPresentBit) != 0 && (stored & kDpl) != 0;
        ok = ok && !harmful;
    }
    if (!expect(ok, "the rule for this descriptor")) {
        print("  descriptor 0x%lx rc %ld stored 0x%lx\n", descriptor, rc, *slot);
    }
}

void sweep(u64* slot)
{
    for (u64 access = 0; access < 256; ++access) {
        for (u64 size = 0; size < 16; ++size) {
            try_one(slot, 0x000f00000000ffff | access << 40 | size << 52);
        }
    }
    require(hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, maddr_of(slot), 0), "clear");
}

} // namespace

void test_main()
{
    install_traps();
    u64 *gdt = alloc_table(), *ldt = alloc_table();
    require(make_read_only(gdt), "GDT read-only");
    require(make_read_only(ldt), "LDT read-only");
    u64 frames[1] = {mfn_of(gdt)};
    require(hypercall(PV_HYPERCALL_SET_GDT, addr(frames), 512), "set_gdt");
    require(mmuext(PV_MMUEXT_SET_LDT, addr(ldt), 512), "set_ldt");
    step("GDT");
    sweep(&gdt[20]);
    step("LDT");
    asm volatile("movw %w0, %%es; xorl %%eax, %%eax; movw %%ax, %%es" ::"r"(0) : "eax");
    sweep(&ldt[20]);
    step("selectors beyond the limit");
    const u16 selectors[] = {512 * 8 + 3, 0xdffb, 512 * 8 + 7, 0xfffb, 0xffff};
    for (u16 selector : selectors) {
        GUARDED("movw %w0, %%es", ::"r"(selector) : "memory");
        expect_eq(last_trap.vector, kProtection, "#GP");
        expect_eq(last_trap.error, selector & 0xfffc, "with the selector");
    }
}
