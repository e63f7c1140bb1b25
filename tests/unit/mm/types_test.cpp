// SPDX-License-Identifier: MIT
#include "fixture.hpp"
#include "mm/fast.hpp"
#include "mm/shared_page.hpp"
#include "mm/tlb.hpp"
#include "mm/types.hpp"

namespace hv::mm::test {

using Types = MmTest;

TEST_F(Types, WordsAreLaidOutAsTheFastPathsTakeThem)
{
    EXPECT_EQ((FrameState{.refs = 1, .count = 1, .type = PageType::writable}.encode()), fast::one_type | fast::one_ref);
    EXPECT_EQ((FrameState{.progress = Progress::devalidating, .type = PageType{15}}.encode()), fast::not_writable);
    EXPECT_EQ((FrameState{.epoch = foreign_mark, .type = {}}.encode()), foreign_mark);
    EXPECT_EQ((FrameState{.refs = 1U << 27, .count = 1U << 21, .type = {}}.encode()), fast::nearly_full);
    EXPECT_EQ((FrameState{.count = FrameState::max_count, .type = {}}.encode()), fast::count_mask);
    EXPECT_EQ((FrameState{.progress = Progress::valid, .type = PageType::l4_table}.encode()), (4ULL << 2 | 2) << 58);
    EXPECT_EQ((FrameInfo{.owner = DomainId{0xabcd}, .shared = true}.encode()), 0xabcd | FrameInfo::shared_bit);
    EXPECT_EQ((FrameInfo{.locked = true}.encode()), FrameInfo::locked_bit);
    EXPECT_EQ((FrameInfo{.partial = 1, .present = 1}.encode()), 1ULL << 21 | 1ULL << 31);
    EXPECT_EQ((FrameInfo{.pinned = true, .allocated = true, .order = 18, .free_head = true}.encode()),
              3ULL << 16 | 18ULL << 41 | 1ULL << 47);
    EXPECT_EQ(FrameState::decode(~0ULL).encode(), ~0ULL);
    EXPECT_EQ(FrameInfo::decode(~0ULL).encode(), ~0ULL);
}

TEST_F(Types, OnlyATableInUseAndValidatedHasALevel)
{
    Frame f;
    for (unsigned type = 0; type < 16; ++type)
        for (const Progress p : {Progress::none, Progress::validating, Progress::valid, Progress::devalidating})
            for (const std::uint32_t count : {0U, 1U, FrameState::max_count}) {
                f.state.store(FrameState{.count = count, .progress = p, .type = PageType(type)}.encode(),
                              Order::relaxed);
                const bool good = is_table(PageType(type)) && p == Progress::valid && count != 0;
                EXPECT_EQ(fast::valid_level(f), good ? type : 0U);
            }
}

TEST_F(Types, PinAndUnpinOfATreeLeavesEveryCountAsBefore)
{
    const Tree t = tree(domu());
    ASSERT_TRUE(pin_all(domu(), t.l4, 4).ok());
    EXPECT_EQ(frame(t.l4).current().type, PageType::l4_table);
    EXPECT_EQ(frame(t.l3).current().count, 1U);
    EXPECT_EQ(frame(t.l1).current().type, PageType::l1_table);
    EXPECT_EQ(frame(t.leaf).current().type, PageType::writable);
    audit_clean();
    ASSERT_TRUE(unpin_now(domu(), t.l4).ok());
    for (const Mfn m : {t.l4, t.l3, t.l2, t.l1, t.leaf}) {
        EXPECT_EQ(frame(m).current().count, 0U);
        EXPECT_EQ(frame(m).current().refs, 1U);
    }
    EXPECT_EQ(unpin_now(domu(), t.l4).error(), Error::einval);
}

TEST_F(Types, EveryPresentEntryGetsTheUserBitAndTheHypervisorsSlotsAreOverwritten)
{
    const Tree t = tree(domu());
    poke(t.l4, 256, entry(t.leaf, rw)); // no table at all: must not be looked at
    poke(t.l4, 271, ~0ULL);
    ASSERT_TRUE(pin_all(domu(), t.l4, 4).ok());
    for (const Mfn m : {t.l4, t.l3, t.l2, t.l1})
        EXPECT_TRUE((peek(m, 0) & pte::user) != 0);
    EXPECT_EQ(peek(t.l4, 256), arch::hypervisor_root_entries()[0]);
    EXPECT_EQ(peek(t.l4, 271), arch::hypervisor_root_entries()[15]);
    EXPECT_EQ(update(own(domu()), t.l4, 260, 0).error(), Error::einval);
    EXPECT_EQ(update(own(domu()), t.l4, 256, entry(t.l3, rw), 2).error(), Error::einval);
    EXPECT_TRUE(update(own(domu()), t.l4, 255, 0).ok());
    EXPECT_TRUE(update(own(domu()), t.l4, 272, 0).ok());
}

TEST_F(Types, APageTableIsNeverWritable)
{
    const Tree t = tree(domu());
    poke(t.l1, 1, entry(t.l1, rw)); // maps itself writable
    EXPECT_EQ(pin_all(domu(), t.l4, 4).error(), Error::ebusy);
    audit_clean();
    poke(t.l1, 1, entry(t.l1, ro));
    ASSERT_TRUE(pin_all(domu(), t.l4, 4).ok());
    for (const Mfn m : {t.l1, t.l2, t.l3, t.l4}) {
        EXPECT_EQ(update(own(domu()), t.l1, 7, entry(m, rw)).error(), Error::ebusy);
        EXPECT_TRUE(update(own(domu()), t.l1, 7, entry(m, ro)).ok());
        // Only the writable bit flips, by each way there is.
        for (const unsigned command : {0U, 2U, 3U})
            EXPECT_EQ(update(own(domu()), t.l1, 7, entry(m, rw), command).error(), Error::ebusy);
        EXPECT_EQ(update_va(t.l4, GuestVa{7 * page_size}, entry(m, rw), own(domu())).error(), Error::ebusy);
        EXPECT_EQ(peek(t.l1, 7) & ~pte::accessed_dirty, entry(m, ro | pte::user));
    }
    audit_clean();
}

TEST_F(Types, AWritablyMappedFrameCannotBecomeATable)
{
    const Tree t = tree(domu());
    const Mfn victim = page(domu());
    poke(t.l1, 1, entry(victim, rw));
    ASSERT_TRUE(pin_all(domu(), t.l4, 4).ok());
    for (unsigned level = 1; level <= 4; ++level)
        EXPECT_EQ(pin_all(domu(), victim, level).error(), Error::einval);
    EXPECT_FALSE(get_segdesc(victim, domu()).ok());
    ASSERT_TRUE(update(own(domu()), t.l1, 1, entry(victim, ro)).ok());
    EXPECT_TRUE(pin_all(domu(), victim, 1).ok());
    audit_clean();
}

TEST_F(Types, RecursiveAndWronglyLevelledEntriesAreRefused)
{
    const Tree t = tree(domu());
    ASSERT_TRUE(pin_all(domu(), t.l4, 4).ok());
    const Mfn tables[] = {t.l1, t.l2, t.l3, t.l4};
    for (unsigned level = 2; level <= 4; ++level) {
        const Mfn table = tables[level - 1];
        for (unsigned target = 1; target <= 4; ++target) {
            const auto r = update(own(domu()), table, 9, entry(tables[target - 1], rw));
            EXPECT_EQ(r.ok(), target == level - 1) << level << " -> " << target;
            if (!r.ok()) {
                EXPECT_EQ(r.error(), Error::einval);
            }
        }
    }
    audit_clean();
}

TEST_F(Types, SelfReferenceInAnUnpinnedTableIsRefusedAtEachLevel)
{
    for (unsigned level = 2; level <= 4; ++level) {
        const Mfn m = page(domu());
        poke(m, 3, entry(m, rw));
        EXPECT_EQ(pin_all(domu(), m, level).error(), Error::einval);
        EXPECT_EQ(frame(m).current().refs, 1U);
    }
}

TEST_F(Types, ABadEntryAnywhereUndoesAPinWhole)
{
    for (const unsigned at : {0U, 1U, 15U, 16U, 255U, 511U}) {
        const Mfn l1 = page(domu());
        const Mfn leaf = page(domu());
        for (unsigned i = 0; i < 512; ++i)
            poke(l1, i, entry(i == at ? Mfn{frames + 5} : leaf, rw));
        EXPECT_EQ(pin_all(domu(), l1, 1).error(), Error::eperm);
        EXPECT_EQ(frame(leaf).current().refs, 1U);
        EXPECT_EQ(frame(l1).current().refs, 1U);
        EXPECT_EQ(frame(l1).current().count, 0U);
    }
}

TEST_F(Types, PinTwiceAndPinAsAnotherTypeAreRefused)
{
    const Mfn m = page(domu());
    ASSERT_TRUE(pin_all(domu(), m, 2).ok());
    EXPECT_EQ(pin_all(domu(), m, 2).error(), Error::einval);
    EXPECT_EQ(pin_all(domu(), m, 1).error(), Error::einval);
    EXPECT_EQ(pin_all(domu(), m, 0).error(), Error::einval);
    EXPECT_EQ(pin_all(domu(), m, 5).error(), Error::einval);
    EXPECT_EQ(frame(m).current().count, 1U);
}

TEST_F(Types, ForeignAndWildFramesAreRefusedEverywhere)
{
    const Mfn theirs = page(dom0());
    const Mfn hole{1100};
    const auto hypervisors = alloc_frames(0);
    ASSERT_TRUE(hypervisors.ok());
    const Mfn wild[] = {theirs,          Mfn{0},          Mfn{frames - 1}, Mfn{frames}, Mfn{frames + 1},
                        Mfn{1ULL << 40}, Mfn{1ULL << 52}, Mfn{~0ULL},      hole,        hypervisors.take()};
    const Tree t = tree(domu());
    ASSERT_TRUE(pin_all(domu(), t.l4, 4).ok());
    for (const Mfn m : wild) {
        EXPECT_EQ(pin_all(domu(), m, 1).error(), Error::einval);
        EXPECT_EQ(unpin_now(domu(), m).error(), Error::einval);
        EXPECT_EQ(get_page(m, domu()).error(), Error::einval);
        EXPECT_EQ(get_writable(m, domu()).error(), Error::einval);
        EXPECT_EQ(update(own(domu()), m, 0, 0).error(), Error::einval);
        EXPECT_EQ(update(own(domu()), m, 0, 5, 1).error(), Error::einval);
        EXPECT_EQ(release_domain_frame(domu(), m).error(), Error::einval);
        if (m.raw() >> 40 != 0) continue;
        EXPECT_FALSE(update(own(domu()), t.l1, 3, entry(m, ro)).ok());
        EXPECT_FALSE(update(own(domu()), t.l1, 3, entry(m, rw)).ok());
        EXPECT_EQ(peek(t.l1, 3), 0U);
    }
    audit_clean();
    free_frames_at(hypervisors.take());
}

TEST_F(Types, PreemptedPinContinuesWhereItStopped)
{
    const Mfn l4 = page(domu()), l3 = page(domu()), l2 = page(domu()), leaf = page(domu());
    std::vector<Mfn> l1s;
    for (unsigned i = 0; i < 40; ++i) {
        l1s.push_back(page(domu()));
        for (unsigned k = 0; k < 512; k += 4)
            poke(l1s.back(), k, entry(leaf, rw));
        poke(l2, i * 3, entry(l1s.back(), rw));
    }
    poke(l3, 5, entry(l2, rw));
    poke(l4, 5, entry(l3, rw));
    unsigned restarts = 0;
    for (;;) {
        Work work{100};
        const Result<> r = pin(domu(), l4, 4, work);
        audit_clean();
        if (r.ok()) break;
        ASSERT_EQ(r.error(), Error::restart);
        ASSERT_LT(++restarts, 1000U);
    }
    EXPECT_GT(restarts, 20U);
    EXPECT_EQ(frame(leaf).current().count, 40U * 128);
    // Down again the same way: unpin is done at once, the rest waits with the owner.
    Work little{100};
    ASSERT_TRUE(unpin(domu(), l4, little).ok());
    audit_clean();
    EXPECT_NE(frame(leaf).current().count, 0U);
    for (restarts = 0;; ++restarts) {
        Work work{100};
        const bool done = finish_deferred(domu(), work).ok();
        audit_clean();
        if (done) break;
    }
    EXPECT_GT(restarts, 20U);
    EXPECT_EQ(frame(leaf).current().refs, 1U);
}

TEST_F(Types, AnAbandonedHalfPinIsTornDownWithItsOwner)
{
    const Mfn l3 = page(domu()), leaf = page(domu());
    for (unsigned i = 0; i < 3; ++i) {
        const Mfn l2 = page(domu());
        poke(l3, i, entry(l2, rw));
        for (unsigned j = 0; j < 5; ++j) {
            const Mfn l1 = page(domu());
            poke(l2, j, entry(l1, rw));
            for (unsigned k = 0; k < 512; ++k)
                poke(l1, k, entry(leaf, rw));
        }
    }
    Work work{1500};
    ASSERT_EQ(pin(domu(), l3, 3, work).error(), Error::restart);
    EXPECT_EQ(frame(l3).current().progress, Progress::validating);
    audit_clean();
    // The fixture's destructor destroys the domain and looks for leaks.
}

TEST_F(Types, TheFlushPredicateForEveryPairOfTypes)
{
    const PageType all[] = {PageType::none,     PageType::l1_table, PageType::l2_table,
                            PageType::l3_table, PageType::l4_table, PageType::segment_descriptors,
                            PageType::writable};
    for (const PageType from : all)
        for (const PageType to : all) {
            const bool expected = from != to && (from == PageType::writable || is_table(from));
            EXPECT_EQ(change_needs_flush(from, to), expected);
        }
}

TEST_F(Types, SharedPagesCanOnlyBeMapped)
{
    auto made = SharedPage::create(domu());
    ASSERT_TRUE(made.ok());
    {
        const SharedPage s = std::move(made).take();
        const Tree t = tree(domu());
        ASSERT_TRUE(pin_all(domu(), t.l4, 4).ok());
        EXPECT_TRUE(update(own(domu()), t.l1, 1, entry(s.mfn(), rw)).ok());
        EXPECT_TRUE(update(own(domu()), t.l1, 2, entry(s.mfn(), ro)).ok());
        EXPECT_FALSE(update(own(domu()), t.l2, 2, entry(s.mfn(), rw)).ok());
        EXPECT_EQ(pin_all(domu(), s.mfn(), 1).error(), Error::einval);
        EXPECT_EQ(get_segdesc(s.mfn(), domu()).error(), Error::einval);
        EXPECT_EQ(get_page(s.mfn(), domu()).error(), Error::einval);
        EXPECT_EQ(get_writable(s.mfn(), domu()).error(), Error::einval);
        EXPECT_EQ(release_domain_frame(domu(), s.mfn()).error(), Error::einval);
        EXPECT_EQ(domu().page_count(), 5U);
        audit_clean({}, {s.mfn()});
    }
    // The object is gone, the mappings keep the frame.
    EXPECT_EQ(domu().held(), 6U);
    audit_clean();
}

} // namespace hv::mm::test
