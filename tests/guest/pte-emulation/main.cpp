// SPDX-License-Identifier: MIT
// Stores to read-only L1 tables (CONTRACT C.7): mov, xchg, cmpxchg, lock and/or, lock btr/bts act as if written, by
// mmu_update's rules and atomically on the whole entry; everything else stays an ordinary page fault of the guest's.
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

UserSpace* space;
u64* slot; // an unused entry of the user L1, seen through the kernel's read-only mapping
u64 mfn;

u64 mine(u64 value) { return value & ~(kUser | kGlobal | 1ul << 52); }

void start_with(u64 value) { require(mmu_update(maddr_of(slot), value), "preparing the entry"); }

void holds(u64 value, const char* what, int line = __builtin_LINE())
{
    expect_eq(last_trap.vector, kNone, "no fault", line);
    expect_eq(mine(*slot), mine(value), what, line);
}

void check_mov()
{
    u64 e = entry(mfn, kRw);
    start_with(0);
    GUARDED("movq %1, (%0)", ::"r"(slot), "r"(e) : "memory");
    holds(e, "mov of 8 bytes");
    GUARDED("movq $0, (%0)", ::"r"(slot) : "memory");
    holds(0, "mov of an immediate");
    GUARDED("movq %1, 16(%0,%2,8)", ::"r"(slot - 4), "r"(e), "r"(2ul) : "memory");
    holds(e, "mov with SIB and displacement");
}

void check_extended_registers()
{
    u64 e = entry(mfn, kRo);
    last_trap.vector = kNone;
    asm volatile("movq %0, %%r12; movq %1, %%r13; movq $91f, resume_at\n\tmovq %%r13, (%%r12)\n"
                 "91: movq $0, resume_at" ::"r"(slot),
                 "r"(e)
                 : "r12", "r13", "memory");
    holds(e, "mov with r12 and r13");
}

void check_xchg()
{
    u64 e = entry(mfn, kRw | kAccessed), old = 0;
    start_with(e);
    GUARDED("xchgq %0, (%1)", : "+r"(old) : "r"(slot) : "memory");
    holds(0, "xchg stores");
    expect_eq(mine(old), mine(e), "and gives the old entry");
    old = e;
    GUARDED("xchgq %0, (%1)", : "+r"(old) : "r"(slot) : "memory");
    holds(e, "xchg of a present entry");
    expect_eq(old, 0, "the old one");
    GUARDED("xchgq %0, 16(%1,%2,8)", : "+r"(old) : "r"(slot - 4), "r"(2ul) : "memory");
    holds(0, "xchg with SIB and displacement");
    expect_eq(mine(old), mine(e), "gives the old entry as well");
}

void check_cmpxchg()
{
    u64 e = entry(mfn, kRw), full = 0, expected = 0;
    start_with(0);
    GUARDED("lock cmpxchgq %2, (%1)", : "+a"(expected) : "r"(slot), "r"(e) : "memory", "cc");
    holds(e, "cmpxchg that compares equal");
    full = *slot;
    expected = 0x1234;
    u8 equal = 9;
    GUARDED("lock cmpxchgq %3, (%2); setz %1", : "+a"(expected), "+r"(equal) : "r"(slot), "r"(0ul) : "memory", "cc");
    holds(e, "cmpxchg that does not");
    expect_eq(mine(expected), mine(full), "gives the present entry");
    expect_eq(equal, 0, "with ZF clear");
    expected = full;
    GUARDED("cmpxchgq %3, (%2); setz %1", : "+a"(expected), "+r"(equal) : "r"(slot), "r"(0ul) : "memory", "cc");
    holds(0, "with the entry as read, without lock");
    expect_eq(equal, 1, "ZF is set");
}

void check_bit_operations()
{
    u64 e = entry(mfn, kPresent | kWrite | kUser | kAccessed | kDirty);
    u8 carry = 9;
    start_with(e);
    GUARDED("lock andb $0xfd, (%0)", ::"r"(slot) : "memory", "cc");
    holds(e & ~kWrite, "lock andb of one byte");
    GUARDED("lock orb $2, (%0)", ::"r"(slot) : "memory", "cc");
    holds(e, "lock orb");
    GUARDED("lock btrq $5, (%1); setc %0", : "+r"(carry) : "r"(slot) : "memory", "cc");
    holds(e & ~kAccessed, "lock btr");
    expect_eq(carry, 1, "CF is the old bit");
    GUARDED("lock btsq $5, (%1); setc %0", : "+r"(carry) : "r"(slot) : "memory", "cc");
    holds(e, "lock bts");
    expect_eq(carry, 0, "CF is the old bit");
    GUARDED("lock andq $-0x21, (%0)", ::"r"(slot) : "memory", "cc");
    holds(e & ~kAccessed, "lock andq of an immediate");
    GUARDED("lock orl $0x20, (%0)", ::"r"(slot) : "memory", "cc");
    holds(e, "lock orl of four bytes");
    GUARDED("lock andb $0xbf, (%0)", ::"r"(slot) : "memory", "cc");
    holds(e & ~kDirty, "lock andb clearing D");
}

