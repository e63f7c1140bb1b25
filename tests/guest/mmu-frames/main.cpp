// SPDX-License-Identifier: MIT
// Which frames dom0 may map (CONTRACT A.9): its own, memory that is no RAM anywhere in the address space, its shared
// and grant frames; never the hypervisor's memory, free memory, the local APIC, or the M2P writable.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

namespace {

u8* window;

long map(u64 mfn, u64 flags) { return set_mapping(window, entry(mfn, flags)); }

void check_io()
{
    expect_rc(map(0xa0, kRw), 0, "the VGA hole, writable");
    expect_rc(map(0xf0, kPresent), 0, "the BIOS");
    expect_rc(map(0x1000000, kRw | kCacheDisable), 0, "an address above the memory");
    expect_rc(map(0xb0000, kRw | kCacheDisable), 0, "the PCI configuration window");
    expect_rc(map(0x8000000, kRw | kCacheDisable), 0, "a 64-bit device address");
    expect_rc(map(0xb8, kRw | kCacheDisable | kWriteThrough), 0, "text memory uncached");
    *reinterpret_cast<volatile u16*>(window) = 0x0741;
    expect_rc(map(0xfee00, kRw), -1, "the local APIC, writable");
    expect_rc(map(0xfee00, kPresent), -1, "the local APIC, read-only");
    expect_eq(*entry_of(addr(window)) >> 12 & 0xfffff, 0xb8, "the refused entry changed nothing");
    // Xen drops W silently, a refusal is as good.
    bool mapped = map(0xfec00, kRw) == 0;
    expect(!mapped || (*entry_of(addr(window)) & kWrite) == 0, "the IOAPIC is never writable");
}

bool is_ram(u64 mfn)
{
    static pv_e820_entry entries[64];
    static pv_memory_map map = {};
    if (map.nr_entries == 0) {
        map = {.nr_entries = 64, .hole0 = 0, .buffer = addr(entries)};
        require(memory_op(PV_XENMEM_MACHINE_MEMORY_MAP, &map), "machine_memory_map");
    }
    for (u32 i = 0; i < map.nr_entries; ++i) {
        const pv_e820_entry& e = entries[i];
        if (e.type == PV_E820_RAM && mfn << 12 >= e.addr && (mfn + 1) << 12 <= e.addr + e.size) {
            return true;
        }
    }
    return false;
}

// All memory of the machine that is not the domain's: every frame must be refused.
void check_not_owned()
{
    u64 grant_frame = 0, accepted = 0, tried = 0;
    pv_gnttab_setup_table setup = {};
    setup.dom = PV_DOMID_SELF;
    setup.nr_frames = 1;
    setup.frame_list = addr(&grant_frame);
    require(grant_op(PV_GNTTABOP_SETUP_TABLE, &setup, 1), "setup_table");
    for (u64 mfn = 0x100; mfn < start_info->nr_pages * 4; ++mfn) {
        u64 pfn = m2p(mfn);
        bool own = pfn < start_info->nr_pages && reinterpret_cast<u64*>(start_info->mfn_list)[pfn] == mfn;
        if (own || !is_ram(mfn) || mfn == start_info->shared_info >> 12 || mfn == grant_frame) {
            continue;
        }
        ++tried;
        if (map(mfn, kRw) == 0 || map(mfn, kPresent) == 0) {
            ++accepted;
            print("  frame 0x%lx could be mapped, m2p 0x%lx\n", mfn, pfn);
        }
    }
    expect(tried > 20000, "the machine has more memory than the domain");
    expect_eq(accepted, 0, "none can be mapped, not even for reading");
}

void check_m2p_frames()
{
    // The M2P's own frames may be readable for a toolstack, never writable.
    pv_machphys_mfn_list list = {};
    u64 mfns[4] = {};
    list.max_extents = 4;
    list.extent_start = addr(mfns);
    long rc = memory_op(PV_XENMEM_MACHPHYS_MFN_LIST, &list);
    expect_rc(rc, 0, "machphys_mfn_list");
    expect(list.nr_extents >= 1, "at least one extent");
    expect(map(mfns[0], kRw) < 0, "the M2P cannot be mapped writable");
}

void check_shared()
{
    expect_rc(map(start_info->shared_info >> 12, kRw), 0, "shared_info, writable");
    expect_rc(mmuext(PV_MMUEXT_PIN_L1_TABLE, start_info->shared_info >> 12), -22, "but it can be no page table");
}

void check_out_of_range()
{
    const u64 wild[] = {1ul << 39, (1ul << 40) - 1, 1ul << 38, 1ul << 30};
    for (u64 mfn : wild) {
        long rc = map(mfn, kRw);
        if (!expect(mfn >= 1ul << 28 ? rc < 0 : rc == 0, "a frame beyond the address width")) {
            print("  mfn 0x%lx rc %ld\n", mfn, rc);
        }
    }
}

} // namespace

void test_main()
{
    install_traps();
    window = alloc_page();
    u64 original = *entry_of(addr(window));
    step("I/O memory");
    check_io();
    step("frames of others");
    check_not_owned();
    step("the M2P");
    check_m2p_frames();
    step("shared_info");
    check_shared();
    step("out of range");
    check_out_of_range();
    expect_rc(set_mapping(window, original), 0, "the window's own page");
    expect(can_be_writable(window), "and its counts are sound");
}
