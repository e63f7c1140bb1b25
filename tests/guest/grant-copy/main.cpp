// SPDX-License-Identifier: MIT
// GNTTABOP_copy (CONTRACT F.1): between grants and own frames, within one page, by the grant's rights, with the busy
// flags gone afterwards; wrong arguments give a status and copy nothing.
#include "tests/guest/lib/grant.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

u8 *from, *to;

pv_gnttab_copy copy_request(u32 ref, u16 offset, u16 to_offset, u16 length)
{
    pv_gnttab_copy c = {};
    c.source.u.ref = ref;
    c.source.domid = 0;
    c.source.offset = offset;
    c.dest.u.gmfn = mfn_of(to);
    c.dest.domid = PV_DOMID_SELF;
    c.dest.offset = to_offset;
    c.len = length;
    c.flags = PV_GNTCOPY_SOURCE_GREF;
    c.status = 77;
    return c;
}

int copy(pv_gnttab_copy c)
{
    expect_rc(grant_op(PV_GNTTABOP_COPY, &c, 1), 0, "copy as a whole");
    return c.status;
}

void check_copies()
{
    grant(20, from, PV_GTF_PERMIT_ACCESS | PV_GTF_READONLY);
    for (unsigned i = 0; i < kPageSize; ++i) {
        from[i] = static_cast<u8>(i * 7 + i / 256);
    }
    const u16 lengths[] = {0, 1, 7, 64, 1500, 4096};
    for (u16 length : lengths) {
        u16 offset = static_cast<u16>(length == 4096 ? 0 : 100);
        __builtin_memset(to, 0, kPageSize);
        bool ok = expect_rc(copy(copy_request(20, offset, offset, length)), 0, "copy");
        ok &= expect(__builtin_memcmp(from + offset, to + offset, length) == 0, "all bytes");
        ok &= expect(length == 4096 || to[offset + length] == 0, "no more");
        if (!ok) {
            print("  length %lu\n", static_cast<u64>(length));
        }
    }
    expect_eq(grant_flags(20), PV_GTF_PERMIT_ACCESS | PV_GTF_READONLY, "no busy flag stays");
    pv_gnttab_copy c = copy_request(20, 0, 0, 64);
    c.source.u.gmfn = mfn_of(from);
    c.source.domid = PV_DOMID_SELF;
    c.flags = 0;
    expect_rc(copy(c), 0, "between own frames");
    grant(21, to);
    c = copy_request(20, 0, 0, 64);
    c.dest.u.ref = 21;
    c.dest.domid = 0;
    c.flags = PV_GNTCOPY_SOURCE_GREF | PV_GNTCOPY_DEST_GREF;
    expect_rc(copy(c), 0, "from grant to grant");
}

void nothing_copied(const char* what, pv_gnttab_copy c, int status)
{
    __builtin_memset(to, 0x11, kPageSize);
    expect_rc(copy(c), status, what);
    u64 changed = 0;
    for (unsigned i = 0; i < kPageSize; ++i) {
        changed += to[i] != 0x11;
    }
    expect_eq(changed, 0, "nothing was copied");
}

void check_refused()
{
    nothing_copied("crossing the source page", copy_request(20, 4000, 0, 97), PV_GNTST_BAD_COPY_ARG);
    nothing_copied("crossing the target page", copy_request(20, 0, 4000, 97), PV_GNTST_BAD_COPY_ARG);
    nothing_copied("a wild length", copy_request(20, 0, 0, 0xffff), PV_GNTST_BAD_COPY_ARG);
    nothing_copied("an offset behind the page", copy_request(20, 4097, 0, 0), PV_GNTST_BAD_COPY_ARG);
    nothing_copied("an unused grant", copy_request(22, 0, 0, 8), PV_GNTST_GENERAL_ERROR);
    nothing_copied("a grant out of range", copy_request(1u << 30, 0, 0, 8), PV_GNTST_BAD_GNTREF);
    pv_gnttab_copy c = copy_request(20, 0, 0, 8);
    c.source.domid = 77;
    nothing_copied("a domain that is not there", c, PV_GNTST_BAD_DOMAIN);
    c = copy_request(20, 0, 0, 8);
    c.dest.domid = 0;
    nothing_copied("another's frame without a grant", c, PV_GNTST_PERMISSION_DENIED);
    grant(23, to, PV_GTF_PERMIT_ACCESS | PV_GTF_READONLY);
    c = copy_request(20, 0, 0, 8);
    c.dest.u.ref = 23;
    c.dest.domid = 0;
    c.flags = PV_GNTCOPY_SOURCE_GREF | PV_GNTCOPY_DEST_GREF;
    nothing_copied("into a read-only grant", c, PV_GNTST_GENERAL_ERROR);
    c = copy_request(20, 0, 0, 8);
    c.dest.u.gmfn = mfn_of(reinterpret_cast<void*>(start_info->pt_base));
    nothing_copied("into a page table", c, PV_GNTST_GENERAL_ERROR);
    c.dest.u.gmfn = 1ul << 39;
    nothing_copied("into a frame beyond the machine", c, PV_GNTST_BAD_PAGE);
    c.dest.u.gmfn = 0xa0;
    nothing_copied("into I/O memory", c, PV_GNTST_BAD_PAGE);
    expect_eq(grant_flags(20), PV_GTF_PERMIT_ACCESS | PV_GTF_READONLY, "no busy flag stays");
    expect_eq(grant_flags(23), PV_GTF_PERMIT_ACCESS | PV_GTF_READONLY, "nor there");
}

void check_batch()
{
    static pv_gnttab_copy batch[32];
    for (unsigned i = 0; i < 32; ++i) {
        batch[i] = copy_request(20, static_cast<u16>(i * 8), static_cast<u16>(i * 8), 8);
    }
    batch[5].source.u.ref = 22;
    __builtin_memset(to, 0, kPageSize);
    expect_rc(grant_op(PV_GNTTABOP_COPY, batch, 32), 0, "a batch with one bad entry");
    unsigned good = 0;
    for (unsigned i = 0; i < 32; ++i) {
        good += batch[i].status == 0;
    }
    expect_eq(good, 31, "all others are done");
    expect_rc(batch[5].status, PV_GNTST_GENERAL_ERROR, "the bad one has its status");
    expect(__builtin_memcmp(from + 48, to + 48, 208) == 0, "their bytes are there");
}

} // namespace

void test_main()
{
    install_traps();
    from = alloc_page();
    to = alloc_page();
    step("copies");
    check_copies();
    step("refused");
    check_refused();
    step("a batch");
    check_batch();
    expect(can_be_writable(from) && can_be_writable(to), "no count was lost");
}
