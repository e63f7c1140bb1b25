// SPDX-License-Identifier: MIT
//
// The intrusive list at its edges: first, last, only, and items on two lists at once.
#include "base/list.hpp"
#include <gtest/gtest.h>
#include <vector>

using namespace hv;

namespace {

struct OtherTag;
struct Item : ListNode<Item>, ListNode<Item, OtherTag> {
    explicit Item(int n) : number{n} {}
    int number;
};

std::vector<int> numbers(List<Item>& l)
{
    std::vector<int> v;
    for (Item& i : l)
        v.push_back(i.number);
    return v;
}

TEST(List, KeepsOrderAndRemovesAnywhere)
{
    Item a{1}, b{2}, c{3}, d{4};
    List<Item> l;
    EXPECT_TRUE(l.empty());
    l.push_back(b);
    l.push_back(d);
    l.push_front(a);
    l.insert_before(c, &d);
    EXPECT_EQ(numbers(l), (std::vector{1, 2, 3, 4}));
    l.remove(d);
    l.remove(a);
    EXPECT_EQ(numbers(l), (std::vector{2, 3}));
    l.push_back(a);
    EXPECT_EQ(numbers(l), (std::vector{2, 3, 1}));
    EXPECT_EQ(l.pop_front()->number, 2);
    l.remove(c);
    l.remove(a);
    EXPECT_TRUE(l.empty());
    EXPECT_EQ(l.pop_front(), nullptr);
    EXPECT_FALSE(static_cast<ListNode<Item>&>(a).linked());
}

TEST(List, TagsAreIndependent)
{
    Item a{1};
    List<Item> one;
    List<Item, OtherTag> two;
    one.push_back(a);
    two.push_back(a);
    one.remove(a);
    EXPECT_TRUE(one.empty());
    EXPECT_EQ(two.front(), &a);
}

TEST(ListDeathTest, DoubleInsertionIsOurBug)
{
    Item a{1};
    List<Item> l;
    l.push_back(a);
    EXPECT_DEATH(l.push_back(a), "");
}

} // namespace
