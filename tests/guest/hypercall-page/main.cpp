// SPDX-License-Identifier: MIT
// A kernel of the older shape: its notes name a hypercall page and no INIT_P2M. The page holds one 32-byte stub a
// number, callable from the first instruction; the p2m list lies inside the boot mapping.
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

extern "C" {
extern char hypercall_page[];
extern char iret_arrived[];
}

namespace {

long call_stub(unsigned number, u64 a, u64 b)
{
    long result;
    u64 rcx = 0xc0c0, r11 = 0x1111;
    asm volatile("movq %[r11], %%r11; movq $0xc0c0, %%rcx; call *%[stub]; movq %%r11, %[r11]"
                 : "=a"(result), "+D"(a), "+S"(b), "=&c"(rcx), [r11] "+r"(r11)
                 : [stub] "r"(hypercall_page + number * 32)
                 : "rdx", "r8", "r9", "r10", "r11", "memory");
    expect_eq(rcx, 0xc0c0, "the stub keeps rcx");
    expect_eq(r11, 0x1111, "the stub keeps r11");
    return result;
}

// The iret stub is jumped to, with rax r11 rcx flags rip cs rflags rsp ss not yet complete: it pushes rcx r11 rax.
void check_iret_stub()
{
    u64 stack = 0;
    asm volatile("movq %%rsp, %%rbx; movq %%rsp, %%rdx\n\t"
                 "pushq $0xe02b; pushq %%rdx; pushq $0x2; pushq $0xe030; pushq $iret_arrived; pushq $0\n\t"
                 "movl $0x5151, %%eax; movl $0xc1c1, %%ecx; movl $0xb1b1, %%r11d\n\t"
                 "jmp *%[stub]\n"
                 "iret_arrived: movq %%rsp, %[out]; movq %%rbx, %%rsp; subq %%rbx, %[out]\n\t"
                 "cmpl $0x5151, %%eax; jne 1f; cmpl $0xc1c1, %%ecx; jne 1f; cmpl $0xb1b1, %%r11d; je 2f\n"
                 "1: movq $-1, %[out]\n2:"
                 : [out] "=&r"(stack)
                 : [stub] "r"(hypercall_page + PV_HYPERCALL_IRET * 32)
                 : "rax", "rbx", "rcx", "rdx", "r11", "memory", "cc");
    expect_eq(stack, 0, "the iret stub restores rax rcx r11 and rsp");
}

} // namespace

void test_main()
{
    step("stubs of the hypercall page");
    expect_rc(call_stub(PV_HYPERCALL_XEN_VERSION, PV_XENVER_VERSION, 0), 4 << 16 | 17, "xen_version by its stub");
    expect_rc(call_stub(63, 0, 0), -38, "stub 63");
    expect_rc(call_stub(127, 0, 0), -38, "stub 127");
    check_iret_stub();
    step("the p2m list of an old kernel");
    u64 list = start_info->mfn_list;
    expect(list >= addr(image_end) && entry_of(list) != nullptr, "the list lies in the boot mapping behind the image");
    print("hypercall-page: p2m list at 0x%lx\n", list);
    const auto* p2m = reinterpret_cast<const u64*>(list);
    expect_eq(m2p(p2m[start_info->nr_pages - 1]), start_info->nr_pages - 1, "its last entry");
    expect_eq(start_info->flags & PV_SIF_MOD_START_PFN, 0, "no module by PFN without the note");
    install_traps();
    GUARDED("ud2");
    expect_eq(last_trap.vector, kInvalidOpcode, "traps work");
}
