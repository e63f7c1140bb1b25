// SPDX-License-Identifier: MIT
#include "fixture.hpp"
#include "mm/types.hpp"

namespace hv::mm::test {

class Update : public MmTest {
protected:
    Tree t = tree(domu());
    void SetUp() override { ASSERT_TRUE(pin_all(domu(), t.l4, 4).ok()); }
    void TearDown() override { audit_clean(); }
    Result<> l1(unsigned index, std::uint64_t value, unsigned command = 0)
    {
        return update(own(domu()), t.l1, index, value, command);
    }
};

TEST_F(Update, OnlyTheListedFlagsAreAcceptedInEachLevel)
{
    // All 2^12 low flag combinations, for a plain guest and RAM: what is stored is U more and G less than given.
    const Mfn ram = page(domu());
    for (std::uint64_t flags = 0; flags < 4096; ++flags) {
        ASSERT_TRUE(l1(1, 0).ok());
        const bool present = (flags & pte::present) != 0;
        const bool allowed = !present || (flags & pte::memory_type) == 0;
        const auto r = l1(1, entry(ram, flags));
        ASSERT_EQ(r.ok(), allowed) << std::hex << flags;
        const std::uint64_t stored = present ? (flags | pte::user) & ~pte::global : flags;
        ASSERT_EQ(peek(t.l1, 1), allowed ? entry(ram, stored) : 0);
        ASSERT_EQ(frame(ram).current().count, present && allowed && (flags & pte::writable) != 0 ? 1U : 0U);
    }
    ASSERT_TRUE(l1(1, 0).ok());
    const Mfn table = page(domu());
    for (std::uint64_t flags = 0; flags < 4096; ++flags) {
        ASSERT_TRUE(update(own(domu()), t.l2, 1, 0).ok());
        const bool present = (flags & pte::present) != 0;
        const bool allowed = !present || (flags & (pte::memory_type | pte::global)) == 0;
        ASSERT_EQ(update(own(domu()), t.l2, 1, entry(table, flags)).ok(), allowed) << std::hex << flags;
    }
}

TEST_F(Update, NoFlagChangeOfAStandingEntryEscapesTheCheck)
{
    // From every valid read-only entry that maps a page table, every other set of low flags, all three commands.
    for (const unsigned command : {0U, 2U, 3U})
        for (std::uint64_t flags = 0; flags < 4096; ++flags) {
            ASSERT_TRUE(l1(1, entry(t.l2, ro)).ok());
            const auto r = l1(1, entry(t.l2, flags), command);
            const bool present = (flags & pte::present) != 0;
            ASSERT_EQ(r.ok(), !present || (flags & (pte::memory_type | pte::writable)) == 0) << std::hex << flags;
            ASSERT_TRUE(!pte::is_present(peek(t.l1, 1)) || !pte::is_writable(peek(t.l1, 1)));
        }
    // And a superpage by flag flips of an L2 entry.
    for (const std::uint64_t extra : {pte::page_size_or_pat, pte::page_size_or_pat | pte::writable})
        EXPECT_EQ(update(own(domu()), t.l2, 0, entry(t.l1, pte::present | extra)).error(), Error::einval);
    EXPECT_EQ(pte::frame_of(peek(t.l2, 0)), t.l1);
}

TEST_F(Update, AbsentEntriesNameNoRamOnCpusThatFollowThem)
{
    arch::host::state().l1tf = true;
    const Mfn ram = page(domu());
    const std::uint64_t swapped = ~entry(ram, 0) & pte::frame_mask; // as Linux stores it
    for (const unsigned command : {0U, 2U}) {
        EXPECT_EQ(l1(1, entry(ram, 0), command).error(), Error::einval);
        EXPECT_TRUE(l1(1, swapped, command).ok());
    }
    EXPECT_EQ(update(own(domu()), t.l2, 1, entry(ram, pte::user)).error(), Error::einval);
    EXPECT_EQ(update_va(t.l4, GuestVa{0}, entry(ram, 0), own(domu())).error(), Error::einval);
    for (const unsigned level : {1U, 2U}) {
        const Mfn table = page(domu());
        poke(table, 511, entry(ram, pte::user));
        EXPECT_EQ(pin_all(domu(), table, level).error(), Error::einval);
        poke(table, 511, swapped);
        EXPECT_TRUE(pin_all(domu(), table, level).ok());
        EXPECT_TRUE(unpin_now(domu(), table).ok());
    }
    const Mfn trusted = page(dom0());
    poke(trusted, 0, entry(ram, 0));
    EXPECT_TRUE(pin_all(dom0(), trusted, 1).ok());
    EXPECT_TRUE(unpin_now(dom0(), trusted).ok());
    arch::host::state().l1tf = false;
}

TEST_F(Update, NonPresentEntriesAreStoredToTheBit)
{
    for (const std::uint64_t v : {0x0ULL, ~1ULL, 0xfffffffffffff0feULL, 0x8000000000000aa2ULL}) {
        EXPECT_TRUE(l1(2, v).ok());
        EXPECT_EQ(peek(t.l1, 2), v);
    }
}

TEST_F(Update, SoftwareBitsAndNoExecuteSurvive)
{
    const Mfn ram = page(domu());
    const std::uint64_t v = entry(ram, rw | pte::user | pte::software | pte::no_execute | pte::accessed_dirty);
    ASSERT_TRUE(l1(2, v).ok());
    EXPECT_EQ(peek(t.l1, 2), v);
}

TEST_F(Update, PreserveOrsTheOldAccessedAndDirtyBits)
{
    const Mfn ram = page(domu());
    ASSERT_TRUE(l1(2, entry(ram, rw | pte::user | pte::accessed_dirty)).ok());
    ASSERT_TRUE(l1(2, entry(ram, ro), 2).ok());
    EXPECT_EQ(peek(t.l1, 2), entry(ram, ro | pte::user | pte::accessed_dirty));
    ASSERT_TRUE(l1(2, entry(ram, ro), 0).ok());
    EXPECT_EQ(peek(t.l1, 2), entry(ram, ro | pte::user));
}

TEST_F(Update, ReferencesFollowTheEntry)
{
    const Mfn a = page(domu()), b = page(domu());
    ASSERT_TRUE(l1(2, entry(a, rw)).ok());
    EXPECT_EQ(frame(a).current().count, 1U);
    EXPECT_EQ(frame(a).current().refs, 2U);
    ASSERT_TRUE(l1(2, entry(a, ro)).ok());
    EXPECT_EQ(frame(a).current().count, 0U);
    EXPECT_EQ(frame(a).current().refs, 2U);
    ASSERT_TRUE(l1(2, entry(b, ro)).ok());
    EXPECT_EQ(frame(a).current().refs, 1U);
    ASSERT_TRUE(l1(2, entry(b, rw)).ok());
    EXPECT_EQ(frame(b).current().count, 1U);
    EXPECT_EQ(frame(b).current().refs, 2U);
    ASSERT_TRUE(l1(2, 0).ok());
    EXPECT_EQ(frame(b).current().refs, 1U);
}

TEST_F(Update, OrdinaryMemoryTakesAnyValue)
{
    const Mfn plain = page(domu());
    ASSERT_TRUE(update(own(domu()), plain, 5, 0x123456789abcdef1).ok());
    EXPECT_EQ(peek(plain, 5), 0x123456789abcdef1U);
    EXPECT_EQ(update(own(domu()), plain, 5, 0, 4).error(), Error::enosys);
    EXPECT_EQ(update(own(domu()), plain, 5, 0, 7).error(), Error::enosys);
}

TEST_F(Update, MachphysNeedsOnesOwnFrame)
{
    const Mfn mine = page(domu()), theirs = page(dom0());
    EXPECT_TRUE(update(own(domu()), mine, 0, 0x777, 1).ok());
    EXPECT_EQ(m2p(mine), Pfn{0x777});
    EXPECT_EQ(update(own(domu()), theirs, 0, 0x777, 1).error(), Error::einval);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_FALSE(update(own(domu()), theirs, 0, 1, 1).ok());
        ASSERT_FALSE(update(own(domu()), Mfn{1100}, 0, 1, 1).ok());
    }
    EXPECT_EQ(frame(theirs).current().refs, 1U);
}

