// SPDX-License-Identifier: MIT
//
// Formatting, truncation, and what a reader of the ring sees after it wrapped.
#include "base/log.hpp"
#include "base/units.hpp"
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <vector>

using namespace hv;

namespace {

template <typename... A> std::string text(const char* p, A... a)
{
    char buffer[64];
    const std::size_t n = log::format_args(buffer, p, std::vector<log::Arg>{a...});
    EXPECT_EQ(buffer[n], 0);
    return {buffer, n};
}

TEST(Log, FormatsEachKindOfArgument)
{
    EXPECT_EQ(text("{} {} {x}", 42U, -7, 0xabcU), "42 -7 0xabc");
    EXPECT_EQ(text("{}{}", "ab", 'c'), "abc");
    EXPECT_EQ(text("{x}", Mfn{0x1234}), "0x1234");
    EXPECT_EQ(text("{}", std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(text("{}", static_cast<const char*>(nullptr)), "(null)");
}

TEST(Log, LeavesBracesWithoutArgumentsAlone)
{
    EXPECT_EQ(text("{} {"), "{} {");
    EXPECT_EQ(text("{}", 1U, 2U), "1");
}

TEST(Log, CutsAtTheBufferAndTerminates)
{
    char small[4];
    EXPECT_EQ(log::format_args(small, "abcdef", {}), 3U);
    EXPECT_STREQ(small, "abc");
}

std::string read_all(std::uint64_t from)
{
    std::string s(log::ring_bytes, 0);
    s.resize(log::read_ring(from, s).copied);
    return s;
}

TEST(Log, RingKeepsTheNewestBytesAndClears)
{
    log::clear_ring();
    log::info("marker {}", 1);
    EXPECT_NE(read_all(0).find("marker 1\n"), std::string::npos);
    for (int i = 0; i < 5000; ++i)
        log::info("filler line number {}", i);
    const std::string all = read_all(0);
    EXPECT_EQ(all.size(), log::ring_bytes);
    EXPECT_EQ(all.find("marker 1\n"), std::string::npos);
    EXPECT_NE(all.find("number 4999\n"), std::string::npos);
    log::clear_ring();
    EXPECT_EQ(read_all(0), "");
}

std::string sunk;
TEST(Log, HoldsBackLinesAboveTheThreshold)
{
    log::clear_ring();
    log::add_sink([](std::span<const char> s) { sunk.append(s.data(), s.size()); });
    log::set_threshold(log::Level::warning);
    log::info("quiet");
    log::warning("loud");
    log::set_threshold(log::Level::info);
    EXPECT_EQ(sunk.find("quiet"), std::string::npos);
    EXPECT_NE(sunk.find("loud"), std::string::npos);
    EXPECT_EQ(read_all(0).find("quiet"), std::string::npos); // where they would push out others
}

} // namespace
