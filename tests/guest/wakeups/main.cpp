// SPDX-License-Identifier: MIT
// No wakeup is lost: on two CPUs five vCPUs pass tokens to each other, each wakes the next by an event while that
// one goes to sleep in every way there is: block or poll, with or without a deadline, alone or by a timer. A sleeper
// without deadline that misses its event never runs again. vCPU 0 watches; the word `long` makes it ten minutes.
// RUN: append=dom0_max_vcpus=6
// RUN: smp=2
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/random.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

constexpr u64 kWorkers = 5, kPatience = 3000000000; // ns
enum Way : u64 { kPoll, kPollSeveral, kPollDeadline, kBlock, kBlockTimer, kTimer, kWays };

/// Of one vCPU; its stack follows in the same page, so that its upcall finds it.
struct Worker {
    volatile pv_vcpu_info* info;
    u64 vcpu;
    u32 port, quiet, timer;
    volatile u64 tokens, rounds, way, since, late;
};
Worker* workers[kWorkers];

extern "C" void wakeups_upcall();
asm(R"(
    .text
wakeups_upcall:
    pop %rcx
    pop %r11
    push $0
    push %rcx
    push %r11
    push %rax
    mov %rsp, %rax
    and $-4096, %rax
    mov (%rax), %rax
    movb $0, (%rax)
    movq $0, 8(%rax)
    mfence
    mov $23, %eax
    syscall
)");
static_assert(__builtin_offsetof(pv_vcpu_info, evtchn_upcall_pending) == 0);
static_assert(__builtin_offsetof(pv_vcpu_info, evtchn_pending_sel) == 8);

long poll(const u32* first, u32 count, u64 timeout)
{
    pv_sched_poll request = {.ports = addr(first), .nr_ports = count, .hole0 = 0, .timeout = timeout};
    return sched_op(PV_SCHEDOP_POLL, &request);
}

void arm(const Worker& w, u64 deadline)
{
    pv_vcpu_set_singleshot_timer request = {.timeout_abs_ns = deadline, .flags = 0, .hole0 = 0};
    vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, w.vcpu, &request);
}

/// What came so far. The port last: one that stays pending while the selector is cleared would tell nobody any more.
void forget(Worker& w)
{
    w.info->evtchn_upcall_pending = 0;
    w.info->evtchn_pending_sel = 0;
    clear_port(w.port);
}

/// Until a token is there or, in some ways, for a while.
void sleep(Worker& w, Way way, u64 deadline)
{
    forget(w);
    clear_port(w.timer);
    if (w.tokens != 0) {
        return;
    }
    const u32 ports[] = {w.port, w.quiet};
    switch (way) {
    case kPoll: poll(ports, 1, 0); break;
    case kPollSeveral: poll(ports, 2, 0); break;
    case kPollDeadline: poll(ports, 1, deadline); break;
    case kBlockTimer: arm(w, deadline); [[fallthrough]];
    default: sched_op(PV_SCHEDOP_BLOCK, nullptr); break;
    }
    w.info->evtchn_upcall_mask = 1;
}

/// By its timer alone: what wakes it before is not it.
void sleep_by_timer(Worker& w, u64 deadline)
{
    clear_port(w.timer);
    arm(w, deadline);
    u64 now = system_time();
    while (now < deadline) {
        forget(w);
        if (!port_pending(w.timer)) {
            sched_op(PV_SCHEDOP_BLOCK, nullptr);
            w.info->evtchn_upcall_mask = 1;
        }
        now = system_time();
    }
    clear_port(w.timer);
    if (now - deadline > w.late) {
        w.late = now - deadline;
    }
}

[[noreturn]] void work(Worker& w)
{
    Random random{w.vcpu * 0x9e3779b97f4a7c15};
    for (;; __atomic_add_fetch(&w.rounds, 1, __ATOMIC_RELAXED)) {
        const Way way = static_cast<Way>(random() % kWays);
        w.way = way;
        const u64 now = system_time(), some = random() % 64 == 0 ? random() % 5000000 : random() % 100000;
        w.since = now;
        if (way == kTimer) {
            sleep_by_timer(w, now + some);
        }
        while (w.tokens == 0) {
            sleep(w, way == kTimer ? kBlock : way, system_time() + some);
        }
        __atomic_sub_fetch(&w.tokens, 1, __ATOMIC_SEQ_CST);
        if (random() % 4 == 0) {
            spin_ns(random() % 20000);
        }
        Worker& next = *workers[(w.vcpu + random() % (kWorkers - 1)) % kWorkers]; // vCPU n is worker n - 1
        __atomic_add_fetch(&next.tokens, 1, __ATOMIC_SEQ_CST);
        send(next.port);
        if (random() % 8 == 0) {
            sched_op(PV_SCHEDOP_YIELD, nullptr);
        }
    }
}