TEST_F(Update, ForeignMappingsHoldTheFrameBeyondItsOwnersReservation)
{
    const Mfn theirs = page(domu());
    const Tree d0 = tree(dom0());
    ASSERT_TRUE(pin_all(dom0(), d0.l4, 4).ok());
    EXPECT_FALSE(update(own(dom0()), d0.l1, 1, entry(theirs, rw)).ok()) << "not by its own right";
    ASSERT_TRUE(update({dom0(), domu()}, d0.l1, 1, entry(theirs, rw)).ok());
    EXPECT_EQ(pin_all(domu(), theirs, 1).error(), Error::einval) << "a table while dom0 can write it";
    ASSERT_TRUE(release_domain_frame(domu(), theirs).ok());
    EXPECT_EQ(frame(theirs).details().owner, domu().id());
    audit_clean();
    ASSERT_TRUE(update(own(dom0()), d0.l1, 1, 0).ok());
    EXPECT_EQ(frame(theirs).details().owner, free_id);
}

TEST_F(Update, ADyingDomainsFramesStayUntilTheLastMappingGoes)
{
    const Mfn theirs = page(domu());
    const Tree d0 = tree(dom0());
    ASSERT_TRUE(pin_all(dom0(), d0.l4, 4).ok());
    ASSERT_TRUE(update({dom0(), domu()}, d0.l1, 1, entry(theirs, rw)).ok());
    domu().set_dying();
    EXPECT_FALSE(update({dom0(), domu()}, d0.l1, 2, entry(theirs, rw)).ok());
    ASSERT_TRUE(persist([&] { return relinquish(domu()); }).ok());
    EXPECT_EQ(domu().held(), 1U);
    audit_clean();
    ASSERT_TRUE(update(own(dom0()), d0.l1, 1, 0).ok());
    EXPECT_EQ(domu().held(), 0U);
}

