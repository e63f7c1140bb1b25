// SPDX-License-Identifier: MIT
//
// The crash card's parts: the report of one domain out of the hypervisor's log, and a console's last lines.
#include "libparapet/crash_card.hpp"
#include <gtest/gtest.h>

using namespace parapet;

namespace {

const std::string report = "(parapet) error: d3v1 crashes: reports its own crash\n"
                           "(parapet) error:   rip 0xffffffff81000000 cs 0xe033 rflags 0x246 rsp 0xc0 ss 0xe02b\n"
                           "(parapet) error:   stack +0x0: 0x1 0x2 0x3 0x4\n"
                           "(parapet) error:   stack +0x20: 0x5 0x6 0x7 0x8\n"
                           "(parapet) error:   hypercall 1 calls ago: 29\n"
                           "(parapet) error:   hypercall 2 calls ago: 99\n";

} // namespace

TEST(CrashCard, FindsTheDomainsReport)
{
    const CrashReport r = find_report("(parapet) info: x\n" + report + "(parapet) info: y\n", 3);
    EXPECT_EQ(r.why, "reports its own crash");
    EXPECT_EQ(r.lines.size(), 6U);
    EXPECT_EQ(r.stack, (std::vector<std::string>{"0x1", "0x2", "0x3", "0x4", "0x5", "0x6", "0x7", "0x8"}));
    EXPECT_EQ(r.hypercalls, (std::vector<std::string>{"sched_op", "number 99"}));
}

TEST(CrashCard, TakesNoOtherDomainsReport)
{
    EXPECT_TRUE(find_report(report, 1).lines.empty());
    EXPECT_TRUE(find_report(report, 33).lines.empty());
    EXPECT_TRUE(find_report("", 3).lines.empty());
    const std::string other = "(parapet) error: d4v0 crashes: b\n(parapet) error:   stack +0x0: 0x9\n";
    EXPECT_EQ(find_report(report + other, 3).stack.size(), 8U);
    EXPECT_EQ(find_report(report + other, 4).stack, std::vector<std::string>{"0x9"});
}

TEST(CrashCard, BelievesNothingThatAGuestHasWritten)
{
    const std::string forged = "(d4) " + report;
    const CrashReport r = find_report(forged, 3);
    EXPECT_TRUE(r.lines.empty());
    const CrashReport odd = find_report("(parapet) error: d3v0 crashes: \n(parapet) error:   hypercall\n"
                                        "(parapet) error:   hypercall 1 calls ago: x\n",
                                        3);
    EXPECT_EQ(odd.lines.size(), 3U);
}

TEST(CrashCard, NamesHypercalls)
{
    EXPECT_EQ(hypercall_name(0), "set_trap_table");
    EXPECT_EQ(hypercall_name(40), "xenpmu_op");
    EXPECT_EQ(hypercall_name(63), "number 63");
}

TEST(CrashCard, ShowsTheConsolesEnd)
{
    EXPECT_TRUE(last_lines("", 2).empty());
    EXPECT_EQ(last_lines("a\r\nb\r\r\nc", 2), (std::vector<std::string>{"b", "c"}));
    EXPECT_EQ(last_lines("\x1b[2J\n", 5), std::vector<std::string>{"\\x1b[2J"});
}
