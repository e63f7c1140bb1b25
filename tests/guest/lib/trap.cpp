// SPDX-License-Identifier: MIT
// Trap dispatch: an expected fault resumes at its label, an excursion (run) returns to its caller, the test's handler
// comes next, and anything else is a failed test with the frame printed. Runs with events masked on one vCPU.
#include "tests/guest/lib/trap.hpp"

#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"

extern "C" {
void enter_frame(guest::TrapFrame* frame);
[[noreturn]] void leave_frame();
void trap_dispatch(guest::TrapFrame* frame);
extern const guest::u64 trap_stubs[32];
extern const guest::u64 int80_stub, int81_stub, event_stub, failsafe_stub, syscall_stub, syscall32_stub, sysenter_stub;
}

namespace guest {

TrapFrame last_trap;
u64 last_rip_slot;
u64 last_cr2;
extern "C" u64 resume_at;
u64 resume_at;
alignas(4096) u8 entry_stack[kEntryStackSize];

namespace {

Handler handler;
bool excursion;

} // namespace

u64 stub_of(Vector vector)
{
    switch (vector) {
    case kInt80: return int80_stub;
    case kInt81: return int81_stub;
    case kSyscall: return syscall_stub;
    case kEvent: return event_stub;
    case kFailsafe: return failsafe_stub;
    case kSyscall32: return syscall32_stub;
    case kSysenter: return sysenter_stub;
    default: return trap_stubs[vector & 31];
    }
}

long set_trap(u8 vector, u8 flags, u16 cs, u64 address)
{
    pv_trap_info table[2] = {};
    table[0].vector = vector;
    table[0].flags = flags;
    table[0].cs = cs;
    table[0].address = address;
    return hypercall(PV_HYPERCALL_SET_TRAP_TABLE, addr(table));
}

long set_callback(u16 type, u16 flags, u64 address)
{
    pv_callback_register request = {};
    request.type = type;
    request.flags = flags;
    request.address = address;
    return callback_op(PV_CALLBACKOP_REGISTER, &request);
}

void set_handler(Handler new_handler) { handler = new_handler; }

void install_traps()
{
    static_cast<void>(&shared_info());
    pv_trap_info table[21] = {};
    unsigned n = 0;
    for (u8 vector = 0; vector < 20; ++vector) {
        if (vector == 2) {
            continue;
        }
        u8 dpl = vector == kBreakpoint || vector == kOverflow ? 3 : 0;
        table[n].vector = vector;
        table[n].flags = static_cast<u8>(dpl | 4);
        table[n].cs = kKernelCs;
        table[n].address = trap_stubs[vector];
        ++n;
    }
    require(hypercall(PV_HYPERCALL_SET_TRAP_TABLE, addr(table)), "set_trap_table");
    require(set_callback(PV_CALLBACKTYPE_EVENT, PV_CALLBACKF_MASK_EVENTS, event_stub), "event callback");
    require(set_callback(PV_CALLBACKTYPE_FAILSAFE, PV_CALLBACKF_MASK_EVENTS, failsafe_stub), "failsafe callback");
    require(set_callback(PV_CALLBACKTYPE_SYSCALL, PV_CALLBACKF_MASK_EVENTS, syscall_stub), "syscall callback");
    require(hypercall(PV_HYPERCALL_STACK_SWITCH, kKernelSs, entry_stack_top()), "stack_switch");
}

const TrapFrame& run(const TrapFrame& context)
{
    static TrapFrame scratch;
    scratch = context;
    excursion = true;
    enter_frame(&scratch);
    return last_trap;
}

} // namespace guest

void trap_dispatch(guest::TrapFrame* frame)
{
    using namespace guest;
    last_trap = *frame;
    last_rip_slot = addr(&frame->rip);
    if (frame->vector == kPageFault) {
        last_cr2 = vcpu_info().arch.cr2;
    }
    if (excursion) {
        excursion = false;
        leave_frame();
    }
    if (resume_at != 0) {
        frame->rip = resume_at;
        resume_at = 0;
        return;
    }
    if (handler != nullptr && handler(*frame)) {
        return;
    }
    print("%s: unexpected vector %lu error 0x%lx rip 0x%lx cs 0x%lx rflags 0x%lx rsp 0x%lx\n", guest_name,
          frame->vector, frame->error, frame->rip, frame->cs, frame->rflags, frame->rsp);
    fail("unexpected trap");
}