TEST_F(Update, DeviceFramesAreTheHardwareDomainsAlone)
{
    const Mfn device{1100}, beyond{frames + 1000}, lapic{0xfee00};
    for (const Mfn m : {device, beyond, lapic})
        EXPECT_EQ(l1(1, entry(m, rw)).error(), Error::eperm);
    const Tree d0 = tree(dom0());
    ASSERT_TRUE(pin_all(dom0(), d0.l4, 4).ok());
    const auto map = [&](Mfn m, std::uint64_t flags) { return update(own(dom0()), d0.l1, 1, entry(m, flags)); };
    EXPECT_TRUE(map(device, rw | pte::cache_disable | pte::write_through).ok());
    EXPECT_EQ(peek(d0.l1, 1), entry(device, rw | pte::user | pte::cache_disable | pte::write_through));
    EXPECT_TRUE(map(beyond, ro).ok());
    EXPECT_EQ(map(lapic, ro).error(), Error::eperm);
    EXPECT_EQ(map(Mfn{1ULL << 30}, ro).error(), Error::einval) << "wider than the machine's addresses";
    EXPECT_TRUE(map(d0.leaf, rw | pte::cache_disable).ok());
    EXPECT_EQ(peek(d0.l1, 1), entry(d0.leaf, rw | pte::user)) << "RAM is write-back";
}

TEST_F(Update, UpdateVaWalksTheTablesThatAreThereNow)
{
    const Mfn other_l1 = page(domu()), other_l2 = page(domu()), ram = page(domu());
    poke(other_l2, 0, entry(other_l1, rw));
    const GuestVa va{3 * page_size};
    ASSERT_TRUE(update_va(t.l4, va, entry(ram, rw), own(domu())).ok());
    ASSERT_TRUE(update(own(domu()), t.l3, 0, entry(other_l2, rw)).ok());
    ASSERT_TRUE(update_va(t.l4, va, entry(ram, ro), own(domu())).ok());
    EXPECT_EQ(peek(other_l1, 3), entry(ram, ro | pte::user));
    EXPECT_EQ(peek(t.l1, 3), entry(ram, rw | pte::user)) << "the old table is untouched";
    EXPECT_EQ(update_va(t.l4, GuestVa{1ULL << 40}, 0, own(domu())).error(), Error::einval);
    EXPECT_EQ(update_va(t.l4, GuestVa{0xffff800000000000}, 0, own(domu())).error(), Error::einval);
    EXPECT_EQ(update_va(t.l4, GuestVa{1ULL << 47}, 0, own(domu())).error(), Error::einval);
}

