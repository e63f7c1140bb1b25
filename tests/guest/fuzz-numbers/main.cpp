// SPDX-License-Identifier: MIT
// Every hypercall number with wild sub-operations, pointers, counts and domain ids: nothing may succeed that should
// not, and afterwards the page tables, the shared info, events, traps and the reservation are what they were.
// RUN: timeout=120
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

// Unmapped, hypervisor, non-canonical, beyond everything; small numbers are sub-operations, counts and domain ids.
constexpr u64 kFirst[] = {0, 1, 2, 3, 4, 5, 6, 7, 9, 13, 26, 63, 99, 0x1000, 0xffff830000000000, ~0ul};
constexpr u64 kPointers[] = {0x1000, 0xffff830000000000, 0xffff87fffffffff8, 0x8000000000000000, ~0ul - 7};
constexpr u64 kThird[] = {1, 0x7fffffff, 0xffff830000000000, ~0ul};

// Calls that by their meaning do not come back or change the test's own footing.
bool excluded(u64 number, u64 first)
{
    switch (number) {
    case PV_HYPERCALL_IRET: return true;
    case PV_HYPERCALL_SCHED_OP_COMPAT: return first != PV_SCHEDOP_YIELD;
    case PV_HYPERCALL_SCHED_OP: return first == PV_SCHEDOP_BLOCK;
    case PV_HYPERCALL_VCPU_OP: return first == PV_VCPUOP_DOWN || first == PV_VCPUOP_IS_UP;
    case PV_HYPERCALL_STACK_SWITCH:
    case PV_HYPERCALL_SET_CALLBACKS:
    case PV_HYPERCALL_SET_SEGMENT_BASE:
    case PV_HYPERCALL_SET_TIMER_OP:
    case PV_HYPERCALL_VM_ASSIST: return true;
    case PV_HYPERCALL_KEXEC_OP: return true;
    default: return false;
    }
}

u64 hash(u64 h, const volatile u64* words, u64 count)
{
    for (u64 i = 0; i < count; ++i) {
        h = (h ^ words[i]) * 0x100000001b3;
    }
    return h;
}

u64 state()
{
    u64 h = 0xcbf29ce484222325;
    const auto* tables = reinterpret_cast<const u64*>(start_info->pt_base);
    for (u64 i = 0; i < start_info->nr_pt_frames * 512; ++i) {
        h = (h ^ (tables[i] & ~(kAccessed | kDirty))) * 0x100000001b3;
    }
    h = hash(h, shared_info().evtchn_mask, 64);
    pv_memory_domain d = {.domid = PV_DOMID_SELF};
    return h ^ static_cast<u64>(memory_op(PV_XENMEM_CURRENT_RESERVATION, &d));
}

// Folds the results of one number, so that two hypervisors can be compared by their logs; the word "verbose" on the
// command line prints each.
void try_number(u64 number)
{
    static const bool verbose = has_argument("verbose");
    u64 results = 0xcbf29ce484222325, positive = 0, calls = 0;
    for (u64 first : kFirst) {
        if (excluded(number, first)) {
            continue;
        }
        for (u64 second : kPointers) {
            long rc[4];
            for (unsigned i = 0; i < 4; ++i) {
                rc[i] = hypercall(number, first, second, kThird[i], PV_DOMID_SELF, second);
                positive += rc[i] > 0 && number != PV_HYPERCALL_XEN_VERSION && number != PV_HYPERCALL_MEMORY_OP;
                results = (results ^ static_cast<u64>(rc[i])) * 0x100000001b3;
                ++calls;
            }
            if (verbose) {
                print("call %lu 0x%lx 0x%lx: %ld %ld %ld %ld\n", number, first, second, rc[0], rc[1], rc[2], rc[3]);
            }
        }
    }
    if (calls != 0) {
        print("fuzz-numbers: %lu: %lu calls, results %lx\n", number, calls, results);
    }
    if (number != PV_HYPERCALL_GET_DEBUGREG) {
        expect_eq(positive, 0, "no call with wild arguments returns something");
    }
}

} // namespace

void test_main()
{
    install_traps();
    u32 port = bind_ipi();
    u64 before = state();
    for (u64 number = 0; number < 64; ++number) {
        try_number(number);
        if (state() != before) {
            print("  number %lu\n", number);
            expect(false, "page tables, event masks and reservation are as before");
            before = state();
        }
    }
    install_traps();
    step("still alive");
    GUARDED("ud2");
    expect_eq(last_trap.vector, kInvalidOpcode, "traps work");
    expect_rc(send(port), 0, "events work");
    expect(port_pending(port), "really");
    auto* space = new (alloc_page()) UserSpace;
    space->code_page()[0] = 0x0f;
    space->code_page()[1] = 0x0b;
    acknowledge_upcall();
    clear_port(port);
    expect_eq(run(space->context()).vector, kInvalidOpcode, "user mode works");
}
