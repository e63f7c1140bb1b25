// SPDX-License-Identifier: MIT
//
// CPU lists: what is understood, what is refused and how it is named, and that formatting inverts parsing.
#include "libparapet/cpu_list.hpp"
#include "libparapet/error.hpp"
#include <gtest/gtest.h>

namespace parapet {
namespace {

std::string refusal(const char* text, std::size_t cpus = 4)
{
    try {
        (void)parse_cpus(text, cpus);
    } catch (const Error& e) {
        return e.what();
    }
    return "";
}

TEST(CpuList, NumbersRangesAndAll)
{
    EXPECT_EQ(parse_cpus("2", 4).to_ulong(), 0b0100U);
    EXPECT_EQ(parse_cpus("0,2-3", 4).to_ulong(), 0b1101U);
    EXPECT_EQ(parse_cpus("1-1,1", 4).to_ulong(), 0b0010U);
    EXPECT_EQ(parse_cpus("all", 3).to_ulong(), 0b0111U);
    EXPECT_EQ(parse_cpus("0-255", 256).count(), 256U);
    EXPECT_EQ(parse_cpus(" 1 ,\t3", 4).to_ulong(), 0b1010U);
}

TEST(CpuList, RefusalsNameThePart)
{
    EXPECT_NE(refusal("1,4").find("no CPU 4"), std::string::npos);
    EXPECT_NE(refusal("1,4").find("0 to 3"), std::string::npos);
    EXPECT_NE(refusal("3-1").find("'3-1' runs backwards"), std::string::npos);
    for (const char* const bad : {"", ",", "1,", "x", "1-", "-1", "1-2-3", "0x1", "^", "^^1", "1^", "all-1"})
        EXPECT_NE(refusal(bad).find("is no CPU"), std::string::npos) << bad;
}

TEST(CpuList, PartsAreTakenAwayInTheirOrder)
{
    EXPECT_EQ(parse_cpus("0-3,5,^1", 8).to_ulong(), 0b101101U);
    EXPECT_EQ(parse_cpus("all,^2-3", 4).to_ulong(), 0b0011U);
    EXPECT_EQ(parse_cpus("^1,0-1", 4).to_ulong(), 0b0011U);
    EXPECT_EQ(parse_cpus("0-7,^4-7", 4).to_ulong(), 0b1111U) << "an absent CPU that is not wanted";
    EXPECT_EQ(parse_cpus("all,^7", 4).to_ulong(), 0b1111U);
    EXPECT_NE(refusal("all,5-6").find("no CPU 5-6"), std::string::npos);
    EXPECT_NE(refusal("all,^0-3").find("no CPU is left"), std::string::npos);
    for (const char* const none : {"^1", "0-1,^0-1", "^all"})
        EXPECT_NE(refusal(none).find("leaves no CPU"), std::string::npos) << none;
    EXPECT_NE(refusal("nodes:0").find("NUMA"), std::string::npos);
    for (const char* const much : {"256", "0-256", "18446744073709551616"})
        EXPECT_NE(refusal(much).find("the last one ever is 255"), std::string::npos) << much;
}

TEST(CpuList, FormattingInvertsParsing)
{
    for (const char* const text : {"0", "0,2-3", "1-2", "1,3", "all"})
        EXPECT_EQ(format_cpus(parse_cpus(text, 4), 4), text);
    EXPECT_EQ(format_cpus(CpuList{}, 4), "none");
    EXPECT_EQ(format_cpus(parse_cpus("0-3", 4), 4), "all");
}

} // namespace
} // namespace parapet