// A refused store is a page fault of the guest, and nothing changed.
void refused(u64 value, const char* what, int line = __builtin_LINE())
{
    u64 before = *slot;
    GUARDED("movq %1, (%0)", ::"r"(slot), "r"(value) : "memory");
    expect_eq(last_trap.vector, kPageFault, what, line);
    expect_eq(last_trap.error, 3, "present, write, kernel", line);
    expect_eq(last_cr2, addr(slot), "cr2", line);
    expect_eq(*slot, before, "the old entry stays", line);
}

void check_rules()
{
    start_with(entry(mfn, kRo));
    refused(entry(mfn_of(space->l1()), kRw), "a writable mapping of the table itself");
    refused(entry(mfn_of(space->l4()), kRw), "a writable mapping of an L4");
    refused(entry(0xfee00, kRw), "the local APIC");
    refused(entry(1ul << 39, kRw), "a frame beyond the machine");
}

void check_forwarded()
{
    u64* table = space->l4();
    u64 before = table[9];
    GUARDED("movq %1, (%0)", ::"r"(&table[9]), "r"(entry(mfn, kRw)) : "memory");
    expect_eq(last_trap.vector, kPageFault, "a store to an L4 is the guest's fault");
    expect_eq(last_trap.error, 3, "its error code");
    expect_eq(table[9], before, "nothing changed");
    u8* page = alloc_page();
    require(make_read_only(page), "read-only");
    GUARDED("movq $5, (%0)", ::"r"(page) : "memory");
    expect_eq(last_trap.vector, kPageFault, "a store to a read-only page that is no table");
    expect_eq(last_trap.error, 3, "its error code");
    expect_eq(last_cr2, addr(page), "cr2");
    start_with(entry(mfn, kRo));
    GUARDED("movq $0, 4(%0)", ::"r"(slot) : "memory");
    expect_eq(last_trap.vector, kPageFault, "a store across two entries");
    GUARDED("incq (%0)", ::"r"(slot) : "memory", "cc");
    print("pte-emulation: incq gives vector %lu\n", last_trap.vector);
}

void check_user()
{
    // A user store to a page mapped read-only in user space is the user's fault, even when the frame is an L1.
    require(mmu_update(maddr_of(slot), entry(mfn_of(space->l1()), kPresent | kUser | kAccessed)),
            "map the L1 for the user");
    TrapFrame context = space->context();
    context.rbx = kUserBase + 5 * kPageSize;
    u64 before = space->l1()[0];
    const TrapFrame& t = run(context);
    expect_eq(t.vector, kPageFault, "a user cannot write a page table");
    expect_eq(t.error, 7, "present, write, user");
    expect_eq(space->l1()[0], before, "nothing changed");
    // Linux shares the user half with the kernel's tables: the address is then an L1 for the kernel too.
    auto* kernel_l4 = reinterpret_cast<u64*>(start_info->pt_base);
    require(mmu_update(maddr_of(kernel_l4), space->l3_entry()), "share the user half");
    expect_eq(run(context).error, 7, "a user cannot write it then either");
    expect_eq(space->l1()[0], before, "nothing changed");
    GUARDED("movq %1, 48(%0)", ::"r"(context.rbx), "r"(entry(mfn, kRo)) : "memory");
    expect_eq(last_trap.vector, kNone, "the kernel can, at the same address");
    expect_eq(frame_of(space->l1()[6]), mfn, "its entry is there");
    require(mmu_update(maddr_of(kernel_l4), 0), "no more");
}

} // namespace

USER_CODE(user, "movq $0, (%rbx); ud2");

void test_main()
{
    install_traps();
    space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    slot = &space->l1()[5];
    mfn = mfn_of(alloc_page());
    step("mov");
    check_mov();
    check_extended_registers();
    step("xchg");
    check_xchg();
    step("cmpxchg");
    check_cmpxchg();
    step("bit operations");
    check_bit_operations();
    step("rules");
    check_rules();
    step("forwarded");
    check_forwarded();
    step("user mode");
    check_user();
}
