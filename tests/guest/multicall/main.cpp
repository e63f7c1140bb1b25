// SPDX-License-Identifier: MIT
// multicall (CONTRACT B.4): entries in order with each result in place, a failing entry does not stop the rest, an
// iret inside takes effect and ends the batch (XSA-213), no nesting, bad pointers.
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "ud2");

namespace {

pv_multicall_entry list[64];

pv_multicall_entry call(u64 op, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0)
{
    return {.op = op, .result = 0x7777, .args = {a, b, c, d, 0, 0}};
}

long multicall(u64 count) { return hypercall(PV_HYPERCALL_MULTICALL, addr(list), count); }

void check_results()
{
    u8 *a = alloc_page(), *b = alloc_page();
    u64 ea = *entry_of(addr(a)), eb = *entry_of(addr(b));
    b[0] = 2;
    pv_feature_info features = {};
    list[0] = call(PV_HYPERCALL_XEN_VERSION, PV_XENVER_VERSION);
    list[1] = call(63);
    list[2] = call(PV_HYPERCALL_UPDATE_VA_MAPPING, addr(a), eb, PV_UVMF_INVLPG);
    list[3] = call(PV_HYPERCALL_UPDATE_VA_MAPPING, addr(a), entry(frame_of(*entry_of(addr(a), 2)), kRw), 0);
    list[4] = call(PV_HYPERCALL_XEN_VERSION, PV_XENVER_GET_FEATURES, addr(&features));
    list[5] = call(PV_HYPERCALL_MULTICALL, addr(list), 1);
    expect_rc(multicall(6), 0, "the batch");
    expect_rc(static_cast<long>(list[0].result), 4 << 16 | 17, "the first result");
    expect_rc(static_cast<long>(list[1].result), -38, "an unknown number");
    expect_rc(static_cast<long>(list[2].result), 0, "an update");
    expect_rc(static_cast<long>(list[3].result), -16, "a refused one");
    expect_rc(static_cast<long>(list[4].result), 0, "later entries are run");
    expect(features.submap != 0, "really");
    expect_rc(static_cast<long>(list[5].result), -22, "no nesting");
    expect_eq(*const_cast<volatile u8*>(a), 2, "the update is in force");
    require(set_mapping(a, ea), "back");
}

void check_many()
{
    for (auto& e : list) {
        e = call(PV_HYPERCALL_XEN_VERSION, PV_XENVER_VERSION);
    }
    expect_rc(multicall(64), 0, "64 entries");
    u64 wrong = 0;
    for (const auto& e : list) {
        wrong += e.result != (4 << 16 | 17);
    }
    expect_eq(wrong, 0, "all results");
    expect_rc(multicall(0), 0, "none");
}

const TrapFrame& run_iret_inside(UserSpace& space)
{
    u64 frame[9] = {0x1234, kUserRflags, kUserCode, 0, kUserCode, kKernelCs, kUserRflags, kUserStackTop, kKernelSs};
    for (auto& e : list) {
        e = call(PV_HYPERCALL_XEN_VERSION, PV_XENVER_VERSION);
    }
    list[1] = call(PV_HYPERCALL_IRET);
    u8* kernel_stack = alloc_page();
    // Enter a small piece of kernel code whose stack is the iret frame and which issues the multicall.
    auto* stack = reinterpret_cast<u64*>(kernel_stack + kPageSize) - 16;
    __builtin_memcpy(stack, frame, sizeof frame);
    TrapFrame context = space.context();
    extern char multicall_stub[] asm("multicall_stub");
    context.rip = addr(multicall_stub);
    context.cs = kKernelCsShown;
    context.rflags = kFlagReserved;
    context.rsp = addr(stack);
    context.rdi = addr(list);
    context.rsi = 4;
    context.rax = PV_HYPERCALL_MULTICALL;
    return run(context);
}

void check_iret(UserSpace& space)
{
    const TrapFrame& t = run_iret_inside(space);
    expect_eq(t.vector, kInvalidOpcode, "iret inside a multicall");
    expect_eq(t.rip, kUserCode, "leaves for user mode");
    expect_eq(t.cs, kKernelCs, "really");
    expect_eq(t.rax, 0x1234, "with the frame's rax");
    expect_rc(static_cast<long>(list[0].result), 4 << 16 | 17, "the entry before");
    expect_eq(list[2].result, 0x7777, "the entries behind are never run");
    expect_eq(list[3].result, 0x7777, "none of them");
}

/// The iret unmasks events, and one is pending: it comes from user mode, on the entry stack.
void check_event_after_iret(UserSpace& space)
{
    const u32 port = bind_ipi();
    mask_events();
    require(send(port), "send");
    const TrapFrame& t = run_iret_inside(space);
    expect_eq(t.vector, kEvent, "a pending event");
    expect_eq(t.rip, kUserCode, "before the user's first instruction");
    expect_eq(t.cs, kKernelCs, "from user mode");
    expect_eq(t.rsp, kUserStackTop, "the user's stack in the frame");
    expect_eq(last_rip_slot, entry_stack_top() - 40, "the frame is at the top of the entry stack");
    acknowledge_upcall();
    clear_port(port);
    require(close_port(port), "close");
}

void check_pointers()
{
    expect_rc(hypercall(PV_HYPERCALL_MULTICALL, 0x1000, 1), -14, "an unmapped list");
    expect_rc(hypercall(PV_HYPERCALL_MULTICALL, 0xffff830000000000, 1), -14, "the hypervisor's");
    expect_rc(hypercall(PV_HYPERCALL_MULTICALL, 0x8000000000000000, 1), -14, "non-canonical");
    u8* pages = alloc_page();
    alloc_page();
    auto* last = reinterpret_cast<pv_multicall_entry*>(pages + kPageSize) - 1;
    *last = call(PV_HYPERCALL_XEN_VERSION, PV_XENVER_VERSION);
    require(set_mapping(pages + kPageSize, 0), "unmap");
    expect_rc(hypercall(PV_HYPERCALL_MULTICALL, addr(last), 2), -14, "a list that runs into a hole");
    // Xen runs the readable part first; refusing the list as a whole is as good.
    expect(last->result == 0x7777 || last->result == (4 << 16 | 17), "the readable part is run or left alone");
    expect_rc(hypercall(PV_HYPERCALL_MULTICALL, addr(last), 0x7fffffff), -14, "a wild count");
    *last = call(PV_HYPERCALL_XEN_VERSION, PV_XENVER_VERSION);
    require(make_read_only(pages), "read-only");
    expect_rc(hypercall(PV_HYPERCALL_MULTICALL, addr(last), 1), -14, "a list that cannot be written");
}

} // namespace

asm(".pushsection .text\nmulticall_stub: syscall\nud2\n.popsection");

void test_main()
{
    install_traps();
    auto* space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    step("results");
    check_results();
    step("many");
    check_many();
    step("iret");
    check_iret(*space);
    step("an event after iret");
    check_event_after_iret(*space);
    step("pointers");
    check_pointers();
}
