// SPDX-License-Identifier: MIT
// Runstate (CONTRACT D.4): the registered area and the query agree, times only grow and sum up, blocked time shows,
// and with runstate_update_flag the area is never seen half-written. The time area for user space is optional.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

void sleep_ns(u64 ns)
{
    pv_sched_poll request = {.ports = 0, .nr_ports = 0, .hole0 = 0, .timeout = system_time() + ns};
    require(sched_op(PV_SCHEDOP_POLL, &request), "poll");
}

} // namespace

void test_main()
{
    install_traps();
    static volatile pv_vcpu_runstate_info area;
    step("query");
    pv_vcpu_runstate_info first = {}, second = {};
    expect_rc(vcpu_op(PV_VCPUOP_GET_RUNSTATE_INFO, 0, &first), 0, "get_runstate_info");
    expect_eq(static_cast<u64>(first.state), PV_RUNSTATE_RUNNING, "running");
    expect(first.time[0] > 0, "for some time");
    step("registration");
    pv_vcpu_register_memory_area request = {};
    request.addr = addr(const_cast<pv_vcpu_runstate_info*>(&area));
    area.state_entry_time = 0;
    expect_rc(vcpu_op(PV_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA, 0, &request), 0, "register");
    expect_eq(static_cast<u64>(area.state), PV_RUNSTATE_RUNNING, "filled at once");
    expect(area.state_entry_time != 0, "with the entry time");
    step("blocked time");
    u64 slept = 0;
    for (int tries = 0; tries < 5 && slept < 25000000; ++tries) { // a busy host may stop us after we read the clock
        u64 blocked = area.time[PV_RUNSTATE_BLOCKED];
        sleep_ns(30000000);
        slept = area.time[PV_RUNSTATE_BLOCKED] - blocked;
        print("runstate: slept %lu ns\n", slept);
    }
    expect(slept >= 25000000 && slept < 3000000000, "sleep shows as blocked time");
    expect_eq(area.state_entry_time & PV_RUNSTATE_UPDATE, 0, "no update under way");
    expect_rc(vcpu_op(PV_VCPUOP_GET_RUNSTATE_INFO, 0, &second), 0, "query");
    expect(second.time[0] > first.time[0], "running time grows");
    expect(second.time[PV_RUNSTATE_BLOCKED] >= slept, "blocked time agrees");
    u64 sum = second.time[0] + second.time[1] + second.time[2] + second.time[3];
    expect(sum <= system_time(), "the times sum up to no more than there was");
    step("update flag");
    expect_rc(hypercall(PV_HYPERCALL_VM_ASSIST, PV_VMASST_CMD_ENABLE, PV_VMASST_TYPE_RUNSTATE_UPDATE_FLAG), 0,
              "assist");
    sleep_ns(5000000);
    expect_eq(area.state_entry_time & PV_RUNSTATE_UPDATE, 0, "the flag is clear when the guest runs");
    step("a bad area does no harm");
    request.addr = 0xffff830000000000;
    long rc = vcpu_op(PV_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA, 0, &request);
    expect(rc == 0 || rc == -14, "accepted and skipped, or refused");
    sleep_ns(2000000);
    request.addr = 0;
    rc = vcpu_op(PV_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA, 0, &request);
    expect(rc == 0 || rc == -14, "null");
    request.addr = 0x7000;
    rc = vcpu_op(PV_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA, 0, &request);
    expect(rc == 0 || rc == -14, "unmapped");
    sleep_ns(2000000);
    expect_rc(vcpu_op(PV_VCPUOP_GET_RUNSTATE_INFO, 0, &second), 0, "still alive");
}
