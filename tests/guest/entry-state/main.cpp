// SPDX-License-Identifier: MIT
// The state at the first instruction (CONTRACT A.4): registers, flags, selectors, and what can be asked before any
// trap table exists: the GS base by wrmsr, the version, the features Linux cannot do without.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"

using namespace guest;

namespace {

void check_registers()
{
    static const char* const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    for (unsigned i = 0; i < 16; ++i) {
        u64 want = i == 4 ? addr(start_info) : i == 7 ? entry_regs[7] : 0;
        expect_eq(entry_regs[i], want, names[i]);
    }
    expect_eq(entry_rflags, 0x202, "rflags: only IF and the reserved bit");
    expect_eq(entry_selectors[0], 0xe033, "cs");
    expect_eq(entry_selectors[5], 0xe02b, "ss");
    for (unsigned i = 1; i < 5; ++i) {
        expect_eq(entry_selectors[i], 0, "ds es fs gs are null");
    }
}

void check_stack()
{
    u64 rsp = entry_regs[7];
    expect_eq(rsp & 0xfff, 0, "the stack pointer is the end of a page");
    u64* e = entry_of(rsp - 8);
    expect(e != nullptr && (*e & (kPresent | kWrite)) == (kPresent | kWrite), "the stack page is mapped writable");
    expect(rsp > start_info->pt_base, "the stack lies behind the page tables");
}

void check_vcpu_info()
{
    volatile pv_shared_info& shared = shared_info();
    expect_eq(shared.vcpu_info[0].evtchn_upcall_pending, 0, "no upcall is pending");
    for (unsigned i = 0; i < PV_LEGACY_MAX_VCPUS; ++i) {
        expect_eq(shared.vcpu_info[i].evtchn_upcall_mask, 1, "every upcall mask starts set");
    }
    volatile pv_vcpu_time_info& time = shared.vcpu_info[0].time;
    expect(time.version != 0 && (time.version & 1) == 0, "the time record is valid");
    expect(time.tsc_to_system_mul != 0, "the time record has a multiplier");
    expect(shared.wc_version != 0 && (shared.wc_version & 1) == 0, "the wall clock is valid");
}

void check_gs_base()
{
    static u64 word = 0x1122334455667788;
    u64 base = addr(&word), value;
    asm volatile("wrmsr" ::"c"(0xc0000101), "a"(static_cast<u32>(base)), "d"(static_cast<u32>(base >> 32)));
    asm volatile("movq %%gs:0, %0" : "=r"(value));
    expect_eq(value, word, "wrmsr of the GS base works before there is a trap table");
}

void check_features()
{
    pv_feature_info info = {};
    expect_rc(xen_version(PV_XENVER_GET_FEATURES, &info), 0, "get_features");
    auto has = [&](unsigned bit) { return (info.submap >> bit & 1) != 0; };
    expect(has(PV_XENFEAT_MMU_PT_UPDATE_PRESERVE_AD), "mmu_pt_update_preserve_ad is offered");
    expect(has(PV_XENFEAT_GNTTAB_MAP_AVAIL_BITS), "gnttab_map_avail_bits is offered");
    expect(has(PV_XENFEAT_DOM0), "dom0 is offered to dom0");
    const unsigned forbidden[] = {PV_XENFEAT_WRITABLE_PAGE_TABLES,
                                  PV_XENFEAT_WRITABLE_DESCRIPTOR_TABLES,
                                  PV_XENFEAT_AUTO_TRANSLATED_PHYSMAP,
                                  PV_XENFEAT_SUPERVISOR_MODE_KERNEL,
                                  PV_XENFEAT_HVM_CALLBACK_VECTOR,
                                  PV_XENFEAT_HVM_SAFE_PVCLOCK,
                                  PV_XENFEAT_HVM_PIRQS};
    for (unsigned bit : forbidden) {
        expect_eq(info.submap >> bit & 1, 0, "a feature that misleads Linux is off");
    }
    info.submap_idx = 1;
    expect_rc(xen_version(PV_XENVER_GET_FEATURES, &info), -22, "there is one feature word only");
}

} // namespace

void test_main()
{
    step("registers and selectors at the first instruction");
    check_registers();
    step("the boot stack");
    check_stack();
    step("the GS base");
    check_gs_base();
    step("vcpu_info and the wall clock");
    check_vcpu_info();
    step("feature bits");
    check_features();
    expect_rc(xen_version(PV_XENVER_VERSION), 4 << 16 | 17, "version 4.17");
}
