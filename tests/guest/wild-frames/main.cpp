// SPDX-License-Identifier: MIT
// XSA-32: every operation that takes a frame number is called with frames that do not exist, are not memory, are the
// hypervisor's or free: an error, and nothing changes.
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

u64 wild[16];
unsigned count;

void collect()
{
    pv_machphys_mapping mapping = {};
    require(memory_op(PV_XENMEM_MACHPHYS_MAPPING, &mapping), "machphys_mapping");
    u64 free_frame = 0;
    for (u64 mfn = 0x2000; free_frame == 0; ++mfn) {
        u64 pfn = m2p(mfn);
        bool own = pfn < start_info->nr_pages && reinterpret_cast<u64*>(start_info->mfn_list)[pfn] == mfn;
        free_frame = own ? 0 : mfn;
    }
    const u64 values[] = {mapping.max_mfn + 1, 1ul << 28, 1ul << 39, (1ul << 40) - 1, 1ul << 40, (1ul << 52) - 1,
                          1ul << 52,           ~0ul,      0xa0,      0xfee00,         0xfec00,   0x100,
                          free_frame};
    for (u64 v : values) {
        wild[count++] = v;
    }
}

bool refused(bool ok, u64 mfn, const char* what)
{
    if (!expect(ok, what)) {
        print("  frame 0x%lx\n", mfn);
    }
    return ok;
}

void try_frame(u64 mfn)
{
    for (u32 command = PV_MMUEXT_PIN_L1_TABLE; command <= PV_MMUEXT_NEW_BASEPTR; ++command) {
        refused(mmuext(command, mfn) == -22, mfn, "pin, unpin, base pointer");
    }
    refused(mmuext(PV_MMUEXT_NEW_USER_BASEPTR, mfn) == -22, mfn, "user base pointer");
    refused(mmuext(PV_MMUEXT_CLEAR_PAGE, mfn) < 0, mfn, "clear page");
    u8* page = alloc_page();
    page[0] = 0x33;
    refused(mmuext(PV_MMUEXT_COPY_PAGE, mfn_of(page), mfn) < 0, mfn, "copy page from");
    refused(page[0] == 0x33, mfn, "copied nothing");
    refused(mmuext(PV_MMUEXT_COPY_PAGE, mfn, mfn_of(page)) < 0, mfn, "copy page to");
    u64 frames[1] = {mfn};
    refused(hypercall(PV_HYPERCALL_SET_GDT, addr(frames), 1) == -22, mfn, "set_gdt");
    u64 maddr = mfn << 12;
    bool truncated = mfn >= 1ul << 52;
    refused(truncated || mmu_update(maddr, 0) == -22, mfn, "mmu_update");
    refused(truncated || mmu_update(maddr | PV_MMU_MACHPHYS_UPDATE, 5) == -22, mfn, "machphys update");
    refused(truncated || hypercall(PV_HYPERCALL_UPDATE_DESCRIPTOR, maddr, 0) == -22, mfn, "update_descriptor");
    pv_vcpu_register_vcpu_info info = {.mfn = mfn, .offset = 0, .rsvd = 0};
    refused(vcpu_op(PV_VCPUOP_REGISTER_VCPU_INFO, 0, &info) == -22, mfn, "register_vcpu_info");
    auto* l4 = reinterpret_cast<u64*>(start_info->pt_base);
    if (!truncated) {
        refused(mmu_update(maddr_of(&l4[300]), entry(mfn & (kFrameMask >> 12), kTable)) == -22, mfn, "an L4 entry");
    }
    pv_physdev_pirq_eoi_gmfn gmfn = {.gmfn = mfn};
    refused(physdev_op(PV_PHYSDEVOP_PIRQ_EOI_GMFN_V2, &gmfn) < 0, mfn, "pirq_eoi_gmfn");
}

} // namespace

void test_main()
{
    install_traps();
    collect();
    for (unsigned i = 0; i < count; ++i) {
        try_frame(wild[i]);
    }
    u64 cr3;
    asm volatile("movq %%cr3, %0" : "=r"(cr3));
    expect_eq(cr3 >> 12, mfn_of(reinterpret_cast<void*>(start_info->pt_base)), "the base pointer is the same");
    u64 *to = alloc_table(), *from = alloc_table();
    from[5] = 0x77;
    expect_rc(mmuext(PV_MMUEXT_COPY_PAGE, mfn_of(to), mfn_of(from)), 0, "copy between own pages");
    expect_eq(to[5], 0x77, "copies");
    expect_rc(mmuext(PV_MMUEXT_CLEAR_PAGE, mfn_of(to)), 0, "clear an own page");
    expect_eq(to[5], 0, "clears");
    expect(mmuext(PV_MMUEXT_CLEAR_PAGE, mfn_of(reinterpret_cast<void*>(start_info->pt_base))) < 0,
           "never a page table");
}
