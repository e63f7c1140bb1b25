// SPDX-License-Identifier: MIT
// A user program of random bytes, thousands of times, cut off by a timer: whatever it does ends in the guest kernel,
// and the kernel's memory, tables and state are what they were.
// RUN: timeout=120
// RUN: parapet.variant=xpti=on
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/random.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

constinit Random random{0x9e3779b97f4a7c15};

u64 tables_hash()
{
    u64 h = 0xcbf29ce484222325;
    const auto* tables = reinterpret_cast<const u64*>(start_info->pt_base);
    for (u64 i = 0; i < start_info->nr_pt_frames * 512; ++i) {
        h = (h ^ (tables[i] & ~(kAccessed | kDirty))) * 0x100000001b3;
    }
    return h;
}

void randomise(TrapFrame& t)
{
    u64* words[] = {&t.rax, &t.rbx, &t.rcx, &t.rdx, &t.rsi, &t.rdi, &t.rbp, &t.r8,
                    &t.r9,  &t.r10, &t.r11, &t.r12, &t.r13, &t.r14, &t.r15};
    for (u64* word : words) {
        u64 kind = random() % 4;
        *word = kind == 0 ? kUserData + random() % 4096 : kind == 1 ? random() % 256 : random();
    }
    t.rip += random() % 64;
    t.rsp = kUserStackTop - random() % 2048;
    t.rflags = kUserRflags | (random() & 0xcd5);
}

} // namespace

void test_main()
{
    install_traps();
    u32 timer = 0;
    require(bind_virq(PV_VIRQ_TIMER, 0, &timer), "timer");
    clear_port_mask(timer);
    auto* space = new (alloc_page()) UserSpace;
    u64 before = tables_hash();
    u64 seen[8] = {}; // #DE/other, #UD, #GP, #PF, #DB/#BP, syscall, event, rest
    constexpr unsigned kRounds = 1500;
    for (unsigned round = 0; round < kRounds; ++round) {
        auto* code = reinterpret_cast<u64*>(space->code_page());
        for (unsigned i = 0; i < 32; ++i) {
            code[i] = random();
        }
        // QEMU's iretd takes a VM flag from ring 3 in long mode, which no CPU does: leave that opcode out.
        for (unsigned i = 0; i < 256; ++i) {
            u8& byte = space->code_page()[i];
            byte = byte == 0xcf ? 0x90 : byte;
        }
        acknowledge_upcall();
        clear_port(timer);
        pv_vcpu_set_singleshot_timer deadline = {.timeout_abs_ns = system_time() + 2000000, .flags = 0, .hole0 = 0};
        vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 0, &deadline);
        TrapFrame context = space->context();
        randomise(context);
        u64 v = run(context).vector;
        unsigned kind = v == 6 ? 1 : v == 13 ? 2 : v == 14 ? 3 : v == 1 || v == 3 ? 4 : v == 256 ? 5 : v == 257 ? 6 : 0;
        ++seen[v > 31 && v < 256 ? 7 : kind];
        vcpu_info().evtchn_upcall_mask = 1;
        asm volatile("xorl %%eax, %%eax; movw %%ax, %%ds; movw %%ax, %%es" ::: "eax");
    }
    print("nonsense-user: #UD %lu #GP %lu #PF %lu #DB/#BP %lu syscall %lu event %lu other %lu\n", seen[1], seen[2],
          seen[3], seen[4], seen[5], seen[6], seen[0] + seen[7]);
    expect(seen[1] > 100 && seen[3] > 100, "a good mixture of faults");
    expect_eq(tables_hash(), before, "the kernel's tables are untouched");
    expect_rc(xen_version(PV_XENVER_VERSION), 4 << 16 | 17, "hypercalls work");
    space->code_page()[0] = 0x0f;
    space->code_page()[1] = 0x0b;
    vcpu_op(PV_VCPUOP_STOP_SINGLESHOT_TIMER, 0, nullptr); // the last round's may not have fired yet
    acknowledge_upcall();
    clear_port(timer);
    expect_eq(run(space->context()).vector, kInvalidOpcode, "user mode works");
}
