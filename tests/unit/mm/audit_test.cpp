// SPDX-License-Identifier: MIT
#include "fixture.hpp"
#include "mm/types.hpp"

namespace hv::mm::test {

/// Each test plants one error in a consistent world, expects the auditor to see it, and takes it back.
class AuditTest : public MmTest {
protected:
    Tree t = tree(domu());
    void SetUp() override
    {
        ASSERT_TRUE(pin_all(domu(), t.l4, 4).ok());
        audit_clean();
    }
    template <typename F> static void with_state(Mfn m, F change, std::uint64_t expected_at_least = 1)
    {
        const std::uint64_t before = frame(m).state.load(Order::relaxed);
        FrameState s = FrameState::decode(before);
        change(s);
        frame(m).state.store(s.encode(), Order::relaxed);
        EXPECT_GE(differences(), expected_at_least);
        frame(m).state.store(before, Order::relaxed);
        EXPECT_EQ(differences(), 0U);
    }
    template <typename F> static void with_info(Mfn m, F change)
    {
        const std::uint64_t before = frame(m).info.load(Order::relaxed);
        FrameInfo i = FrameInfo::decode(before);
        change(i);
        frame(m).info.store(i.encode(), Order::relaxed);
        EXPECT_NE(differences(), 0U);
        frame(m).info.store(before, Order::relaxed);
        EXPECT_EQ(differences(), 0U);
    }
    static void with_entry(Mfn table, unsigned index, std::uint64_t value)
    {
        const std::uint64_t before = peek(table, index);
        poke(table, index, value);
        EXPECT_NE(differences(), 0U);
        poke(table, index, before);
        EXPECT_EQ(differences(), 0U);
    }
};

TEST_F(AuditTest, SeesAReferenceTooMany)
{
    with_state(t.leaf, [](FrameState& s) { ++s.refs; });
}
TEST_F(AuditTest, SeesAReferenceTooFew)
{
    with_state(t.leaf, [](FrameState& s) { --s.refs; });
}
TEST_F(AuditTest, SeesATypeReferenceTooMany)
{
    with_state(t.l1, [](FrameState& s) { ++s.count, ++s.refs; });
}
TEST_F(AuditTest, SeesAStaleType)
{
    with_state(t.l2, [](FrameState& s) { s.type = PageType::l1_table; });
}
TEST_F(AuditTest, SeesATypeWithoutValidation)
{
    with_state(t.l2, [](FrameState& s) { s.progress = Progress::none; });
}
TEST_F(AuditTest, SeesALostOwner)
{
    with_info(t.leaf, [](FrameInfo& i) { i.owner = DomainId{77}; });
}
TEST_F(AuditTest, SeesAFrameFreedInUse)
{
    with_info(t.leaf, [](FrameInfo& i) { i.owner = free_id; });
}
TEST_F(AuditTest, SeesALostAllocation)
{
    with_info(t.l3, [](FrameInfo& i) { i.allocated = false; });
}
TEST_F(AuditTest, SeesALostPin)
{
    with_info(t.l4, [](FrameInfo& i) { i.pinned = false; });
}
TEST_F(AuditTest, SeesAForgottenLock)
{
    with_info(t.l4, [](FrameInfo& i) { i.locked = true; });
}
TEST_F(AuditTest, SeesAWrongEntryCount)
{
    with_info(t.l1, [](FrameInfo& i) { ++i.present; });
}
TEST_F(AuditTest, SeesAWritableAliasOfATable) { with_entry(t.l1, 5, entry(t.l1, rw | pte::user)); }
TEST_F(AuditTest, SeesAnUncountedMapping) { with_entry(t.l1, 5, entry(t.leaf, ro | pte::user)); }
TEST_F(AuditTest, SeesAnEntryThatIsNotTheGuests) { with_entry(t.l1, 0, entry(t.leaf, rw)); }
TEST_F(AuditTest, SeesASuperfluousHolder) { EXPECT_NE(differences({t.leaf}), 0U); }
TEST_F(AuditTest, SeesAnUnnamedHolder)
{
    auto held = get_page(t.leaf, domu());
    ASSERT_TRUE(held.ok());
    EXPECT_EQ(differences(), 1U);
    EXPECT_EQ(differences({t.leaf}), 0U);
}

} // namespace hv::mm::test