TEST_F(Update, EmulatedStoresAreValidatedReadModifyWrites)
{
    const Mfn ram = page(domu());
    const std::uint64_t v = entry(ram, rw | pte::user | pte::dirty);
    ASSERT_TRUE(l1(9, entry(t.l1, ro)).ok());
    const auto at = [](unsigned index) { return GuestVa{9 * page_size + index * 8}; };
    const auto op = [&](GuestVa va, EntryAccess a) { return emulate_l1_access(t.l4, va, a, domu()); };
    EXPECT_EQ(op(at(4), {0, v}).take(), 0U);
    EXPECT_EQ(peek(t.l1, 4), v);
    EXPECT_EQ(op(at(4), {~2ULL, 0}).take(), v);
    EXPECT_EQ(peek(t.l1, 4), v & ~pte::writable);
    EXPECT_EQ(frame(ram).current().count, 0U);
    EXPECT_EQ(op(at(4), {~0ULL, 2}).take(), v & ~pte::writable);
    EXPECT_EQ(op(at(4), {~(1ULL << 6), 0}).take(), v);
    EXPECT_EQ(op(at(4), {~0ULL, 1ULL << 63}).take(), v & ~pte::dirty);
    EXPECT_EQ(peek(t.l1, 4), (v & ~pte::dirty) | pte::no_execute);
    const std::uint64_t now = peek(t.l1, 4);
    EXPECT_EQ(op(at(4), {0, 0, ~0ULL, now + 1}).take(), now) << "no match, no store";
    EXPECT_EQ(peek(t.l1, 4), now);
    EXPECT_EQ(op(at(4), {0, 0, ~0ULL, now}).take(), now);
    EXPECT_EQ(peek(t.l1, 4), 0U);
    EXPECT_EQ(op(at(4), {0, v}).take(), 0U);
    EXPECT_EQ(op(at(4), {0, 0}).take(), v);
    EXPECT_EQ(op(at(5), {0, entry(t.l3, rw)}).error(), Error::ebusy);
    EXPECT_EQ(peek(t.l1, 5), 0U);
    // Not an L1 table, not read-only, not mapped.
    ASSERT_TRUE(l1(10, entry(t.l2, ro)).ok());
    EXPECT_EQ(op(GuestVa{10 * page_size}, {0, 0}).error(), Error::einval);
    ASSERT_TRUE(l1(11, entry(ram, ro)).ok());
    EXPECT_EQ(op(GuestVa{11 * page_size}, {0, 0}).error(), Error::einval);
    EXPECT_EQ(op(GuestVa{12 * page_size}, {0, 0}).error(), Error::einval);
}

TEST_F(Update, ARunStopsAtTheFirstRefusalAndCountsWhatIsDone)
{
    const auto slot = [&](unsigned i) { return maddr_of(t.l1).raw() + 8 * i; };
    const Mfn foreign = page(dom0());
    const pv_mmu_update run[] = {{slot(1), entry(t.leaf, rw)},
                                 {slot(0), 0},
                                 {slot(1), entry(t.leaf, ro)},
                                 {slot(2), entry(foreign, ro)},
                                 {slot(3), entry(t.leaf, rw)}};
    std::uint32_t done = 0;
    {
        Work work;
        UpdateBatch batch{own(domu()), work};
        EXPECT_EQ(batch.apply(run, done).error(), Error::ebusy);
    }
    EXPECT_EQ(done, 3U);
    EXPECT_EQ(peek(t.l1, 0), 0U);
    EXPECT_EQ(peek(t.l1, 1), entry(t.leaf, ro | pte::user));
    EXPECT_EQ(peek(t.l1, 2), 0U);
    EXPECT_EQ(peek(t.l1, 3), 0U);
    EXPECT_EQ(frame(t.l1).details().present, 1);
    EXPECT_EQ(frame(t.leaf).current().count, 0U);
    audit_clean();
}

