// SPDX-License-Identifier: MIT
//
// The boot layout, on a guest whose memory is a vector: what the page tables translate, who may write what, and
// what start_info says, against what a stock kernel relies on.
#include "libparapet/error.hpp"
#include "libparapet/layout.hpp"
#include "tests/unit/base/fake_kernel.hpp"
#include <gtest/gtest.h>
#include <set>

using namespace parapet;
using hv::image::KernelImage;
using hv::image::test::bytes_of;
using hv::image::test::FakeKernel;
using hv::image::test::number_note;

namespace {

KernelImage image_of(const FakeKernel& kernel = {})
{
    const auto file = kernel.build();
    const auto parsed = hv::image::parse_elf_kernel(bytes_of(file));
    EXPECT_TRUE(parsed.ok()) << parsed.error();
    return parsed.value();
}

/// The stock Debian kernel's shape.
KernelImage debian_image()
{
    FakeKernel kernel;
    kernel.segments = {
        {0x1000000, 16, 0x18ea9f0}, {0x2a00000, 16, 0x644000}, {0x3044000, 16, 0x35000}, {0x3079000, 16, 0x1987000}};
    return image_of(kernel);
}

/// A guest's frames, with machine numbers far from its own and in another order.
class FakeGuest {
public:
    explicit FakeGuest(const Layout& layout) : frames_(layout.nr_pages, std::vector<std::uint64_t>(512, 0xdead))
    {
        for (std::uint64_t pfn = 0; pfn < layout.nr_pages; ++pfn)
            p2m.push_back(base + (pfn ^ 1));
        const FrameAccess access = [this](std::uint64_t pfn) { return frames_.at(pfn).data(); };
        write_tables(layout, p2m, access);
        write_p2m(layout, p2m, access);
    }
    static constexpr std::uint64_t base = 0x40000;

    [[nodiscard]] std::uint64_t pfn_of(std::uint64_t mfn) const { return (mfn - base) ^ 1; }
    /// The level-1 entry for @p va as the machine would find it, 0 where the walk ends early.
    [[nodiscard]] std::uint64_t walk(const Layout& layout, std::uint64_t va) const
    {
        std::uint64_t pfn = layout.page_tables.first;
        for (unsigned level = 4;; --level) {
            const std::uint64_t entry = frames_.at(pfn)[va >> (12 + 9 * (level - 1)) & 511];
            if ((entry & 1) == 0 || level == 1) return entry;
            EXPECT_EQ(entry & 0xfff, 0x67U);
            pfn = pfn_of(entry >> 12);
        }
    }
    [[nodiscard]] const std::vector<std::uint64_t>& frame(std::uint64_t pfn) const { return frames_.at(pfn); }
    std::vector<std::uint64_t> p2m;

private:
    std::vector<std::vector<std::uint64_t>> frames_;
};

} // namespace

TEST(Layout, StockKernelLiesAsTheReferenceBuilderPutsIt)
{
    const Layout l = plan_layout(debian_image(), 65536, 587 * 4096 - 100);
    EXPECT_EQ(l.kernel.first, 0x1000U);
    EXPECT_EQ(l.kernel.end(), 0x4a00U);
    EXPECT_EQ(l.start_info.first, 0x4a00U);
    EXPECT_EQ(l.xenstore.first, 0x4a01U);
    EXPECT_EQ(l.console.first, 0x4a02U);
    EXPECT_EQ(l.page_tables.first, 0x4a03U);
    EXPECT_EQ(l.page_tables.count, 0x29U);
    EXPECT_EQ(l.stack.first, 0x4a2cU);
    EXPECT_EQ(l.virt_end, 0xffffffff84c00000U);
    EXPECT_EQ(l.initrd.first, 0x4c00U);
    EXPECT_EQ(l.initrd.count, 587U);
    EXPECT_EQ(l.p2m.first, 0x4e4bU);
    EXPECT_EQ(l.p2m.count, 0x80U);
    EXPECT_EQ(l.p2m_tables.count, 3U);
}

TEST(Layout, TablesMapAllReadOnlyWhereTheyMust)
{
    const Layout l = plan_layout(image_of(), 16384, 0);
    const FakeGuest guest{l};
    for (std::uint64_t pfn = 0; pfn < l.mapped_pages(); ++pfn) {
        const std::uint64_t entry = guest.walk(l, l.va_of(pfn));
        ASSERT_EQ(entry >> 12, guest.p2m[pfn]);
        const bool table = pfn >= l.page_tables.first && pfn < l.page_tables.end();
        ASSERT_EQ(entry & 0xfff, table ? 0x65U : 0x67U) << pfn;
    }
    EXPECT_EQ(guest.walk(l, l.virt_end), 0U);
    EXPECT_EQ(guest.walk(l, 0xffff800000000000), 0U);
}

TEST(Layout, NoTableIsMappedWritable)
{
    const Layout l = plan_layout(image_of(), 16384, 0);
    const FakeGuest guest{l};
    std::set<std::uint64_t> tables;
    for (const Table& t : l.tables)
        tables.insert(t.pfn);
    EXPECT_EQ(tables.size(), l.tables.size());
    for (const Table& t : l.tables)
        for (const std::uint64_t entry : guest.frame(t.pfn))
            if (t.level == 1 && (entry & 3) == 3) {
                ASSERT_FALSE(tables.contains(guest.pfn_of(entry >> 12)));
            }
}

