// SPDX-License-Identifier: MIT
//
// Shootdown as a debt: who must flush, when, and that nothing is retyped or freed before it is paid. The fake machine
// lists every flush and calls back while it is made, so that a test sees the frame as it was then.
#include "fixture.hpp"
#include "mm/tlb.hpp"

namespace hv::mm::test {
namespace {

using arch::host::Flush;

class Tlb : public MmTest {
protected:
    Tlb()
    {
        arch::host::set_online(4);
        domu().cpus.add(CpuId{0}, Order::relaxed);
        domu().cpus.add(CpuId{2}, Order::relaxed);
        dom0().cpus.add(CpuId{3}, Order::relaxed);
        tree_ = tree(domu());
        EXPECT_TRUE(pin_all(domu(), tree_.l4, 4).ok());
        forget();
    }
    ~Tlb() override { arch::host::state().before_flush = {}; }
    static void forget() { arch::host::state().flushes.clear(); }
    /// Other CPUs asked to flush since forget(), and whether this one did.
    static std::uint64_t remote()
    {
        std::uint64_t mask = 0;
        for (const Flush& f : arch::host::state().flushes)
            if (f.kind == Flush::Kind::remote) mask |= f.value;
        return mask;
    }
    void map(Mfn m, std::uint64_t flags) { EXPECT_TRUE(update(own(domu()), tree_.l1, 7, entry(m, flags)).ok()); }
    void unmap() { EXPECT_TRUE(update(own(domu()), tree_.l1, 7, 0).ok()); }
    Tree tree_;
};

TEST_F(Tlb, AWrittenFrameBecomesATableAfterItsOwnersCpusFlushed)
{
    const Mfn m = page(domu());
    map(m, rw);
    unmap();
    EXPECT_TRUE(arch::host::state().flushes.empty()) << "nothing is owed yet";
    unsigned looks = 0;
    arch::host::state().before_flush = [&] {
        ++looks;
        EXPECT_EQ(frame(m).current().progress, Progress::validating) << "claimed, and not valid before the flush";
    };
    ASSERT_TRUE(pin_all(domu(), m, 1).ok());
    EXPECT_GT(looks, 0U);
    EXPECT_EQ(remote(), 0b100U) << "the owner's CPUs, no others";
    ASSERT_TRUE(unpin_now(domu(), m).ok());
    forget();
    arch::host::state().before_flush = {};
    ASSERT_TRUE(pin_all(domu(), m, 1).ok());
    EXPECT_TRUE(arch::host::state().flushes.empty()) << "nobody could write it in between";
}

TEST_F(Tlb, ATableBecomesWritableForAnyoneAfterItsOwnersCpusFlushed)
{
    const Mfn m = page(domu());
    ASSERT_TRUE(pin_all(domu(), m, 1).ok());
    ASSERT_TRUE(unpin_now(domu(), m).ok());
    forget();
    unsigned looks = 0;
    arch::host::state().before_flush = [&] {
        ++looks;
        EXPECT_NE(frame(m).current().type, PageType::writable) << "a CPU may still walk it; another would write it now";
    };
    map(m, rw);
    arch::host::state().before_flush = {};
    EXPECT_GT(looks, 0U);
    EXPECT_EQ(remote(), 0b100U);
    EXPECT_EQ(frame(m).current().count, 1U);
}

TEST_F(Tlb, AWholeTreeCostsOneFlush)
{
    const Tree other = tree(domu());
    unsigned index = 20;
    for (const Mfn m : {other.l4, other.l3, other.l2, other.l1}) {
        ASSERT_TRUE(update(own(domu()), tree_.l1, index, entry(m, rw)).ok());
        ASSERT_TRUE(update(own(domu()), tree_.l1, index++, entry(m, ro)).ok());
    }
    forget();
    ASSERT_TRUE(pin_all(domu(), other.l4, 4).ok());
    EXPECT_EQ(arch::host::state().flushes.size(), 3U) << "here, the call, and what it does there";
}

TEST_F(Tlb, AFlushTheGuestMadeMeanwhileCounts)
{
    const Mfn m = page(domu());
    map(m, rw);
    unmap();
    TlbDebt debt;
    debt.owe_everything(domu().cpus.load(Order::relaxed));
    debt.settle(domu());
    forget();
    ASSERT_TRUE(pin_all(domu(), m, 1).ok());
    EXPECT_TRUE(arch::host::state().flushes.empty());
}

TEST_F(Tlb, AFlushOfSomeOfItsCpusDoesNotCount)
{
    const Mfn m = page(domu());
    map(m, rw);
    unmap();
    flush_cpus(CpuSet::of(CpuId{0}), domu());
    forget();
    ASSERT_TRUE(pin_all(domu(), m, 1).ok());
    EXPECT_EQ(remote(), 0b100U);
}

TEST_F(Tlb, ARootLoadCountsForADomainThatRunsNowhereElse)
{
    const Mfn m = page(domu());
    map(m, rw);
    unmap();
    load_root(domu(), maddr_of(tree_.l4));
    ASSERT_TRUE(pin_all(domu(), m, 1).ok());
    EXPECT_EQ(remote(), 0b100U) << "CPU 2 may still write it";
    ASSERT_TRUE(unpin_now(domu(), m).ok());
    map(m, rw);
    unmap();
    domu().cpus.remove(CpuId{2}, Order::relaxed);
    load_root(domu(), maddr_of(tree_.l4));
    forget();
    ASSERT_TRUE(pin_all(domu(), m, 1).ok());
    EXPECT_TRUE(arch::host::state().flushes.empty());
}

TEST_F(Tlb, ACpuThatJoinsWhileARootIsLoadedIsNotForgotten)
{
    const Mfn m = page(domu());
    map(m, rw);
    domu().cpus.remove(CpuId{2}, Order::relaxed);
    bool joined = false;
    arch::host::state().before_flush = [&] {
        if (std::exchange(joined, true)) return;
        domu().cpus.add(CpuId{2}, Order::relaxed);
        unmap(); // CPU 2 did, and has used the mapping before
    };
    load_root(domu(), maddr_of(tree_.l4));
    EXPECT_EQ(remote(), 0b100U);
    forget();
    ASSERT_TRUE(pin_all(domu(), m, 1).ok());
    EXPECT_EQ(remote(), 0b100U) << "the load was under way when the mapping went";
}

TEST_F(Tlb, WhatAnotherDomainHadMappedIsFlushedEverywhere)
{
    const Mfn m = page(domu());
    const Tree theirs = tree(dom0());
    ASSERT_TRUE(pin_all(dom0(), theirs.l4, 4).ok());
    const Owners foreign{dom0(), domu()};
    ASSERT_TRUE(update(foreign, theirs.l1, 9, entry(m, rw)).ok());
    map(m, rw);
    ASSERT_TRUE(update(foreign, theirs.l1, 9, 0).ok());
    unmap(); // the last mapping is the owner's, the stale one on CPU 3 is not
    forget();
    ASSERT_TRUE(pin_all(domu(), m, 1).ok());
    EXPECT_EQ(remote(), 0b1110U);
    // One such flush serves all that was given up before it.
    const Mfn second = page(domu());
    ASSERT_TRUE(update(foreign, theirs.l1, 9, entry(second, rw)).ok());
    ASSERT_TRUE(update(foreign, theirs.l1, 9, 0).ok());
    flush_cpus(arch::online_cpus(), domu());
    forget();
    ASSERT_TRUE(pin_all(domu(), second, 1).ok());
    EXPECT_TRUE(arch::host::state().flushes.empty());
}

TEST_F(Tlb, AFrameIsFreeOnlyAfterTheFlush)
{
    for (const std::uint64_t flags : {rw, ro}) { // who may still read it would read its next owner's data
        const Mfn m = page(domu());
        map(m, flags);
        unmap();
        forget();
        unsigned looks = 0;
        arch::host::state().before_flush = [&] {
            ++looks;
            EXPECT_EQ(frame(m).details().owner, domu().id()) << "not on the free lists yet";
        };
        ASSERT_TRUE(release_domain_frame(domu(), m).ok());
        arch::host::state().before_flush = {};
        EXPECT_GT(looks, 0U);
        EXPECT_EQ(remote(), 0b100U);
        EXPECT_EQ(frame(m).details().owner, free_id);
    }
}

TEST_F(Tlb, NothingIsOwedForWhatNobodyMapped)
{
    const Mfn m = page(domu());
    ASSERT_TRUE(release_domain_frame(domu(), m).ok());
    EXPECT_TRUE(arch::host::state().flushes.empty());
}

TEST_F(Tlb, ADomainThatRunsNowhereOwesNobody)
{
    const Mfn m = page(domu());
    map(m, rw);
    unmap();
    domu().cpus.drain(Order::relaxed);
    forget();
    ASSERT_TRUE(release_domain_frame(domu(), m).ok());
    EXPECT_EQ(remote(), 0U);
}

TEST_F(Tlb, StampsNeverClaimAFlushThatBeganTooEarly)
{
    EXPECT_FALSE(is_complete(stamp_at(7), 7));
    EXPECT_FALSE(is_complete(stamp_at(7), 8)); // under way
    EXPECT_TRUE(is_complete(stamp_at(7), 9));
    EXPECT_FALSE(is_complete(stamp_at(8), 8)); // stamped while one was under way
    EXPECT_FALSE(is_complete(stamp_at(8), 9)); // that one began before the stamp
    EXPECT_FALSE(is_complete(stamp_at(8), 10));
    EXPECT_TRUE(is_complete(stamp_at(8), 11));
    for (std::uint64_t clock = 7; clock < 600; ++clock) {
        EXPECT_FALSE(is_complete(stamp_at(clock), clock));
        EXPECT_FALSE(is_complete(stamp_at(clock), clock + 1));
        EXPECT_LT(stamp_at(clock), foreign_mark);
    }
}

} // namespace
} // namespace hv::mm::test
