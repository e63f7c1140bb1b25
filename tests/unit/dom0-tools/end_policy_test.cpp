// SPDX-License-Identifier: MIT
//
// What is done about a domain's end, and that a domain which never stays up is not started for ever.
#include "libparapet/end_policy.hpp"
#include "pv-abi/domctl.h"
#include <gtest/gtest.h>

using namespace parapet;

namespace {

DomainConfig config(const std::string& more)
{
    return interpret(parse_config("name='g'\nkernel='/k'\nmemory=128\n" + more, "f"), "f", FileCheck::none);
}

OnEnd action(const std::string& more, const std::string& reason) { return decide(config(more), reason, 0, 100).action; }

std::uint32_t flags(std::uint32_t reason) { return PV_DOMINF_SHUTDOWN | reason << PV_DOMINF_SHUTDOWNSHIFT; }

} // namespace

TEST(EndPolicy, DefaultsAreThoseOfXl)
{
    EXPECT_EQ(action("", "poweroff"), OnEnd::destroy);
    EXPECT_EQ(action("", "reboot"), OnEnd::restart);
    EXPECT_EQ(action("", "crash"), OnEnd::destroy);
    EXPECT_EQ(action("", "watchdog"), OnEnd::destroy);
    EXPECT_EQ(action("", "suspend"), OnEnd::preserve);
}

TEST(EndPolicy, EachReasonHasItsSetting)
{
    const std::string all = "on_poweroff='preserve'\non_reboot='destroy'\non_crash='rename-restart'\n"
                            "on_watchdog='coredump-restart'\n";
    EXPECT_EQ(action(all, "poweroff"), OnEnd::preserve);
    EXPECT_EQ(action(all, "reboot"), OnEnd::destroy);
    EXPECT_EQ(action(all, "crash"), OnEnd::rename_restart);
    EXPECT_EQ(action(all, "watchdog"), OnEnd::restart);
    EXPECT_EQ(action(all, "unknown"), OnEnd::rename_restart);
}

TEST(EndPolicy, ShortLivesAreCountedAndEndInARow)
{
    const DomainConfig c = config("");
    for (unsigned before = 0; before + 1 < most_short_lives; ++before) {
        const Decision d = decide(c, "reboot", before, 1);
        EXPECT_EQ(d.short_lives, before + 1);
        EXPECT_EQ(d.action, OnEnd::restart);
        EXPECT_FALSE(d.throttled);
    }
    const Decision last = decide(c, "reboot", most_short_lives - 1, 1);
    EXPECT_TRUE(last.throttled);
    EXPECT_EQ(last.action, OnEnd::destroy);
    EXPECT_EQ(decide(c, "reboot", most_short_lives - 1, shortest_life).short_lives, 0U);
    EXPECT_FALSE(decide(c, "reboot", most_short_lives - 1, shortest_life).throttled);
}

TEST(EndPolicy, AThrottledDomainIsKeptWhereItWouldHaveBeen)
{
    const Decision d = decide(config("on_crash='rename-restart'\n"), "crash", most_short_lives, 0);
    EXPECT_TRUE(d.throttled);
    EXPECT_EQ(d.action, OnEnd::preserve);
    EXPECT_FALSE(decide(config(""), "poweroff", most_short_lives, 0).throttled);
}

TEST(EndPolicy, ReasonsHaveNames)
{
    EXPECT_STREQ(shutdown_reason(flags(0)), "poweroff");
    EXPECT_STREQ(shutdown_reason(flags(3)), "crash");
    EXPECT_STREQ(shutdown_reason(flags(4)), "watchdog");
    EXPECT_STREQ(shutdown_reason(flags(255)), "unknown");
}
