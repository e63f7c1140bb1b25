// SPDX-License-Identifier: MIT
// Delivery of events (CONTRACT C.5, E.1): nothing while masked, at once when unmasked at any return to the guest, in
// kernel and in user mode, with the mask saved in the frame; a port's own mask bit keeps the upcall away.
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "1: jmp 1b");

extern "C" {
extern char event_target[];
}
asm(".pushsection .text\nevent_target: ud2\n.popsection");

namespace {

UserSpace* space;
u32 port;
unsigned upcalls;
u8 mask_inside;
TrapFrame upcall;

bool on_event(TrapFrame& frame)
{
    if (frame.vector != kEvent) {
        return false;
    }
    ++upcalls;
    upcall = frame;
    mask_inside = vcpu_info().evtchn_upcall_mask;
    acknowledge_upcall();
    clear_port(port);
    return true;
}

void check_masked()
{
    upcalls = 0;
    mask_events();
    expect_rc(send(port), 0, "send");
    expect_eq(upcalls, 0, "masked: no upcall");
    expect(port_pending(port), "the port is pending");
    expect_eq(vcpu_info().evtchn_upcall_pending, 1, "upcall_pending is set");
    expect_eq(vcpu_info().evtchn_pending_sel, 1ul << (port / 64), "the selector bit is set");
    unmask_events();
    expect_eq(upcalls, 1, "unmasking and any hypercall brings it");
    expect_eq(mask_inside, 1, "masked inside");
    expect_eq(upcall.saved_mask(), 0, "the frame says unmasked");
    expect_eq(upcall.rflags & kFlagIf, kFlagIf, "IF in the frame");
    expect_eq(upcall.selector(), kKernelCsShown, "from kernel mode");
    expect_eq(vcpu_info().evtchn_upcall_mask, 0, "unmasked again after iret");
}

void check_unmasked()
{
    upcalls = 0;
    for (unsigned i = 0; i < 100; ++i) {
        send(port);
    }
    expect_eq(upcalls, 100, "unmasked: every send is delivered before the next instruction");
}

void check_port_mask()
{
    upcalls = 0;
    mask_port(port);
    send(port);
    expect_eq(upcalls, 0, "a masked port gives no upcall");
    expect(port_pending(port), "but is pending");
    expect_eq(vcpu_info().evtchn_upcall_pending, 0, "and upcall_pending stays clear");
    pv_evtchn_port request = {.port = port};
    expect_rc(event_op(PV_EVTCHNOP_UNMASK, &request), 0, "unmask");
    expect_eq(upcalls, 1, "unmask delivers what was pending");
    expect_rc(event_op(PV_EVTCHNOP_UNMASK, &request), 0, "unmask again");
    expect_eq(upcalls, 1, "nothing pending, nothing delivered");
    send(port);
    expect_eq(upcalls, 2, "the mask bit is clear now");
}

void check_iret()
{
    mask_events();
    send(port);
    u8* stack = alloc_page();
    TrapFrame context = {};
    context.rip = addr(event_target);
    context.cs = kKernelCsShown;
    context.rflags = kFlagReserved | kFlagIf;
    context.rsp = addr(stack) + kPageSize;
    context.ss = kKernelSs;
    const TrapFrame& t = run(context);
    expect_eq(t.vector, kEvent, "iret that unmasks delivers first");
    expect_eq(t.rip, addr(event_target), "before the target's first instruction");
    expect_eq(t.saved_mask(), 0, "with the new mask saved");
    context.rflags = kFlagReserved;
    expect_eq(run(context).vector, kInvalidOpcode, "iret that stays masked does not");
    const TrapFrame& u = run(space->context());
    expect_eq(u.vector, kEvent, "iret to user mode delivers first");
    expect_eq(u.rip, kUserCode, "before the user's first instruction");
    expect_eq(u.cs, kKernelCs, "with the user's cs");
    expect_eq(last_rip_slot, entry_stack_top() - 40, "on the kernel entry stack");
    acknowledge_upcall();
    clear_port(port);
}

void check_user_interrupted()
{
    u32 timer = 0;
    require(bind_virq(PV_VIRQ_TIMER, 0, &timer), "bind_virq");
    clear_port_mask(timer);
    pv_vcpu_set_singleshot_timer request = {.timeout_abs_ns = system_time() + 3000000, .flags = 0, .hole0 = 0};
    require(vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 0, &request), "singleshot");
    const TrapFrame& t = run(space->context());
    expect_eq(t.vector, kEvent, "a user loop is interrupted by the timer");
    expect_eq(t.rip, kUserCode, "at its instruction");
    expect(port_pending(timer), "the timer's port is pending");
    acknowledge_upcall();
    clear_port(timer);
}

void check_callback_flag()
{
    require(set_callback(PV_CALLBACKTYPE_EVENT, 0, stub_of(kEvent)), "event callback without mask_events");
    upcalls = 0;
    mask_events();
    send(port);
    unmask_events();
    expect_eq(upcalls, 1, "delivered once");
    expect_eq(mask_inside, 1, "the event callback is masked inside in any case");
    require(set_callback(PV_CALLBACKTYPE_EVENT, PV_CALLBACKF_MASK_EVENTS, stub_of(kEvent)), "event callback");
}

} // namespace

void test_main()
{
    install_traps();
    set_handler(on_event);
    space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    port = bind_ipi();
    step("masked");
    check_masked();
    step("unmasked");
    check_unmasked();
    step("a masked port");
    check_port_mask();
    step("at iret");
    check_iret();
    step("in user mode");
    check_user_interrupted();
    step("without mask_events");
    check_callback_flag();
}
