// SPDX-License-Identifier: MIT
//
// From two looks at the domains to what happened between them; amounts of memory as they are typed.
#include "libparapet/domain_events.hpp"
#include "libparapet/memory_size.hpp"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace parapet;

namespace {

DomainState state(DomainId id, const std::string& name, const std::string& reason = "")
{
    DomainState s{id, {}, name};
    s.uuid[0] = static_cast<std::uint8_t>(id);
    s.shut_down = !reason.empty();
    s.reason = reason;
    return s;
}

std::string between(const DomainStates& before, DomainStates after)
{
    std::string all;
    for (const DomainEvent& e : changes(before, after))
        all += fmt::format("{}{}:{}{} ", e.name, e.domain, e.what, e.reason.empty() ? "" : "=" + e.reason);
    return all;
}

std::string refusal(const std::string& text)
{
    try {
        return fmt::format("{}", parse_memory(text));
    } catch (const Error& e) {
        return e.what();
    }
}

} // namespace

TEST(DomainEvents, TellWhatHappened)
{
    EXPECT_EQ(between({}, {}), "");
    EXPECT_EQ(between({state(1, "a")}, {state(1, "a")}), "");
    EXPECT_EQ(between({}, {state(1, "a")}), "a1:created ");
    EXPECT_EQ(between({state(1, "a")}, {state(1, "a", "poweroff")}), "a1:shutdown=poweroff ");
    EXPECT_EQ(between({state(1, "a")}, {state(1, "a", "crash")}), "a1:crashed=crash ");
    EXPECT_EQ(between({state(1, "a", "crash")}, {state(1, "a", "crash")}), "");
    EXPECT_EQ(between({state(1, "a", "crash")}, {}), "a1:destroyed ");
    EXPECT_EQ(between({state(1, "a", "reboot")}, {state(2, "a")}), "a1:destroyed a2:created ");
    EXPECT_EQ(between({}, {state(3, "a", "reboot")}), "a3:created a3:shutdown=reboot ");
}

TEST(DomainEvents, ADomainIsThereOnceItHasAName)
{
    EXPECT_EQ(between({}, {state(1, "")}), "");
    EXPECT_EQ(between({state(1, "")}, {state(1, "a")}), "a1:created ");
    EXPECT_EQ(between({state(1, "")}, {}), "");
    DomainStates after{state(1, "", "crash")};
    EXPECT_EQ(changes({state(1, "a")}, after).at(0).name, "a"); // its nodes go before it does
    EXPECT_EQ(after[0].name, "a");
}

TEST(DomainEvents, AreTheSameForPeopleAndPrograms)
{
    const auto json = to_json({"crashed", 7, {}, "a", "crash", "so \x1b[31mred"});
    EXPECT_EQ(json.at("event"), "crashed");
    EXPECT_EQ(json.at("domain"), 7);
    const std::string text = describe(json);
    EXPECT_NE(text.find("  a (domain 7)  crashed: crash; so \\x1b[31mred"), std::string::npos) << text;
}

TEST(MemorySize, IsMibOrHasItsUnit)
{
    EXPECT_EQ(parse_memory("128"), 128U << 10);
    EXPECT_EQ(parse_memory("128m"), 128U << 10);
    EXPECT_EQ(parse_memory("2G"), 2U << 20);
    EXPECT_EQ(parse_memory("1t"), 1U << 30);
    EXPECT_EQ(parse_memory("4096k"), 4096U);
}

TEST(MemorySize, RefusesWhatItIsNot)
{
    for (const char* bad : {"", "m", "-1", "+64", "1.5g", "12mb", " 12"})
        EXPECT_NE(refusal(bad).find("is no amount of memory"), std::string::npos) << bad << ": " << refusal(bad);
    EXPECT_NE(refusal("12x").find("the unit 'x' is none of"), std::string::npos);
    EXPECT_NE(refusal("0").find("needs some memory"), std::string::npos);
    EXPECT_NE(refusal("2t").find("more than the 1024 GiB"), std::string::npos);
    EXPECT_NE(refusal("99999999999999999999").find("more memory than any machine"), std::string::npos);
}
