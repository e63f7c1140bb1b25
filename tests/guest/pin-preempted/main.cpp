// SPDX-License-Identifier: MIT
// XSA-299, 310: pins and unpins of a big tree are interrupted by timer events whose handler attacks the very tables
// under validation: changes entries, pins and unpins parts, maps tables writable, switches base pointers. Afterwards
// no table in use is writable, and once everything is let go every frame is an ordinary page.
// RUN: timeout=40
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/random.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

constexpr unsigned kTables = 300;
u64 *l2, *l3, *l4, *l1[kTables], *spare_l4;
u8* page;
u32 port;
u64 upcalls, attacks[8], inside;
bool working;

constinit Random random{0x243f6a8885a308d3};

void arm()
{
    pv_vcpu_set_singleshot_timer request = {
        .timeout_abs_ns = system_time() + 20000 + random() % 300000, .flags = 0, .hole0 = 0};
    vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, 0, &request);
}

// The words only0 to only7 on the command line choose one kind of attack.
void attack()
{
    u64* table = l1[random() % kTables];
    unsigned slot = static_cast<unsigned>(random() % kTables);
    u64 kind = random() % 8;
    for (char c = '0'; c < '8'; ++c) {
        const char word[] = {'o', 'n', 'l', 'y', c, 0};
        if (has_argument(word)) {
            kind = static_cast<u64>(c - '0');
        }
    }
    ++attacks[kind];
    switch (kind) {
    case 0: mmu_update(maddr_of(&l2[slot]), 0); break;
    case 1: mmu_update(maddr_of(&l2[slot]), entry(mfn_of(l1[slot]), kTable)); break;
    case 2: mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(table)); break;
    case 3: mmuext(PV_MMUEXT_UNPIN_TABLE, mfn_of(table)); break;
    case 4:
        if (make_writable(table) == 0) {
            table[random() % 512] = entry(mfn_of(page), kRo);
            make_read_only(table);
        }
        break;
    case 5: mmu_update(maddr_of(&table[random() % 512]), entry(mfn_of(page), random() % 2 ? kRw : kRo)); break;
    case 6:
        mmuext(random() % 2 ? PV_MMUEXT_PIN_L3_TABLE : PV_MMUEXT_UNPIN_TABLE, mfn_of(random() % 2 ? l3 : l2));
        break;
    default: mmuext(random() % 2 ? PV_MMUEXT_PIN_L4_TABLE : PV_MMUEXT_UNPIN_TABLE, mfn_of(spare_l4)); break;
    }
}

bool on_event(TrapFrame& frame)
{
    if (frame.vector != kEvent) {
        return false;
    }
    ++upcalls;
    inside += working;
    acknowledge_upcall();
    clear_port(port);
    for (unsigned i = 0; working && i < 4; ++i) {
        attack();
    }
    arm();
    return true;
}

void build()
{
    page = alloc_page();
    l4 = alloc_table();
    l3 = alloc_table();
    l2 = alloc_table();
    spare_l4 = alloc_table();
    for (unsigned i = 0; i < kTables; ++i) {
        l1[i] = alloc_table();
        for (unsigned j = 0; j < 512; ++j) {
            l1[i][j] = entry(mfn_of(page), kRw);
        }
        l2[i] = entry(mfn_of(l1[i]), kTable);
        require(make_read_only(l1[i]), "read-only");
    }
    l3[0] = entry(mfn_of(l2), kTable);
    l4[0] = entry(mfn_of(l3), kTable);
    spare_l4[7] = l4[0];
    u64* upper[] = {l2, l3, l4, spare_l4};
    for (u64* table : upper) {
        require(make_read_only(table), "read-only");
    }
}

// While the tree is pinned, every table it reaches is read-only and refuses to be anything else.
void check_pinned()
{
    u64 bad = 0;
    for (unsigned i = 0; i < kTables; ++i) {
        bool reached = (l2[i] & kPresent) != 0 && frame_of(l2[i]) == mfn_of(l1[i]);
        bad += reached && (*entry_of(addr(l1[i])) & kWrite) != 0;
        bad += reached && i % 16 == 0 && can_be_writable(l1[i]);
    }
    bad += can_be_writable(l2) + can_be_writable(l3) + can_be_writable(l4);
    expect_eq(bad, 0, "no table of a pinned tree can be written");
}

void let_go()
{
    u64* upper[] = {l4, spare_l4, l3, l2};
    for (u64* table : upper) {
        while (mmuext(PV_MMUEXT_UNPIN_TABLE, mfn_of(table)) == 0) {
        }
    }
    for (u64* table : l1) {
        mmuext(PV_MMUEXT_UNPIN_TABLE, mfn_of(table));
    }
}

} // namespace

void test_main()
{
    install_traps();
    set_handler(on_event);
    build();
    require(bind_virq(PV_VIRQ_TIMER, 0, &port), "timer");
    clear_port_mask(port);
    unmask_events();
    arm();
    u64 pinned = 0;
    constexpr unsigned kRounds = 60;
    for (unsigned round = 0; round < kRounds; ++round) {
        working = true;
        long rc = mmuext(PV_MMUEXT_PIN_L4_TABLE, mfn_of(l4));
        working = false;
        asm volatile("" ::: "memory");
        pinned += rc == 0;
        if (rc == 0) {
            check_pinned();
            working = true;
            mmuext(PV_MMUEXT_UNPIN_TABLE, mfn_of(l4));
            working = false;
        }
        if (round % 8 == 7) {
            mask_events();
            let_go();
            for (unsigned i = 0; i < kTables; ++i) {
                mmu_update(maddr_of(&l2[i]), entry(mfn_of(l1[i]), kTable));
            }
            unmask_events();
        }
    }
    mask_events();
    vcpu_op(PV_VCPUOP_STOP_SINGLESHOT_TIMER, 0, nullptr);
    print(
        "pin-preempted: %lu of %lu pinned, %lu upcalls, %lu of them inside, attacks %lu %lu %lu %lu %lu %lu %lu %lu\n",
        pinned, static_cast<u64>(kRounds), upcalls, inside, attacks[0], attacks[1], attacks[2], attacks[3], attacks[4],
        attacks[5], attacks[6], attacks[7]);
    expect(pinned > 0, "some pins succeed");
    expect(inside > 0, "some were interrupted");
    let_go();
    u64 typed = 0;
    for (u64* table : l1) {
        typed += !can_be_writable(table);
    }
    expect_eq(typed, 0, "every L1 is an ordinary page again");
    expect(can_be_writable(l2) && can_be_writable(l3), "so are L2 and L3");
    expect(can_be_writable(l4) && can_be_writable(spare_l4), "and both L4");
    require(make_read_only(page), "read-only");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, mfn_of(page)), 0, "and no mapping of the data page was forgotten");
}
