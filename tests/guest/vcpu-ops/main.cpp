// SPDX-License-Identifier: MIT
// vcpu_op: which vCPUs exist (quickly: Linux asks 8192 times), and wrong vCPUs, pointers and timer arguments.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

void check_existence()
{
    expect_rc(vcpu_op(PV_VCPUOP_IS_UP, 0, nullptr), 1, "vCPU 0 is up");
    u64 wrong = 0;
    for (u64 vcpu = 1; vcpu < 8192; ++vcpu) {
        wrong += vcpu_op(PV_VCPUOP_IS_UP, vcpu, nullptr) != -2;
    }
    expect_eq(wrong, 0, "all others are -ENOENT");
    expect_rc(vcpu_op(PV_VCPUOP_IS_UP, 0xffffffff, nullptr), -2, "a wild vCPU");
    expect_rc(vcpu_op(PV_VCPUOP_UP, 1, nullptr), -2, "an absent vCPU cannot come up");
    expect_rc(vcpu_op(PV_VCPUOP_DOWN, 1, nullptr), -2, "nor go down");
    static pv_vcpu_guest_context context;
    expect_rc(vcpu_op(PV_VCPUOP_INITIALISE, 1, &context), -2, "nor be initialised");
    expect_rc(vcpu_op(PV_VCPUOP_INITIALISE, 0, &context), -17, "vCPU 0 is initialised already");
    expect_rc(vcpu_op(PV_VCPUOP_UP, 0, nullptr), 0, "up again is no error");
}

void check_timers()
{
    pv_vcpu_set_singleshot_timer single = {.timeout_abs_ns = system_time() + 1000000000, .flags = 0, .hole0 = 0};
    expect_rc(vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 0, &single), 0, "a deadline");
    expect_rc(vcpu_op(PV_VCPUOP_STOP_SINGLESHOT_TIMER, 0, nullptr), 0, "stop");
    expect_rc(vcpu_op(PV_VCPUOP_STOP_SINGLESHOT_TIMER, 0, nullptr), 0, "stop again");
    single.timeout_abs_ns = 1;
    single.flags = PV_VCPU_SSHOTTMR_FUTURE;
    long rc = vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 0, &single);
    expect(rc == 0 || rc == -62, "a past deadline with the future flag, which newer versions ignore");
    single.flags = 0;
    expect_rc(vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 0, &single), 0, "a past deadline without");
    expect_rc(vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 1, &single), -2, "an absent vCPU");
    pv_vcpu_set_periodic_timer periodic = {.period_ns = 999999};
    expect_rc(vcpu_op(PV_VCPUOP_SET_PERIODIC_TIMER, 0, &periodic), -22, "a period under a millisecond");
    periodic.period_ns = ~0ul;
    expect_rc(vcpu_op(PV_VCPUOP_SET_PERIODIC_TIMER, 0, &periodic), -22, "a wild period");
    expect_rc(vcpu_op(PV_VCPUOP_STOP_PERIODIC_TIMER, 0, nullptr), 0, "stop");
    expect_rc(vcpu_op(PV_VCPUOP_STOP_PERIODIC_TIMER, 0, nullptr), 0, "stop again");
}

void check_pointers()
{
    const u64 ops[] = {PV_VCPUOP_GET_RUNSTATE_INFO,  PV_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA,
                       PV_VCPUOP_SET_PERIODIC_TIMER, PV_VCPUOP_SET_SINGLESHOT_TIMER,
                       PV_VCPUOP_REGISTER_VCPU_INFO, PV_VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA};
    const u64 bad[] = {0x1000, 0x8000000000000000, 0xffff830000000000};
    for (u64 op : ops) {
        for (u64 pointer : bad) {
            if (!expect_rc(hypercall(PV_HYPERCALL_VCPU_OP, op, 0, pointer), -14, "a bad pointer")) {
                print("  op %lu pointer 0x%lx\n", op, pointer);
            }
        }
    }
}

} // namespace

void test_main()
{
    install_traps();
    step("existence");
    check_existence();
    step("timer arguments");
    check_timers();
    step("pointers");
    check_pointers();
}
