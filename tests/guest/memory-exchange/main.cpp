// SPDX-License-Identifier: MIT
// XENMEM_exchange as dom0's swiotlb uses it (CONTRACT B.5): 64 single frames against one contiguous extent below an
// address limit and back; a failure has nr_exchanged 0 and nothing changed; hostile counters are refused (XSA-212).
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

constexpr unsigned kCount = 64;
u64 in[kCount], out[kCount];

u64* p2m() { return reinterpret_cast<u64*>(start_info->mfn_list); }
u64 spare_pfn(u64 i) { return start_info->nr_pages - kCount + i; }

pv_memory_exchange request(u64 in_count, u32 in_order, u64 out_count, u32 out_order, u32 bits)
{
    pv_memory_exchange x = {};
    x.in.extent_start = addr(in);
    x.in.nr_extents = in_count;
    x.in.extent_order = in_order;
    x.in.domid = PV_DOMID_SELF;
    x.out.extent_start = addr(out);
    x.out.nr_extents = out_count;
    x.out.extent_order = out_order;
    x.out.mem_flags = bits;
    x.out.domid = PV_DOMID_SELF;
    return x;
}

void fill()
{
    for (unsigned i = 0; i < kCount; ++i) {
        in[i] = p2m()[spare_pfn(i)];
    }
    out[0] = spare_pfn(0);
}

void check_there_and_back()
{
    fill();
    pv_memory_exchange x = request(kCount, 0, 1, 6, 31);
    expect_rc(memory_op(PV_XENMEM_EXCHANGE, &x), 0, "64 frames for one extent of order 6");
    expect_eq(x.nr_exchanged, kCount, "nr_exchanged");
    u64 mfn = out[0];
    expect_eq(mfn & (kCount - 1), 0, "the extent is naturally aligned");
    expect(mfn + kCount <= 1ul << (31 - 12), "and below the limit");
    u8* window = alloc_page();
    u64 original = *entry_of(addr(window));
    for (unsigned i = 0; i < kCount; ++i) {
        expect_eq(m2p(mfn + i), spare_pfn(i), "the M2P follows");
        expect_rc(set_mapping(window, entry(mfn + i, kRw)), 0, "the frames are ours");
    }
    u64 lost = 0;
    for (unsigned i = 0; i < kCount; ++i) {
        lost += in[i] - mfn < kCount || set_mapping(window, entry(in[i], kRw)) < 0;
    }
    expect_eq(lost, kCount, "the old ones are not");
    require(set_mapping(window, original), "window");
    in[0] = mfn;
    for (unsigned i = 0; i < kCount; ++i) {
        out[i] = spare_pfn(i);
    }
    x = request(1, 6, kCount, 0, 0);
    expect_rc(memory_op(PV_XENMEM_EXCHANGE, &x), 0, "and back");
    expect_eq(x.nr_exchanged, 1, "nr_exchanged");
    for (unsigned i = 0; i < kCount; ++i) {
        expect_eq(m2p(out[i]), spare_pfn(i), "the M2P follows");
        p2m()[spare_pfn(i)] = out[i];
    }
}

void refused(pv_memory_exchange x, long error, const char* what)
{
    u64 before = in[0], untouched = m2p(before);
    long rc = memory_op(PV_XENMEM_EXCHANGE, &x);
    expect_rc(rc, error, what);
    expect_eq(m2p(before), untouched, what);
}

void check_refused()
{
    fill();
    pv_memory_exchange x = request(kCount, 0, 1, 6, 13);
    expect_rc(memory_op(PV_XENMEM_EXCHANGE, &x), -12, "no memory below 8 KiB");
    expect_eq(x.nr_exchanged, 0, "nr_exchanged");
    refused(request(kCount, 0, 1, 5, 0), -22, "unequal sizes");
    refused(request(kCount, 0, kCount, 1, 0), -22, "unequal sizes");
    refused(request((1ul << 58) + 1, 6, kCount, 0, 0), -22, "sizes that overflow");
    x = request(kCount, 0, 1, 6, 0);
    x.nr_exchanged = kCount + 1;
    refused(x, -22, "more exchanged than there is");
    x.nr_exchanged = 1ul << 60;
    refused(x, -22, "a wild start");
    x = request(kCount, 0, 1, 6, 0);
    x.out.domid = 77;
    refused(x, -22, "two domains");
    x = request(kCount, 0, 1, 6, 0);
    x.out.extent_start = 0xffff830000000000;
    refused(x, -14, "an output list in the hypervisor");
    x = request(kCount, 0, 1, 6, 0);
    x.in.extent_start = 0xffff830000000000;
    refused(x, -14, "an input list in the hypervisor");
    expect_rc(hypercall(PV_HYPERCALL_MEMORY_OP, PV_XENMEM_EXCHANGE, 0x1000), -14, "a bad pointer");
    u8* page = alloc_page();
    fill();
    in[3] = mfn_of(page);
    x = request(kCount, 0, 1, 6, 0);
    long rc = memory_op(PV_XENMEM_EXCHANGE, &x);
    expect_rc(rc, -22, "a frame that is mapped");
    expect_eq(x.nr_exchanged, 0, "nr_exchanged");
    expect(can_be_writable(page), "it is still ours");
    in[3] = 1ul << 39;
    expect_rc(memory_op(PV_XENMEM_EXCHANGE, &x), -22, "a frame beyond the machine");
}

} // namespace

void test_main()
{
    install_traps();
    step("there and back");
    check_there_and_back();
    step("refused");
    check_refused();
    step("there and back again");
    check_there_and_back();
}
