// SPDX-License-Identifier: MIT
// The memory a domain wakes up in (CONTRACT A.5 to A.7): start_info, one contiguous boot mapping in 4 KiB pages with
// read-only page tables, the p2m list in its own slot, and an M2P that agrees with it from the first instruction.
// RUN: args=nonce=5eed word  two  spaces
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

constexpr u64 kP2m = 0x8000000000;
const u64* p2m() { return reinterpret_cast<const u64*>(start_info->mfn_list); }

void check_start_info()
{
    const pv_start_info& si = *start_info;
    expect(starts_with(si.magic, "xen-3.0-x86_64"), "magic");
    expect_eq(si.nr_pages, 64 << 8, "nr_pages is dom0_mem");
    expect_eq(si.shared_info & 0xfff, 0, "shared_info is a frame's address");
    expect_eq(si.flags & 0xff & ~PV_SIF_MOD_START_PFN, PV_SIF_PRIVILEGED | PV_SIF_INITDOMAIN, "flags of dom0");
    expect_eq(si.store_mfn, 0, "dom0 has no store frame");
    expect_eq(si.store_evtchn, 0, "dom0 has no store port");
    expect_eq(si.mfn_list, kP2m, "the p2m list is where INIT_P2M asks");
    expect_eq(si.mod_len, 0, "there is no module");
    expect_eq(si.mod_start, 0, "there is no module start");
    expect(starts_with(si.cmd_line, "nonce=5eed word  two  spaces"), "the command line lacks the file name only");
    print("boot-mapping: command line '%s'\n", si.cmd_line);
    expect_eq(addr(&si) & 0xfff, 0, "start_info is page-aligned");
    expect(addr(&si) >= addr(image_end), "start_info lies behind the image");
    expect(si.pt_base > addr(&si), "the page tables lie behind start_info");
    expect(entry_regs[7] > si.pt_base + si.nr_pt_frames * kPageSize - 1, "the stack lies behind the tables");
    if (si.console.dom0.info_off != 0) {
        expect(si.console.dom0.info_off >= sizeof si && si.console.dom0.info_off < kPageSize, "VGA info in the page");
    }
}

void check_mapping()
{
    u64 tables = start_info->pt_base, tables_end = tables + start_info->nr_pt_frames * kPageSize;
    u64 end = kVirtBase;
    u64 bad_flags = 0, bad_pfn = 0, bad_m2p = 0;
    for (u64* e; (e = entry_of(end)) != nullptr && (*e & kPresent) != 0; end += kPageSize) {
        bool table = end >= tables && end < tables_end;
        u64 want = table ? kPresent : kPresent | kWrite;
        bad_flags += (*e & (kPresent | kWrite | kNoExecute)) != want;
        bad_pfn += frame_of(*e) != p2m()[pfn_of(reinterpret_cast<void*>(end))];
        bad_m2p += m2p(frame_of(*e)) != (end - kVirtBase) / kPageSize;
    }
    expect_eq(bad_flags, 0, "every page is writable and executable, only the tables are read-only");
    expect_eq(bad_pfn, 0, "the mapping agrees with the p2m list");
    expect_eq(bad_m2p, 0, "the mapping agrees with the M2P");
    expect_eq(end & 0x3fffff, 0, "the mapping ends at a multiple of 4 MiB");
    expect(end - entry_regs[7] >= 0x80000, "there are 512 KiB behind the stack");
    for (u64 va = kVirtBase; va < end; va += 1 << 21) {
        expect((*entry_of(va, 2) & kPse) == 0, "no superpage maps the kernel");
    }
    expect_eq(frame_of(*entry_of(tables)), mfn_of(reinterpret_cast<void*>(tables)), "pt_base is the L4's address");
}

void check_p2m()
{
    u64 wrong = 0, twice = 0;
    for (u64 pfn = 0; pfn < start_info->nr_pages; ++pfn) {
        wrong += m2p(p2m()[pfn]) != pfn;
    }
    expect_eq(wrong, 0, "M2P[p2m[pfn]] is pfn for every page");
    expect_eq(twice, 0, "no frame twice");
    u64 nr = start_info->nr_p2m_frames, first = start_info->first_p2m_pfn;
    expect(nr >= start_info->nr_pages / 512, "the p2m frames hold the list");
    expect(first + nr <= start_info->nr_pages, "the p2m frames are the domain's");
    auto* tail = reinterpret_cast<volatile u64*>(kP2m) + ((start_info->nr_pages + 511) & ~511ul) - 1;
    u64 old = *tail;
    *tail = 0x1234;
    expect_eq(*tail, 0x1234, "the list is writable to its page's end");
    *tail = old;
}

void check_pages()
{
    u64 nonzero = 0;
    const auto* zero = reinterpret_cast<const u64*>(kVirtBase);
    for (unsigned i = 0; i < 512; ++i) {
        nonzero += zero[i] != 0;
    }
    expect_eq(nonzero, 0, "PFN 0 is zero");
    // Frames beyond the boot mapping: every third, mapped at one spare page; free memory holds nobody's data.
    u8* window = alloc_page();
    u64 original = *entry_of(addr(window)), dirty = 0;
    for (u64 pfn = start_info->nr_pages - 1000; pfn < start_info->nr_pages; pfn += 3) {
        require(set_mapping(window, entry(p2m()[pfn], kRw)), "mapping a frame beyond the boot mapping");
        for (unsigned i = 0; i < 512; ++i) {
            dirty += reinterpret_cast<u64*>(window)[i] != 0;
        }
    }
    expect_eq(dirty, 0, "unused memory is zero");
    require(set_mapping(window, original), "putting the window back");
}

void check_m2p_protection()
{
    install_traps();
    GUARDED("movq $0, (%0)", ::"r"(kM2p) : "memory");
    expect_eq(last_trap.vector, kPageFault, "the M2P is read-only");
    expect_eq(last_trap.error, 3, "a write fault on a present page of the kernel's");
    GUARDED("movq $0, (%0)", ::"r"(start_info->pt_base + 8 * 100) : "memory");
    expect_eq(last_trap.vector, kPageFault, "the boot L4 is read-only");
    pv_machphys_mapping mapping = {};
    expect_rc(memory_op(PV_XENMEM_MACHPHYS_MAPPING, &mapping), 0, "machphys_mapping");
    expect_eq(mapping.v_start, kM2p, "M2P start");
    expect_eq(mapping.v_end, 0xffff804000000000, "M2P end");
    expect(mapping.max_mfn > p2m()[0], "M2P index limit");
    // Far beyond the machine's memory the table has no page: an ordinary fault.
    GUARDED("movq (%0), %%rax", ::"r"(mapping.v_end - 8) : "rax", "memory");
    expect_eq(last_trap.vector, kPageFault, "a hole of the M2P faults");
    GUARDED("movq (%0), %%rax", ::"r"(0xffff830000000000) : "rax", "memory");
    expect_eq(last_trap.vector, kPageFault, "the hypervisor's memory cannot be read");
    expect_eq(last_cr2, 0xffff830000000000, "cr2 names the address");
}

} // namespace

void test_main()
{
    step("start_info");
    check_start_info();
    step("the boot mapping");
    check_mapping();
    step("p2m and M2P");
    check_p2m();
    step("contents of fresh memory");
    check_pages();
    step("protection of the M2P and the tables");
    static_cast<void>(&shared_info());
    check_m2p_protection();
}
