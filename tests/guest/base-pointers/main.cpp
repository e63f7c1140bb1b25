// SPDX-License-Identifier: MIT
// NEW_BASEPTR and NEW_USER_BASEPTR (CONTRACT C.4): only L4 tables, pinned or not, validated on the way in; each holds
// its table until replaced; user and kernel tables are used for their mode only.
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "movq (%rbx), %rax; ud2");

namespace {

u64* copy_l4()
{
    u64* copy = alloc_table();
    __builtin_memcpy(copy, reinterpret_cast<void*>(start_info->pt_base), kPageSize);
    require(make_read_only(copy), "read-only");
    return copy;
}

u64 boot_mfn() { return mfn_of(reinterpret_cast<void*>(start_info->pt_base)); }

void check_kernel()
{
    u64* l4 = copy_l4();
    expect_rc(mmuext(PV_MMUEXT_NEW_BASEPTR, mfn_of(l4)), 0, "an L4 that is not pinned is validated");
    expect(!can_be_writable(l4), "it is held while in use");
    u64 cr3;
    asm volatile("movq %%cr3, %0" : "=r"(cr3));
    expect_eq(cr3 >> 12, mfn_of(l4), "mov from cr3 names it");
    expect_rc(mmuext(PV_MMUEXT_NEW_BASEPTR, mfn_of(l4)), 0, "the same again");
    expect_rc(mmuext(PV_MMUEXT_NEW_BASEPTR, boot_mfn()), 0, "back");
    expect(can_be_writable(l4), "and free");
    expect_rc(mmuext(PV_MMUEXT_NEW_BASEPTR, mfn_of(alloc_page())), -22, "a page mapped writable");
    u64 l3 = frame_of(*entry_of(kVirtBase, 4));
    expect_rc(mmuext(PV_MMUEXT_NEW_BASEPTR, l3), -22, "an L3");
    expect_rc(mmuext(PV_MMUEXT_NEW_BASEPTR, 1ul << 39), -22, "a frame beyond the machine");
    expect_rc(mmuext(PV_MMUEXT_NEW_BASEPTR, 0xa0), -22, "I/O memory");
    expect_rc(mmuext(PV_MMUEXT_NEW_BASEPTR, boot_mfn(), 0, 77), -3, "a domain that is not there");
    asm volatile("movq %%cr3, %0" : "=r"(cr3));
    expect_eq(cr3 >> 12, boot_mfn(), "refusals changed nothing");
}

void check_user()
{
    UserSpace a, b;
    a.load(user_begin, user_end);
    b.load(user_begin, user_end);
    *reinterpret_cast<u64*>(a.data_page()) = 0xaaaa;
    *reinterpret_cast<u64*>(b.data_page()) = 0xbbbb;
    TrapFrame context = a.context();
    context.rbx = kUserData;
    expect_eq(run(context).rax, 0xbbbb, "the table installed last is used");
    expect_rc(mmuext(PV_MMUEXT_NEW_USER_BASEPTR, mfn_of(a.l4())), 0, "switch");
    expect_eq(run(context).rax, 0xaaaa, "the user sees the other space");
    expect_eq(run(context).vector, kInvalidOpcode, "and ran to its end");
    expect_rc(mmuext(PV_MMUEXT_NEW_USER_BASEPTR, mfn_of(alloc_page())), -22, "a page mapped writable");
    expect_rc(mmuext(PV_MMUEXT_NEW_USER_BASEPTR, mfn_of(a.l1())), -22, "an L1");
    expect_rc(mmuext(PV_MMUEXT_NEW_USER_BASEPTR, 1ul << 39), -22, "a frame beyond the machine");
    expect_eq(run(context).rax, 0xaaaa, "refusals changed nothing");
    GUARDED("movq (%0), %%rax", ::"r"(kUserData) : "rax");
    expect_eq(last_trap.vector, kPageFault, "the kernel's own table has no user half unless it puts one in");
    expect_rc(unpin(a.l4()), 0, "unpin while in use");
    expect(!can_be_writable(a.l4()), "the base pointer holds it");
    expect_rc(mmuext(PV_MMUEXT_NEW_USER_BASEPTR, 0), 0, "none");
    expect(can_be_writable(a.l4()), "nobody holds it");
    expect_rc(mmuext(PV_MMUEXT_NEW_USER_BASEPTR, mfn_of(b.l4())), 0, "the second space");
    expect_eq(run(context).rax, 0xbbbb, "works");
}

void check_pair()
{
    u64* l4 = copy_l4();
    UserSpace space;
    pv_mmuext_op ops[3] = {};
    ops[0].cmd = PV_MMUEXT_NEW_BASEPTR;
    ops[0].arg1.mfn = mfn_of(l4);
    ops[1].cmd = PV_MMUEXT_NEW_USER_BASEPTR;
    ops[1].arg1.mfn = mfn_of(space.l4());
    u32 done = 99;
    expect_rc(hypercall(PV_HYPERCALL_MMUEXT_OP, addr(ops), 2, addr(&done), PV_DOMID_SELF), 0, "both in one call");
    expect_eq(done, 2, "done");
    ops[0].arg1.mfn = boot_mfn();
    ops[1].cmd = 99;
    ops[2].cmd = PV_MMUEXT_TLB_FLUSH_LOCAL;
    expect_rc(hypercall(PV_HYPERCALL_MMUEXT_OP, addr(ops), 3, addr(&done), PV_DOMID_SELF), -38, "a bad one");
    expect_eq(done, 1, "ends the list, with the count");
    expect_rc(hypercall(PV_HYPERCALL_MMUEXT_OP, 0x1000, 1, 0, PV_DOMID_SELF), -14, "an unreadable list");
    done = 99;
    expect_rc(hypercall(PV_HYPERCALL_MMUEXT_OP, addr(ops), 2, addr(&done), 77), -3, "an absent domain");
    expect_eq(done, 99, "is found before the count is written, unlike in mmu_update");
    expect_rc(hypercall(PV_HYPERCALL_MMUEXT_OP, addr(ops), 0, addr(&done), PV_DOMID_SELF), 0, "an empty list");
}

} // namespace

void test_main()
{
    install_traps();
    step("the kernel's");
    check_kernel();
    step("the user's");
    check_user();
    step("in pairs");
    check_pair();
}
