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
}

TEST(CpuList, RefusalsNameThePart)
{
    EXPECT_NE(refusal("1,4").find("no CPU 4"), std::string::npos);
    EXPECT_NE(refusal("1,4").find("0 to 3"), std::string::npos);
    EXPECT_NE(refusal("3-1").find("'3-1' runs backwards"), std::string::npos);
    for (const char* const bad : {"", ",", "1,", "x", "1-", "-1", "1-2-3", "0x1", " 1", "18446744073709551616"})
        EXPECT_NE(refusal(bad).find("is no CPU"), std::string::npos) << bad;
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
