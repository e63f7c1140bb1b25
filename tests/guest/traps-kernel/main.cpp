// SPDX-License-Identifier: MIT
// Faults raised in guest kernel mode (CONTRACT C.5): vector, error code, the frame's place and words, what the saved
// mask byte and the flags say, and that every general register arrives as it was.
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

void check_vectors()
{
    GUARDED("xorl %%edx, %%edx; xorl %%ecx, %%ecx; divl %%ecx", ::: "eax", "ecx", "edx");
    expect_eq(last_trap.vector, kDivide, "#DE");
    GUARDED("ud2");
    expect_eq(last_trap.vector, kInvalidOpcode, "#UD");
    GUARDED("int3");
    expect_eq(last_trap.vector, kBreakpoint, "#BP");
    GUARDED("movw $0x28, %%ax; movw %%ax, %%fs", ::: "eax");
    expect_eq(last_trap.vector, kProtection, "#GP of an empty descriptor");
    expect_eq(last_trap.error, 0x28, "its error code is the selector");
    GUARDED("movq (%0), %%rax", ::"r"(0x8000000000000000) : "rax");
    expect_eq(last_trap.vector, kProtection, "#GP of a non-canonical address");
    expect_eq(last_trap.error, 0, "its error code");
}

void check_words()
{
    u64 top = addr(boot_stack) + 16384;
    // At an odd stack pointer: the frame must start below the next lower multiple of 16.
    asm volatile("movq $91f, resume_at; movq %%rsp, %%rbx; movq %[top], %%rsp\n\t"
                 "movq $0xc1, %%rcx; movq $0xb1, %%r11; movq $0xd1, %%rdx; movq $0xf1, %%r15; stc; cld\n"
                 "90: ud2\n91: movq %%rbx, %%rsp; movq $0, resume_at"
                 :
                 : [top] "r"(top - 8)
                 : "rbx", "rcx", "rdx", "r11", "r15", "memory", "cc");
    expect_eq(last_trap.vector, kInvalidOpcode, "#UD");
    expect_eq(last_trap.rsp, top - 8, "the interrupted stack pointer");
    expect_eq(last_rip_slot, top - 16 - 40, "the frame lies under the stack pointer aligned down to 16");
    expect_eq(last_trap.rcx, 0xc1, "rcx");
    expect_eq(last_trap.r11, 0xb1, "r11");
    expect_eq(last_trap.rdx, 0xd1, "rdx");
    expect_eq(last_trap.r15, 0xf1, "r15");
    expect_eq(last_trap.ss, kKernelSs, "ss");
    expect_eq(last_trap.cs, 1ul << 32 | kKernelCsShown, "cs: RPL 0, the mask byte in bits 32-39");
    expect_eq(last_trap.rflags & kFlagCf, kFlagCf, "the carry flag");
    expect_eq(last_trap.rflags & (kFlagIf | kFlagIopl | kFlagTf | kFlagNt), 0, "IF is the complement of the mask");
    expect_eq(handler_cs, kKernelCs, "the handler's cs");
    expect_eq(handler_ss, kKernelSs, "the handler's ss");
    expect_eq(handler_rflags & (kFlagTf | kFlagNt | kFlagRf | kFlagVm | kFlagAc | kFlagIopl | kFlagIf), kFlagIf,
              "the handler's real flags");
}

void check_mask()
{
    vcpu_info().evtchn_upcall_mask = 0;
    GUARDED("ud2");
    expect_eq(last_trap.cs, kKernelCsShown, "unmasked: the mask byte is 0");
    expect_eq(last_trap.rflags & kFlagIf, kFlagIf, "unmasked: IF is set in the frame");
    expect_eq(vcpu_info().evtchn_upcall_mask, 0, "iret took the mask back from IF");
    vcpu_info().evtchn_upcall_mask = 1;
    GUARDED("ud2");
    expect_eq(vcpu_info().evtchn_upcall_mask, 1, "masked stays masked");
}

u8 seen_mask;
bool note_mask(TrapFrame& frame)
{
    seen_mask = vcpu_info().evtchn_upcall_mask;
    frame.rip += 2;
    return true;
}

void check_mask_flag()
{
    set_handler(note_mask);
    vcpu_info().evtchn_upcall_mask = 0;
    asm volatile("ud2" ::: "memory");
    expect_eq(seen_mask, 1, "flag bit 2: the handler starts masked");
    require(set_trap(kInvalidOpcode, 0, kKernelCs, stub_of(kInvalidOpcode)), "#UD without the flag");
    vcpu_info().evtchn_upcall_mask = 0;
    asm volatile("ud2" ::: "memory");
    expect_eq(seen_mask, 0, "without it the mask is left alone");
    require(set_trap(kInvalidOpcode, 4, 0x10, stub_of(kInvalidOpcode)), "#UD with another cs");
    asm volatile("ud2" ::: "memory");
    expect_eq(handler_cs, kKernelCs, "the cs of the trap table is ignored");
    vcpu_info().evtchn_upcall_mask = 1;
    set_handler(nullptr);
}

void check_page_faults()
{
    u8* page = alloc_page();
    u64 mapped = *entry_of(addr(page));
    require(make_read_only(page), "read-only");
    vcpu_info().arch.cr2 = 0;
    GUARDED("movb $1, 5(%0)", ::"r"(page) : "memory");
    expect_eq(last_trap.vector, kPageFault, "write to a read-only page");
    expect_eq(last_trap.error, 3, "present, write, not user");
    expect_eq(last_cr2, addr(page) + 5, "cr2");
    require(set_mapping(page, 0), "unmap");
    GUARDED("movb 7(%0), %%al", ::"r"(page) : "rax", "memory");
    expect_eq(last_trap.error, 0, "read of an absent page");
    expect_eq(last_cr2, addr(page) + 7, "cr2");
    GUARDED("movb %%al, (%0)", ::"r"(page) : "memory");
    expect_eq(last_trap.error, 2, "write to an absent page");
    require(set_mapping(page, mapped), "map again");
    page[0] = 0x0f;
    page[1] = 0x0b;
    require(set_mapping(page, mapped | kNoExecute), "no-execute");
    GUARDED("jmp *%0", ::"r"(page) : "memory");
    expect_eq(last_trap.vector, kPageFault, "execution of a no-execute page");
    expect_eq(last_trap.error & ~0x10ul, 1, "present; the fetch bit is the CPU's");
    expect_eq(last_trap.error & 0x10, 0x10, "instruction fetch");
    expect_eq(last_trap.rip, addr(page), "rip is the target");
    u64 mov_cr2;
    asm volatile("movq %%cr2, %0" : "=r"(mov_cr2));
    expect_eq(mov_cr2, addr(page), "mov from cr2 is emulated");
}

} // namespace

void test_main()
{
    install_traps();
    step("vectors and error codes");
    check_vectors();
    step("words of the frame");
    check_words();
    step("the mask byte");
    check_mask();
    check_mask_flag();
    step("page faults");
    check_page_faults();
}