TEST_F(Update, GrantEntriesHoldTheirOwnReferences)
{
    const Mfn granted = page(dom0());
    const L1Slot slot{t.l1, 20};
    ASSERT_TRUE(install_grant_pte(slot, {GrantAccess::read_write, 1 << 9}, granted, {domu(), dom0()}).ok());
    EXPECT_EQ(peek(t.l1, 20), entry(granted, rw | pte::user | pte::accessed_dirty | 1 << 9));
    EXPECT_EQ(frame(granted).current().refs, 2U);
    EXPECT_EQ(frame(granted).current().count, 1U);
    // Its guest may clear or restrict it, not move or widen it.
    EXPECT_TRUE(l1(20, entry(granted, ro)).ok());
    EXPECT_EQ(l1(20, entry(granted, rw)).error(), Error::ebusy);
    EXPECT_EQ(remove_grant_pte(slot, t.leaf, GrantAccess::read_only, domu()).error(), Error::einval);
    EXPECT_EQ(remove_grant_pte(slot, granted, GrantAccess::read_write, domu()).error(), Error::einval);
    EXPECT_TRUE(remove_grant_pte(slot, granted, GrantAccess::read_only, domu()).ok());
    EXPECT_EQ(remove_grant_pte(slot, granted, GrantAccess::read_only, domu()).error(), Error::einval);
    EXPECT_EQ(frame(granted).current().refs, 1U);
    EXPECT_FALSE(l1_slot_at(Maddr{maddr_of(t.l1).raw() + 4}, domu()).ok());
    EXPECT_FALSE(l1_slot_at(maddr_of(t.l2), domu()).ok());
    EXPECT_FALSE(l1_slot_at(maddr_of(t.leaf), domu()).ok());
    EXPECT_FALSE(l1_slot_at(Maddr{~0ULL << 12}, domu()).ok());
    EXPECT_TRUE(l1_slot_at(maddr_of(t.l1), domu()).ok());
}

TEST_F(Update, DroppingABigTreeByOneEntryIsPreemptible)
{
    const Mfn l2 = page(domu()), leaf = page(domu());
    for (unsigned i = 0; i < 20; ++i) {
        const Mfn table = page(domu());
        poke(l2, i, entry(table, rw));
        for (unsigned k = 0; k < 512; ++k)
            poke(table, k, entry(leaf, ro));
    }
    ASSERT_TRUE(update(own(domu()), t.l3, 7, entry(l2, rw)).ok());
    Work work{50};
    {
        UpdateBatch batch{own(domu()), work};
        ASSERT_TRUE(apply(batch, maddr_of(t.l3).raw() + 7 * 8, 0).ok());
    }
    EXPECT_EQ(peek(t.l3, 7), 0U);
    EXPECT_EQ(frame(l2).current().progress, Progress::devalidating);
    audit_clean();
    EXPECT_EQ(pin(domu(), l2, 2, work).error(), Error::restart) << "not before it is finished";
    ASSERT_TRUE(pin_all(domu(), l2, 2).ok());
}

TEST_F(Update, RootsInUseSurviveTheirUnpinning)
{
    auto got = get_root(t.l4, domu());
    ASSERT_TRUE(got.ok());
    RootRef root = std::move(got).take();
    ASSERT_TRUE(unpin_now(domu(), t.l4).ok());
    EXPECT_EQ(frame(t.l4).current().count, 1U);
    audit_clean({}, {t.l4});
    EXPECT_EQ(get_root(t.l3, domu()).error(), Error::einval);
    root.reset();
    EXPECT_EQ(frame(t.l1).current().count, 0U);
}

} // namespace hv::mm::test