u32 bind_ipi_of(u64 vcpu)
{
    pv_evtchn_bind_ipi request = {.vcpu = static_cast<u32>(vcpu), .port = 0};
    require(event_op(PV_EVTCHNOP_BIND_IPI, &request), "bind_ipi");
    clear_port_mask(request.port);
    return request.port;
}

void start_worker(u64 n)
{
    Worker& w = *reinterpret_cast<Worker*>(alloc_page());
    workers[n] = &w;
    w.vcpu = n + 1;
    w.info = &shared_info().vcpu_info[w.vcpu];
    w.port = bind_ipi_of(w.vcpu);
    w.quiet = bind_ipi_of(w.vcpu);
    require(bind_virq(PV_VIRQ_TIMER, static_cast<u32>(w.vcpu), &w.timer), "bind_virq");
    clear_port_mask(w.timer);
    static pv_vcpu_guest_context context;
    context = {};
    context.flags = PV_VGCF_IN_KERNEL;
    context.user_regs.rip = reinterpret_cast<u64>(&work);
    context.user_regs.rdi = addr(&w);
    context.user_regs.cs = kKernelCsShown;
    context.user_regs.ss = kKernelSs;
    context.user_regs.rflags = kFlagReserved;
    context.user_regs.rsp = addr(&w) + kPageSize - 8; // as after a call
    context.kernel_ss = kKernelSs;
    context.kernel_sp = context.user_regs.rsp;
    context.event_callback_eip = reinterpret_cast<u64>(&wakeups_upcall);
    context.ctrlreg[3] = mfn_of(reinterpret_cast<void*>(start_info->pt_base)) << 12;
    w.info->evtchn_upcall_mask = 1;
    require(vcpu_op(PV_VCPUOP_INITIALISE, w.vcpu, &context), "initialise");
}

void report(u64 now)
{
    for (const Worker* w : workers) {
        print("  vCPU %lu: %lu rounds, way %lu since %lu us, %lu tokens, pending %lu, mask %lu, port %lu, timer %lu\n",
              w->vcpu, w->rounds, w->way, (now - w->since) / 1000, w->tokens,
              static_cast<u64>(w->info->evtchn_upcall_pending), static_cast<u64>(w->info->evtchn_upcall_mask),
              static_cast<u64>(port_pending(w->port)), static_cast<u64>(port_pending(w->timer)));
    }
}

/// Sleeps in between, so that CPUs are idle at times.
void watch(u64 length)
{
    const u32 quiet = bind_ipi();
    const u64 start = system_time();
    u64 moved = start, given = 0, all = 0;
    for (u64 now = start; now < start + length; now = system_time()) {
        if (given < 3 && now >= start + given * length / 3) { // one token first, three at last
            ++given;
            __atomic_add_fetch(&workers[0]->tokens, 1, __ATOMIC_SEQ_CST);
            send(workers[0]->port);
        }
        poll(&quiet, 1, now + 10000000);
        u64 sum = 0;
        for (u64 i = 0; i < kWorkers; ++i) {
            sum += workers[i]->rounds;
        }
        if (sum != all) {
            all = sum;
            moved = now;
        }
        if (!expect(system_time() < moved + kPatience, "tokens move on")) {
            return report(system_time());
        }
    }
    for (u64 i = 0; i < kWorkers; ++i) {
        expect(workers[i]->rounds > 100, "every vCPU had its turn");
    }
    report(system_time());
}

} // namespace

void test_main()
{
    install_traps();
    mask_events();
    step("vCPUs");
    for (u64 n = 0; n < kWorkers; ++n) {
        start_worker(n);
    }
    for (const Worker* w : workers) {
        require(vcpu_op(PV_VCPUOP_UP, w->vcpu, nullptr), "up");
    }
    step("tokens");
    watch(has_argument("long") ? 600000000000 : 6000000000);
}
