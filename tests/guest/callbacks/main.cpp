// SPDX-License-Identifier: MIT
// callback_op, set_callbacks, stack_switch: bad types and addresses are refused and change nothing; a registration is
// in force at once; 32-bit entries can be registered; the kernel stack is used from the next entry on.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

USER_CODE(user, "ud2");

namespace {

void check_registration()
{
    const u16 types[] = {PV_CALLBACKTYPE_EVENT,     PV_CALLBACKTYPE_FAILSAFE, PV_CALLBACKTYPE_SYSCALL,
                         PV_CALLBACKTYPE_SYSCALL32, PV_CALLBACKTYPE_SYSENTER, PV_CALLBACKTYPE_NMI};
    for (u16 type : types) {
        bool ok = expect_rc(set_callback(type, 1, 0x0000800000000000), -22, "a non-canonical address");
        long rc = set_callback(type, 1, stub_of(kSyscall));
        ok &= expect(rc == 0 || type == PV_CALLBACKTYPE_NMI || type == PV_CALLBACKTYPE_SYSENTER, "a good one");
        if (!ok || rc != 0) {
            print("callbacks: type %lu register %ld\n", static_cast<u64>(type), rc);
        }
    }
    const u16 unknown[] = {6, 8, 9, 100, 0xffff};
    for (u16 type : unknown) {
        if (!expect_rc(set_callback(type, 0, stub_of(kSyscall)), -38, "an unknown type")) {
            print("  type %lu\n", static_cast<u64>(type));
        }
    }
    expect_rc(hypercall(PV_HYPERCALL_CALLBACK_OP, PV_CALLBACKOP_REGISTER, 0x1000), -14, "a bad pointer");
    pv_callback_unregister request = {};
    const u16 permanent[] = {PV_CALLBACKTYPE_EVENT, PV_CALLBACKTYPE_FAILSAFE, PV_CALLBACKTYPE_SYSCALL};
    for (u16 type : permanent) {
        request.type = type;
        expect_rc(callback_op(PV_CALLBACKOP_UNREGISTER, &request), -22, "cannot be unregistered");
    }
    request.type = 100;
    expect_rc(callback_op(PV_CALLBACKOP_UNREGISTER, &request), -38, "an unknown type");
}

void check_set_callbacks()
{
    install_traps();
    expect_rc(hypercall(PV_HYPERCALL_SET_CALLBACKS, stub_of(kEvent), stub_of(kFailsafe), stub_of(kSyscall)), 0,
              "all three");
}

void check_stack(UserSpace& space)
{
    u8* stack = alloc_page();
    expect_rc(hypercall(PV_HYPERCALL_STACK_SWITCH, kKernelSs, addr(stack) + kPageSize), 0, "stack_switch");
    expect_eq(run(space.context()).vector, kInvalidOpcode, "a user's trap");
    expect_eq(last_rip_slot, addr(stack) + kPageSize - 40, "uses the new stack");
    expect_rc(hypercall(PV_HYPERCALL_STACK_SWITCH, kKernelSs, addr(stack) + kPageSize - 8), 0, "a crooked stack");
    run(space.context());
    expect_eq(last_rip_slot, addr(stack) + kPageSize - 16 - 40, "is aligned down to 16");
    expect_rc(hypercall(PV_HYPERCALL_STACK_SWITCH, 0, addr(stack) + kPageSize), 0, "ss 0 is corrected");
    run(space.context());
    expect_eq(handler_ss, kKernelSs, "and the handler has a good ss");
    long rc = hypercall(PV_HYPERCALL_STACK_SWITCH, 0x18, addr(stack) + kPageSize);
    run(space.context());
    expect(rc == 0 && handler_ss == kKernelSs, "as Linux calls it, with ss 0x18");
}

} // namespace

void test_main()
{
    install_traps();
    step("registration");
    check_registration();
    step("set_callbacks");
    check_set_callbacks();
    step("the kernel stack");
    auto* space = new (alloc_page()) UserSpace;
    space->load(user_begin, user_end);
    check_stack(*space);
}
