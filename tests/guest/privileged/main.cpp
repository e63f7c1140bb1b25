// SPDX-License-Identifier: MIT
// Privileged instructions of the guest kernel (CONTRACT C.8): what is emulated, what is ignored, and what is an
// ordinary #GP; control registers show what a kernel expects and take only what it may change.
// RUN: variant=cpu:max,-smap|cpu:Nehalem
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

void check_interrupt_flag()
{
    // With IOPL 1 the kernel's cli and sti pass without effect; the mask is the shared info's business.
    pv_physdev_set_iopl iopl = {.iopl = 1};
    expect_rc(physdev_op(PV_PHYSDEVOP_SET_IOPL, &iopl), 0, "set_iopl 1");
    GUARDED("cli");
    expect_eq(last_trap.vector, kNone, "cli is ignored");
    GUARDED("sti");
    expect_eq(last_trap.vector, kNone, "sti is ignored");
    expect_eq(vcpu_info().evtchn_upcall_mask, 1, "the mask stays");
    u64 flags;
    asm volatile("pushq $0x3002; popfq; pushfq; popq %0" : "=r"(flags) : : "cc");
    expect_eq(flags & (kFlagIf | kFlagIopl), kFlagIf, "popf changes neither IF nor IOPL");
    iopl.iopl = 4;
    expect_rc(physdev_op(PV_PHYSDEVOP_SET_IOPL, &iopl), -22, "set_iopl 4");
}

u64 read_cr4()
{
    u64 value;
    asm volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

void check_control_registers()
{
    u64 cr0, cr3;
    asm volatile("movq %%cr0, %0" : "=r"(cr0));
    expect_eq(cr0 & 0x80050033 & ~8ul, 0x80050033, "cr0: PE MP ET NE WP AM PG");
    asm volatile("movq %%cr3, %0" : "=r"(cr3));
    expect_eq(cr3, mfn_of(reinterpret_cast<void*>(start_info->pt_base)) << 12, "cr3");
    u64 cr4 = read_cr4();
    print("privileged: cr0 0x%lx cr4 0x%lx\n", cr0, cr4);
    expect_eq(cr4 & 0x620, 0x620, "cr4: PAE OSFXSR OSXMMEXCPT");
    expect_eq(cr4 & 0x1f01b090 & ~0x80ul, 0, "cr4: no PSE, VMXE, SMXE, LA57, PCIDE, SMEP, SMAP");
    GUARDED("movq %0, %%cr4", ::"r"(cr4));
    expect_eq(last_trap.vector, kNone, "writing cr4 back is accepted");
    GUARDED("movq %0, %%cr4", ::"r"(cr4 | 4));
    expect_eq(last_trap.vector, kNone, "TSD can be set");
    expect_eq(read_cr4() & 4, 4, "and is seen");
    GUARDED("movq %0, %%cr4", ::"r"(cr4));
    GUARDED("clts");
    expect_eq(last_trap.vector, kNone, "clts is emulated");
    GUARDED("movq %0, %%cr0", ::"r"(cr0 | 8));
    expect_eq(last_trap.vector, kNone, "setting TS in cr0 is emulated");
    asm volatile("movq %%cr0, %0" : "=r"(cr0));
    expect_eq(cr0 & 8, 8, "TS is seen");
    GUARDED("clts");
    asm volatile("movq %%cr0, %0" : "=r"(cr0));
    expect_eq(cr0 & 8, 0, "clts clears it");
    GUARDED("movq %0, %%cr0", ::"r"(cr0 & ~1ul));
    expect_eq(last_trap.vector, kProtection, "leaving protected mode is #GP");
    GUARDED("movq %0, %%cr0", ::"r"(cr0 & ~0x10000ul));
    expect_eq(last_trap.vector, kProtection, "clearing WP is #GP");
}

void check_cr3_write()
{
    u64 mfn = mfn_of(reinterpret_cast<void*>(start_info->pt_base));
    GUARDED("movq %0, %%cr3", ::"r"(mfn << 12) : "memory");
    expect_eq(last_trap.vector, kNone, "mov to cr3 with a valid table");
    GUARDED("movq %0, %%cr3", ::"r"(mfn_of(alloc_page()) << 12) : "memory");
    expect_eq(last_trap.vector, kProtection, "mov to cr3 with an ordinary page is #GP");
    u64 cr8 = 9;
    GUARDED("movq %%cr8, %0", : "=r"(cr8));
    expect_eq(last_trap.vector, kProtection, "cr8 is #GP");
}

#define REFUSED(instruction, ...)                                                                                      \
    do {                                                                                                               \
        GUARDED(instruction, __VA_ARGS__);                                                                             \
        expect_eq(last_trap.vector, kProtection, instruction " is #GP");                                               \
        expect_eq(last_trap.error, 0, instruction " has error code 0");                                                \
    } while (0)

void check_refused()
{
    static struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pseudo = {0xfff, 0x1000};
    REFUSED("lgdt %0", ::"m"(pseudo));
    REFUSED("lidt %0", ::"m"(pseudo));
    REFUSED("ltr %w0", ::"r"(0x40));
    REFUSED("lldt %w0", ::"r"(0x40));
    REFUSED("swapgs", ::);
    REFUSED("sysretq", ::: "rcx", "r11");
    u64 scratch[2] = {};
    u32 low, high;
    REFUSED("lmsw %w0", ::"r"(0x31));
    REFUSED("rdpmc", : "=a"(low), "=d"(high) : "c"(0));
    GUARDED("vmmcall", ::: "rax");
    expect_eq(last_trap.vector, kInvalidOpcode, "vmmcall is #UD");
    GUARDED("sysexit");
    expect(last_trap.vector == kInvalidOpcode || last_trap.vector == kProtection, "sysexit is refused");
    GUARDED("vmrun", ::: "rax");
    expect(last_trap.vector == kInvalidOpcode || last_trap.vector == kProtection, "vmrun is refused");
    GUARDED("invlpga", ::: "rax");
    expect(last_trap.vector == kInvalidOpcode || last_trap.vector == kProtection, "invlpga is refused");
    GUARDED("rsm");
    expect_eq(last_trap.vector, kInvalidOpcode, "rsm is #UD");
    GUARDED("invd");
    expect(last_trap.vector == kNone || last_trap.vector == kProtection, "invd is made harmless or refused");
    GUARDED("wbinvd");
    expect(last_trap.vector == kNone || last_trap.vector == kProtection, "wbinvd is done or refused");
    GUARDED("invlpg %0", ::"m"(scratch));
    expect(last_trap.vector == kNone || last_trap.vector == kProtection, "invlpg is done or refused");
}

void check_debug_registers()
{
    u64 value = 77;
    GUARDED("movq %%dr7, %0", : "=r"(value));
    expect_eq(last_trap.vector, kNone, "mov from dr7 is emulated");
    expect_eq(value & 0xff, 0, "no breakpoint is enabled");
    GUARDED("movq %0, %%dr0", ::"r"(0x1234ul));
    expect_eq(last_trap.vector, kNone, "mov to dr0 is emulated");
    GUARDED("movq %%dr0, %0", : "=r"(value));
    expect_eq(value, 0x1234, "and is seen");
    GUARDED("movq %0, %%dr0", ::"r"(0xffff830000000000));
    expect_eq(last_trap.vector, kProtection, "a hypervisor address is #GP");
}

} // namespace

void test_main()
{
    install_traps();
    step("the interrupt flag");
    check_interrupt_flag();
    step("control registers");
    check_control_registers();
    check_cr3_write();
    step("refused instructions");
    check_refused();
    step("debug registers by mov");
    check_debug_registers();
}
