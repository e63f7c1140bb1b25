// SPDX-License-Identifier: MIT
// MMU_MACHPHYS_UPDATE: a domain sets the M2P entries of its own frames and of no others.
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

long set_m2p(u64 mfn, u64 pfn) { return mmu_update(mfn << 12 | PV_MMU_MACHPHYS_UPDATE, pfn); }

} // namespace

void test_main()
{
    install_traps();
    u8* page = alloc_page();
    u64 mfn = mfn_of(page), pfn = pfn_of(page);
    step("own frames");
    expect_rc(set_m2p(mfn, 0x123456), 0, "set");
    expect_eq(m2p(mfn), 0x123456, "the table shows it");
    expect_rc(set_m2p(mfn, ~0ul), 0, "any value");
    expect_eq(m2p(mfn), ~0ul, "the table shows it");
    expect_rc(set_m2p(mfn, pfn), 0, "back");
    expect_eq(m2p(mfn), pfn, "the table shows it");
    expect_rc(mmu_update((mfn << 12) + 0x800 + PV_MMU_MACHPHYS_UPDATE, 7), 0, "an address inside the frame");
    expect_eq(m2p(mfn), 7, "means the frame");
    expect_rc(set_m2p(mfn, pfn), 0, "back");
    u64 table = mfn_of(reinterpret_cast<void*>(start_info->pt_base));
    expect_rc(set_m2p(table, m2p(table)), 0, "a page table's frame");
    step("others");
    u64 other = 0;
    for (u64 candidate = 0x1000; other == 0; candidate += 7) {
        u64 p = m2p(candidate);
        bool own = p < start_info->nr_pages && reinterpret_cast<u64*>(start_info->mfn_list)[p] == candidate;
        other = own ? 0 : candidate;
    }
    const u64 frames[] = {other, 0xa0, 0xfee00, 1ul << 39, (1ul << 40) - 1, (1ul << 52) - 1};
    for (u64 frame : frames) {
        if (!expect_rc(set_m2p(frame, 1), -22, "a frame of no one or of another")) {
            print("  frame 0x%lx\n", frame);
        }
    }
    expect(m2p(other) != 1, "the other's entry stays");
    expect(can_be_writable(page), "no count was lost");
}
