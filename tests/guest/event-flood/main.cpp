// SPDX-License-Identifier: MIT
// vCPUs that flood each other with events on every port there is: the even ones never stop sending, the odd ones sleep
// until one arrives and then send to all. vCPU 0 still wakes when its timer says so, and every vCPU goes on. With the
// word `forever` vCPU 0 floods, too, and there is no verdict: tests/system/fairness.py has such a neighbour.
// RUN: append=dom0_max_vcpus=4
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

constexpr u64 kMost = 4, kPorts = 16; // vCPUs, and ports of each
u64 vcpus;
u32 ports[kMost * kPorts]; // those of vCPU n from n * kPorts
volatile u64 rounds[kMost];

long poll(u32* first, u32 count, u64 timeout)
{
    pv_sched_poll request = {.ports = addr(first), .nr_ports = count, .hole0 = 0, .timeout = timeout};
    return sched_op(PV_SCHEDOP_POLL, &request);
}

// Never returns; may not touch what belongs to vCPU 0 in guest/lib.
[[noreturn]] void flood(u64 self)
{
    u32* const mine = ports + self * kPorts;
    for (;; __atomic_add_fetch(&rounds[self], 1, __ATOMIC_RELAXED)) {
        if (self % 2 != 0) {
            poll(mine, kPorts, 0);
        }
        for (u64 i = 0; i < kPorts; ++i) {
            clear_port(mine[i]);
        }
        for (u64 i = 0; i < vcpus * kPorts; ++i) {
            if (i / kPorts != self) {
                send(ports[i]);
            }
        }
    }
}

void bind_ports()
{
    for (u64 i = 0; i < vcpus * kPorts; ++i) {
        pv_evtchn_bind_ipi request = {.vcpu = static_cast<u32>(i / kPorts), .port = 0};
        require(event_op(PV_EVTCHNOP_BIND_IPI, &request), "bind_ipi");
        ports[i] = request.port;
        clear_port_mask(request.port);
    }
}

void start_vcpu(u64 vcpu)
{
    static pv_vcpu_guest_context context;
    context = {};
    context.flags = PV_VGCF_IN_KERNEL;
    context.user_regs.rip = reinterpret_cast<u64>(&flood);
    context.user_regs.rdi = vcpu;
    context.user_regs.cs = kKernelCsShown;
    context.user_regs.ss = kKernelSs;
    context.user_regs.rflags = kFlagReserved | kFlagIf;
    context.user_regs.rsp = addr(alloc_page()) + kPageSize - 8; // as after a call
    context.kernel_ss = kKernelSs;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = mfn_of(reinterpret_cast<void*>(start_info->pt_base)) << 12;
    shared_info().vcpu_info[vcpu].evtchn_upcall_mask = 1;
    require(vcpu_op(PV_VCPUOP_INITIALISE, vcpu, &context), "initialise");
    require(vcpu_op(PV_VCPUOP_UP, vcpu, nullptr), "up");
}

void check_sleeps()
{
    u32 quiet = bind_ipi();
    u64 before[kMost];
    for (u64 n = 1; n < vcpus; ++n) {
        before[n] = rounds[n];
    }
    const u64 start = system_time();
    for (u64 i = 0; i < 50; ++i) {
        const u64 wanted = system_time() + 5000000;
        expect_rc(poll(&quiet, 1, wanted), 0, "a sleep of 5 ms");
        expect(system_time() >= wanted, "not shorter");
    }
    expect(system_time() - start < 5000000000, "fifty of them take less than 5 s");
    for (u64 n = 1; n < vcpus; ++n) {
        expect(rounds[n] > before[n] + 10, "a vCPU goes on meanwhile");
    }
}

} // namespace

void test_main()
{
    install_traps();
    mask_events();
    while (vcpus < kMost && vcpu_op(PV_VCPUOP_IS_UP, vcpus, nullptr) >= 0) {
        ++vcpus;
    }
    expect_eq(vcpus, kMost, "vCPUs");
    step("ports");
    bind_ports();
    step("vCPUs");
    for (u64 n = 1; n < vcpus; ++n) {
        start_vcpu(n);
    }
    if (has_argument("forever")) {
        flood(0);
    }
    step("sleeps");
    check_sleeps();
}
