// SPDX-License-Identifier: MIT
#include "fixture.hpp"
#include "mm/reservation.hpp"
#include <algorithm>
#include <random>
#include <set>

namespace hv::mm::test {

using Allocator = MmTest;

TEST_F(Allocator, BlocksAreAlignedDisjointZeroedAndMergeAgain)
{
    std::mt19937 random{1};
    std::vector<std::pair<Mfn, unsigned>> held;
    std::set<std::uint64_t> used;
    for (int round = 0; round < 3000; ++round) {
        if (held.empty() || random() % 2 == 0) {
            const unsigned order = random() % 6;
            const auto m = alloc_frames(order);
            if (!m.ok()) continue;
            ASSERT_EQ(m.take().raw() % (1U << order), 0U);
            for (unsigned i = 0; i < 1U << order; ++i) {
                const Mfn f = m.take() + i;
                ASSERT_TRUE(used.insert(f.raw()).second);
                ASSERT_TRUE(f < Mfn{1024} || f >= Mfn{1152}) << "a device frame was given out";
                ASSERT_EQ(peek(f, 17), 0U);
                poke(f, 17, 0xdead);
            }
            held.emplace_back(m.take(), order);
        } else {
            const std::size_t i = random() % held.size();
            for (unsigned k = 0; k < 1U << held[i].second; ++k)
                used.erase(held[i].first.raw() + k);
            free_frames_at(held[i].first);
            held[i] = held.back();
            held.pop_back();
        }
        ASSERT_EQ(free_frames(), free_at_start_ - used.size());
    }
    for (const auto& h : held)
        free_frames_at(h.first);
    const auto big = alloc_frames(11); // 2048..4095 is whole again
    ASSERT_TRUE(big.ok());
    EXPECT_EQ(big.take(), Mfn{2048});
    free_frames_at(big.take());
}

TEST_F(Allocator, FramesKeepTheirContentsOnlyWhereAsked)
{
    const Mfn m = page(domu());
    poke(m, 17, 0xdead);
    ASSERT_TRUE(release_domain_frame(domu(), m).ok());
    const auto kept = alloc_domain_frames(domu(), 0, 0, Contents::as_found);
    ASSERT_TRUE(kept.ok());
    ASSERT_EQ(kept.take(), m) << "the frame freed last is the one given out next";
    EXPECT_EQ(peek(m, 17), 0xdeadU);
    ASSERT_TRUE(release_domain_frame(domu(), m).ok());
    const auto cleared = alloc_domain_frames(domu(), 0);
    ASSERT_TRUE(cleared.ok());
    ASSERT_EQ(cleared.take(), m);
    EXPECT_EQ(peek(m, 17), 0U);
}

TEST_F(Allocator, AddressWidthsAreHonouredAndLowMemoryIsSpared)
{
    EXPECT_GE(page(domu()), Mfn{2048});
    for (unsigned bits = 13; bits <= 24; ++bits) {
        const auto m = alloc_domain_frames(domu(), 0, bits);
        ASSERT_EQ(m.ok(), bits > 12) << bits;
        EXPECT_LT(maddr_of(m.take()).raw(), 1ULL << bits);
    }
    EXPECT_EQ(alloc_domain_frames(domu(), 0, 12).error(), Error::enomem);
    EXPECT_EQ(alloc_domain_frames(domu(), 6, 18).error(), Error::enomem) << "frame 0 is nobody's";
    const auto m = alloc_domain_frames(domu(), 6, 20);
    ASSERT_TRUE(m.ok());
    EXPECT_LE(m.take().raw() + 64, 256U);
}

TEST_F(Allocator, LimitsAndClaimsHold)
{
    domu().set_max_pages(10);
    EXPECT_EQ(alloc_domain_frames(domu(), 4).error(), Error::enomem);
    EXPECT_TRUE(alloc_domain_frames(domu(), 3).ok());
    EXPECT_TRUE(alloc_domain_frames(domu(), 1).ok());
    EXPECT_EQ(alloc_domain_frames(domu(), 0).error(), Error::enomem);
    EXPECT_EQ(alloc_domain_frames(domu(), 63).error(), Error::enomem);
    EXPECT_EQ(domu().page_count(), 10U);
    domu().set_max_pages(5000);
    EXPECT_EQ(claim_pages(domu(), 5).error(), Error::einval);
    EXPECT_EQ(claim_pages(domu(), 4900).error(), Error::enomem);
    ASSERT_TRUE(claim_pages(domu(), 10 + free_frames() - 3).ok());
    EXPECT_EQ(claim_pages(domu(), 20).error(), Error::einval) << "one claim at a time";
    EXPECT_TRUE(alloc_domain_frames(dom0(), 1).ok());
    EXPECT_EQ(alloc_domain_frames(dom0(), 1).error(), Error::enomem) << "the rest is claimed";
    const std::uint64_t claimed = claimed_frames();
    EXPECT_TRUE(alloc_domain_frames(domu(), 1).ok());
    EXPECT_EQ(claimed_frames(), claimed - 2);
    EXPECT_TRUE(claim_pages(domu(), 0).ok());
    EXPECT_EQ(claimed_frames(), 0U);
    EXPECT_TRUE(alloc_domain_frames(dom0(), 1).ok());
}

TEST_F(Allocator, AFreedFrameIsEmptyBeforeItsNextOwnerSeesIt)
{
    const Mfn m = page(domu());
    poke(m, 3, 0x5ec7e7);
    ASSERT_TRUE(release_domain_frame(domu(), m).ok());
    EXPECT_EQ(m2p(m), invalid_pfn);
    const Mfn again = page(dom0());
    ASSERT_EQ(again, m);
    EXPECT_EQ(peek(m, 3), 0U);
    EXPECT_EQ(frame(m).current().type, PageType::none);
}

TEST_F(Allocator, PinnedAndSharedAndForeignFramesStay)
{
    const Mfn m = page(domu());
    ASSERT_TRUE(pin_all(domu(), m, 1).ok());
    EXPECT_EQ(release_domain_frame(domu(), m).error(), Error::einval);
    EXPECT_EQ(decrease_extent(domu(), m, 0).error(), Error::einval);
    EXPECT_TRUE(frame(m).details().pinned);
    EXPECT_EQ(frame(m).current().count, 1U);
    EXPECT_EQ(release_domain_frame(dom0(), m).error(), Error::einval);
    ASSERT_TRUE(unpin_now(domu(), m).ok());
    EXPECT_TRUE(decrease_extent(domu(), m, 0).ok());
    EXPECT_EQ(decrease_extent(domu(), m, 0).error(), Error::einval);
}

TEST_F(Allocator, ExchangeGetsContiguousLowMemoryOrChangesNothing)
{
    std::vector<Mfn> given;
    for (unsigned i = 0; i < 64; ++i)
        given.push_back(page(dom0()));
    {
        const auto made = make_box<Exchange>(dom0());
        ASSERT_TRUE(made.ok());
    }
    const auto attempt = [&](unsigned bits) {
        auto made = make_box<Exchange>(dom0());
        const Box<Exchange> e = std::move(made).take();
        for (unsigned i = 0; i < 64; ++i)
            EXPECT_TRUE(e->give(given[i]).ok());
        EXPECT_EQ(e->give(given[5]).error(), Error::einval) << "given twice";
        EXPECT_EQ(get_page(given[5], dom0()).error(), Error::einval) << "out of reach meanwhile";
        if (!e->take(6, bits, Pfn{1000}).ok()) return Mfn{0};
        const Mfn first = e->taken(0);
        e->commit();
        return first;
    };
    EXPECT_EQ(attempt(16), Mfn{0});
    audit_clean();
    for (const Mfn m : given)
        EXPECT_EQ(frame(m).current().refs, 1U);
    const Mfn first = attempt(21);
    ASSERT_NE(first, Mfn{0});
    EXPECT_LE(first.raw() + 64, 512U);
    EXPECT_EQ(m2p(first + 63), Pfn{1063});
    EXPECT_EQ(dom0().page_count(), 64U);
    EXPECT_EQ(frame(given[0]).details().owner, free_id);
}

TEST_F(Allocator, AMappedOrTypedFrameCannotBeExchanged)
{
    const Tree t = tree(dom0());
    ASSERT_TRUE(pin_all(dom0(), t.l4, 4).ok());
    auto made = make_box<Exchange>(dom0());
    const Box<Exchange> e = std::move(made).take();
    for (const Mfn m : {t.leaf, t.l1, t.l4, Mfn{1100}, Mfn{frames}, Mfn{~0ULL}})
        EXPECT_EQ(e->give(m).error(), Error::einval);
}

TEST_F(Allocator, AnAbandonedExchangeGivesEverythingBack)
{
    const Mfn mine = page(dom0());
    {
        auto made = make_box<Exchange>(dom0());
        const Box<Exchange> e = std::move(made).take();
        ASSERT_TRUE(e->give(mine).ok());
        ASSERT_TRUE(e->take(0, 0, Pfn{0}).ok());
    }
    EXPECT_EQ(dom0().page_count(), 1U);
    EXPECT_EQ(dom0().held(), 1U);
    EXPECT_TRUE(get_page(mine, dom0()).ok());
}

TEST_F(Allocator, WhatAnotherCpuDoesToFramesOfAnExchangeIsItsOwnLoss)
{
    const Mfn mine = page(dom0());
    Mfn taken[3];
    PageRef held;
    {
        auto made = make_box<Exchange>(dom0());
        const Box<Exchange> e = std::move(made).take();
        ASSERT_TRUE(e->give(mine).ok());
        EXPECT_EQ(release_domain_frame(dom0(), mine).error(), Error::einval) << "given already";
        for (unsigned i = 0; i < 3; ++i) {
            ASSERT_TRUE(e->take(0, 0, Pfn{i}).ok());
            taken[i] = e->taken(i);
        }
        held = std::move(get_page(taken[0], dom0())).take();
        ASSERT_TRUE(pin_all(dom0(), taken[1], 1).ok());
        ASSERT_TRUE(release_domain_frame(dom0(), taken[2]).ok());
    }
    EXPECT_EQ(dom0().page_count(), 3U);
    EXPECT_EQ(frame(taken[2]).details().owner, free_id);
    audit_clean({taken[0]});
    held.reset();
    ASSERT_TRUE(unpin_now(dom0(), taken[1]).ok());
    ASSERT_TRUE(release_domain_frame(dom0(), taken[1]).ok());
    EXPECT_EQ(dom0().page_count(), 1U);
}

TEST_F(Allocator, AFrameLosesItsNumberBeforeItCanBeAnothers)
{
    const Mfn m = populate_extent(domu(), Pfn{77}, 0, 0).take();
    EXPECT_EQ(m2p(m), Pfn{77});
    {
        const auto held = get_page(m, domu());
        ASSERT_TRUE(release_domain_frame(domu(), m).ok());
        EXPECT_EQ(m2p(m), invalid_pfn);
        set_m2p(m, Pfn{78}); // as its next owner would
        EXPECT_EQ(decrease_extent(domu(), m, 0).error(), Error::einval);
        EXPECT_EQ(m2p(m), Pfn{78});
    }
}

TEST_F(Allocator, HeapObjectsAreZeroedDisjointAndGiveTheirFramesBack)
{
    std::mt19937 random{2};
    const std::uint64_t before = heap_bytes();
    struct Block {
        unsigned char* p;
        std::size_t n;
    };
    std::vector<Block> blocks;
    for (int round = 0; round < 20000; ++round) {
        if (blocks.empty() || random() % 5 < 3) {
            const std::size_t n = random() % 8 == 0 ? random() % 20000 + 1 : random() % 1100 + 1;
            const auto r = heap_allocate(n);
            if (!r.ok()) continue;
            auto* p = static_cast<unsigned char*>(r.take());
            ASSERT_TRUE(std::all_of(p, p + n, [](unsigned char c) { return c == 0; }));
            std::fill(p, p + n, static_cast<unsigned char>(round | 1));
            blocks.push_back({p, n});
        } else {
            std::swap(blocks[random() % blocks.size()], blocks.back());
            const Block b = blocks.back();
            ASSERT_TRUE(std::all_of(b.p, b.p + b.n, [&](unsigned char c) { return c == b.p[0]; })) << "overlap";
            heap_free(b.p);
            blocks.pop_back();
        }
    }
    for (const Block& b : blocks)
        heap_free(b.p);
    EXPECT_EQ(heap_bytes(), before);
    EXPECT_EQ(heap_allocate(0).error(), Error::enomem);
    EXPECT_EQ(heap_allocate(~std::size_t{0}).error(), Error::enomem);
    EXPECT_EQ(make_array<std::uint64_t>(~0ULL).error(), Error::enomem);
}

TEST_F(Allocator, ReservedRangesAreNobodysUntilReleased)
{
    arch::host::reset(frames);
    const Span low{0, 64 * page_size}, image{64 * page_size, 128 * page_size};
    dom0_.reset();
    domu_.reset();
    init(Mfn{frames});
    reserve(low);
    reserve(image);
    release_reserved(low);
    EXPECT_EQ(free_frames(), 63U);
    dom0_ = std::make_unique<MemoryOwner>(DomainId{0}, Privilege::hardware);
    dom0_->set_max_pages(100);
    const Tree t = tree(dom0());
    ASSERT_TRUE(pin_all(dom0(), t.l4, 4).ok());
    EXPECT_EQ(update(own(dom0()), t.l1, 1, entry(Mfn{70}, ro)).error(), Error::ebusy);
    release_reserved({80 * page_size + 1, 84 * page_size + 1});
    EXPECT_EQ(free_frames(), 63U - 5 + 3);
    free_at_start_ = 63 + 3;
}

} // namespace hv::mm::test
