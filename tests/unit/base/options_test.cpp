// SPDX-License-Identifier: MIT
//
// The command line: Xen's words and units, and a complaint for everything else.
#include "base/options.hpp"
#include <gtest/gtest.h>
#include <string>
#include <vector>

using namespace hv;

namespace {

std::vector<std::string> complaints;
Options parse(const char* line)
{
    complaints.clear();
    return parse_options(
        line, [](const char* word, const char* why) { complaints.push_back(std::string{word} + ": " + why); });
}

TEST(Options, ReadsWhatDebianPuts)
{
    const Options o = parse(
        "console=com1,vga com1=57600,8n1 dom0_mem=512M,max:1G dom0_max_vcpus=2 loglvl=all noreboot sched=credit2");
    EXPECT_TRUE(complaints.empty());
    EXPECT_TRUE(o.console_com1 && o.console_vga && o.noreboot);
    EXPECT_EQ(o.com1_baud, 57600U);
    EXPECT_EQ(o.dom0_bytes, 512ULL << 20);
    EXPECT_EQ(o.dom0_max_bytes, 1ULL << 30);
    EXPECT_EQ(o.dom0_max_vcpus, 2U);
    EXPECT_EQ(o.log_level, log::Level::debug);
}

TEST(Options, WithoutConsoleTheScreenAndADescribedLineAreUsed)
{
    EXPECT_TRUE(parse("").console_vga && !parse("").console_com1);
    EXPECT_TRUE(parse("com1=115200").console_vga && parse("com1=115200").console_com1);
    EXPECT_TRUE(!parse("com1=115200 console=vga").console_com1 && !parse("console=com1").console_vga);
    EXPECT_TRUE(!parse("console=none com1=115200").console_com1 && !parse("console=none").console_vga);
}

TEST(Options, SizesDefaultToKibibytes)
{
    EXPECT_EQ(parse("dom0_mem=1048576").dom0_bytes, 1ULL << 30);
    EXPECT_EQ(parse("dom0_mem=0x100M").dom0_bytes, 256ULL << 20);
    EXPECT_EQ(parse("dom0_mem=4096b").dom0_bytes, 4096U);
}

TEST(Options, ABadValueKeepsTheDefaultAndIsNamed)
{
    for (const char* bad :
         {"dom0_mem=12Q", "dom0_mem=99999999999G", "dom0_mem=", "com1=9601,8n1", "com1=115200,7e1", "dom0_max_vcpus=0",
          "dom0_max_vcpus=65", "dom0_max_vcpus=1-4", "dom0_mem=25%", "loglvl=shout", "xpti=maybe", "console=lpt"}) {
        const Options o = parse(bad);
        ASSERT_EQ(complaints.size(), 1U) << bad;
        EXPECT_NE(complaints[0].find("bad value"), std::string::npos) << bad;
        EXPECT_EQ(o.dom0_max_vcpus, 0U);
        EXPECT_EQ(o.com1_baud, 115200U);
    }
}

TEST(Options, AnUnknownWordIsWarnedAboutAndIgnored)
{
    const Options o = parse("  bogus=1   noreboot ");
    ASSERT_EQ(complaints.size(), 1U);
    EXPECT_EQ(complaints[0], "bogus=1: unknown option, ignored");
    EXPECT_TRUE(o.noreboot);
}

TEST(Options, ChoicesAreThreeValued)
{
    EXPECT_EQ(parse("").xpti, Choice::automatic);
    EXPECT_EQ(parse("xpti=off spec-ctrl=on").xpti, Choice::off);
    EXPECT_EQ(parse("xpti=off spec-ctrl=on").spec_ctrl, Choice::on);
    EXPECT_FALSE(parse("fastpath=off").fastpath);
    EXPECT_EQ(parse("").smap, Choice::automatic);
    EXPECT_EQ(parse("smap=1").smap, Choice::on);
    EXPECT_TRUE(parse("").x2apic && parse("x2apic").x2apic && !parse("x2apic=0").x2apic);
    EXPECT_TRUE(complaints.empty());
}

TEST(Options, TheTscIsStableUnstableOrMeasured)
{
    EXPECT_EQ(parse("").tsc, Choice::automatic);
    EXPECT_EQ(parse("tsc=stable").tsc, Choice::on);
    EXPECT_EQ(parse("tsc=unstable").tsc, Choice::off);
    EXPECT_TRUE(complaints.empty());
    for (const char* other : {"tsc=skewed", "tsc=stable:socket", "tsc=", "tsc", "tsc=on", "tsc=unstabl"}) {
        EXPECT_EQ(parse(other).tsc, Choice::automatic) << other;
        ASSERT_EQ(complaints.size(), 1U) << other;
        EXPECT_NE(complaints[0].find("bad value"), std::string::npos) << other;
    }
    EXPECT_EQ(parse("tsc=unstable tsc=maybe").tsc, Choice::off) << "a bad value changes nothing";
}

} // namespace