TEST(Layout, P2mHasItsOwnMappingAndAnInvalidTail)
{
    const Layout l = plan_layout(image_of(), 16384 + 100, 0);
    const FakeGuest guest{l};
    EXPECT_EQ(l.p2m_va, 0x8000000000U);
    EXPECT_EQ(l.p2m.count, 33U);
    for (std::uint64_t i = 0; i < l.p2m.count; ++i)
        ASSERT_EQ(guest.walk(l, l.p2m_va + i * 4096) >> 12, guest.p2m[l.p2m.first + i]);
    EXPECT_EQ(guest.walk(l, l.p2m_va + l.p2m.count * 4096), 0U);
    EXPECT_EQ(guest.frame(l.p2m.first)[7], guest.p2m[7]);
    EXPECT_EQ(guest.frame(l.p2m.first + 32)[99], guest.p2m[16384 + 99]);
    EXPECT_EQ(guest.frame(l.p2m.first + 32)[100], ~0ULL);
    EXPECT_EQ(guest.frame(l.p2m.first + 32)[511], ~0ULL);
}

TEST(Layout, OldKernelsGetListAndInitrdInTheirMapping)
{
    FakeKernel kernel;
    kernel.notes[7] = number_note(18, 0); // neither INIT_P2M
    kernel.notes[8] = number_note(18, 0); // nor MOD_START_PFN
    const Layout l = plan_layout(image_of(kernel), 16384, 8192);
    const FakeGuest guest{l};
    EXPECT_TRUE(l.initrd_mapped);
    EXPECT_LT(l.initrd.end(), l.mapped_pages());
    EXPECT_EQ(l.p2m_va, l.va_of(l.p2m.first));
    const pv_start_info info = make_start_info(l, {});
    EXPECT_EQ(info.flags, 0U);
    EXPECT_EQ(info.mod_start, l.va_of(l.initrd.first));
    EXPECT_EQ(info.nr_p2m_frames, 0U);
    EXPECT_EQ(guest.walk(l, info.mfn_list) >> 12, guest.p2m[l.p2m.first]);
}

TEST(Layout, MiniOsMapsFromAddressZero)
{
    FakeKernel kernel;
    kernel.segments = {{0, 16, 0x80000}};
    kernel.notes[0] = number_note(1, 0);
    kernel.notes[1] = number_note(3, 0);
    const Layout l = plan_layout(image_of(kernel), 4096, 0);
    const FakeGuest guest{l};
    EXPECT_EQ(guest.walk(l, 0) >> 12, guest.p2m[0]);
}

TEST(Layout, RegionsDoNotOverlapAndFit)
{
    for (const std::uint64_t initrd : {0ULL, 1ULL, 4096ULL, 3000000ULL}) {
        const Layout l = plan_layout(image_of(), 16384, initrd);
        std::set<std::uint64_t> used;
        for (const Region& r :
             {l.kernel, l.initrd, l.start_info, l.xenstore, l.console, l.page_tables, l.stack, l.p2m, l.p2m_tables})
            for (std::uint64_t pfn = r.first; pfn < r.end(); ++pfn) {
                ASSERT_TRUE(used.insert(pfn).second) << pfn;
                ASSERT_LT(pfn, l.nr_pages);
            }
        EXPECT_GE(l.virt_end - l.va_of(l.stack.end()), 512U << 10);
        EXPECT_EQ(l.virt_end % (4 << 20), 0U);
    }
}

TEST(Layout, RefusesTooLittleMemory)
{
    const std::uint64_t least = least_pages(debian_image(), 1 << 20);
    EXPECT_NO_THROW((void)plan_layout(debian_image(), least, 1 << 20));
    EXPECT_THROW((void)plan_layout(debian_image(), least - 1, 1 << 20), Error);
    EXPECT_THROW((void)plan_layout(image_of(), 16384, 1ULL << 40), Error);
}

TEST(Layout, RefusesListInTheKernelsMapping)
{
    FakeKernel kernel;
    kernel.notes[7] = number_note(15, FakeKernel::base + 0x1100000); // behind the image, inside the mapping
    EXPECT_THROW((void)plan_layout(image_of(kernel), 16384, 0), Error);
    kernel.notes[7] = number_note(15, 0x7ffffffff000); // its second frame is no address any more
    EXPECT_THROW((void)plan_layout(image_of(kernel), 16384, 0), Error);
}

TEST(Layout, StartInfoAndContext)
{
    const Layout l = plan_layout(image_of(), 16384, 5000);
    const BootInfo boot{0x5000, 0x111, 1, 0x222, 2, "console=hvc0"};
    const pv_start_info info = make_start_info(l, boot);
    EXPECT_STREQ(info.magic, "xen-3.0-x86_64");
    EXPECT_EQ(info.nr_pages, 16384U);
    EXPECT_EQ(info.shared_info, 0x5000U);
    EXPECT_EQ(info.flags, static_cast<unsigned>(PV_SIF_MOD_START_PFN));
    EXPECT_EQ(info.store_mfn, 0x111U);
    EXPECT_EQ(info.console.domU.evtchn, 2U);
    EXPECT_EQ(info.mod_start, l.initrd.first);
    EXPECT_EQ(info.mod_len, 5000U);
    EXPECT_EQ(info.nr_p2m_frames, l.p2m.count + l.p2m_tables.count);
    EXPECT_STREQ(info.cmd_line, "console=hvc0");
    EXPECT_THROW((void)make_start_info(l, {0, 0, 0, 0, 0, std::string(1024, 'x')}), Error);

    const pv_vcpu_guest_context c = make_boot_context(l, 0x1234, 0x77);
    EXPECT_EQ(c.user_regs.rip, 0x1234U);
    EXPECT_EQ(c.user_regs.rsi, l.va_of(l.start_info.first));
    EXPECT_EQ(c.user_regs.rsp, l.va_of(l.stack.first) + 4096);
    EXPECT_EQ(c.ctrlreg[3], 0x77000U);
    EXPECT_EQ(c.flags, 0x24U);
}
