// SPDX-License-Identifier: MIT
//
// cpus, cpus_soft, cpu_weight, cap and maxvcpus: what they come to, and every mistake with the place it stands at.
#include "libparapet/domain_config.hpp"
#include <gtest/gtest.h>

namespace parapet {
namespace {

DomainConfig read(const std::string& text)
{
    return interpret(parse_config("name='g'\nkernel='/k'\nmemory=128\n" + text, "f"), "f", FileCheck::none);
}

std::vector<Affinity> places(const std::string& text, std::size_t machine_cpus = 4)
{
    const DomainConfig c = read(text);
    return place_vcpus(c.cpus, c.max_vcpus, machine_cpus);
}

std::string complaint(const std::string& text)
{
    try {
        (void)places(text);
    } catch (const ConfigError& e) {
        return e.what();
    }
    return "none";
}

TEST(CpuConfig, TextIsForEveryVcpu)
{
    for (const char* const text : {"cpus='0-3,^1'\n", "cpus=\"all, ^1\"\n"}) {
        const auto all = places(std::string{text} + "vcpus=2\nmaxvcpus=3\n");
        ASSERT_EQ(all.size(), 3U);
        for (const Affinity& a : all) {
            EXPECT_EQ(a.hard.to_ulong(), 0b1101U);
            EXPECT_TRUE(a.soft.all());
        }
    }
    EXPECT_EQ(places("cpus=2\n")[0].hard.to_ulong(), 0b0100U);
    EXPECT_EQ(places("cpus_soft='1'\n")[0].soft.to_ulong(), 0b0010U);
    EXPECT_TRUE(places("cpus_soft='1'\n")[0].hard.all());
    EXPECT_TRUE(places("vcpus=2\n").empty());
}

TEST(CpuConfig, AListHasAnEntryForEachVcpu)
{
    const auto all = places("cpus=['2', 3, \"0-3,^2\"]\ncpus_soft=[1]\nvcpus=4\n");
    ASSERT_EQ(all.size(), 4U);
    EXPECT_EQ(all[0].hard.to_ulong(), 0b0100U);
    EXPECT_EQ(all[1].hard.to_ulong(), 0b1000U);
    EXPECT_EQ(all[2].hard.to_ulong(), 0b1011U);
    EXPECT_TRUE(all[3].hard.all());
    EXPECT_EQ(all[0].soft.to_ulong(), 0b0010U);
    EXPECT_TRUE(all[1].soft.all());
    EXPECT_TRUE(places("cpus=[]\n").empty());
}

TEST(CpuConfig, WeightCapAndMaxvcpus)
{
    const DomainConfig c = read("cpu_weight=512\ncap=350\nvcpus=2\nmaxvcpus=4\n");
    EXPECT_EQ(c.cpus.weight, 512U);
    EXPECT_EQ(c.cpus.cap, 350U);
    EXPECT_EQ(c.vcpus, 2U);
    EXPECT_EQ(c.max_vcpus, 4U);
    EXPECT_TRUE(c.warnings.empty());
    EXPECT_FALSE(read("").cpus.weight.has_value());
    EXPECT_FALSE(read("").cpus.cap.has_value());
    EXPECT_EQ(complaint("cpu_weight=0\n"), "f:4:12: 'cpu_weight' must be from 1 to 65535, not 0");
    EXPECT_EQ(complaint("cpu_weight='2'\n"), "f:4:12: 'cpu_weight' must be a number, not the text '2'");
    EXPECT_EQ(complaint("cap=-1\n"), "f:4:5: 'cap' must be from 0 to 6400, not -1");
    EXPECT_EQ(complaint("vcpus=2\ncap=201\n"),
              "f:5:5: 'cap' (201): the domain's 2 vCPUs (maxvcpus) can use 200 % of one CPU at most (0: no cap)");
    EXPECT_EQ(complaint("cap=200\nvcpus=2\n"), "none");
    EXPECT_EQ(complaint("maxvcpus=65\n"), "f:4:10: 'maxvcpus' must be from 1 to 64, not 65");
    EXPECT_EQ(complaint("vcpus=2\nmaxvcpus=1\n"), "f:5:10: 'maxvcpus' (1) is less than 'vcpus' (2)");
}

TEST(CpuConfig, ComplaintsPointAtThePart)
{
    EXPECT_EQ(complaint("cpus='0,x'\n"),
              "f:4:9: 'cpus': 'x' is no CPU, nor a range of them; write for example 0,2-3 or all,^1 or all");
    EXPECT_EQ(complaint("cpus=['0', '3-1']\n"), "f:4:13: 'cpus': '3-1' runs backwards");
    EXPECT_EQ(complaint("cpus_soft=[['0']]\n"), "f:4:12: an entry of 'cpus_soft' is text or a number: [\"0-1\", 3]");
    EXPECT_EQ(complaint("cpus=['0', 1, '2']\nvcpus=2\n"),
              "f:4:15: 'cpus' has 3 entries, the domain 2 vCPUs (maxvcpus)");
    EXPECT_EQ(complaint("cpus=-1\n").find("f:4:6: 'cpus': '-1' is no CPU"), 0U);
    EXPECT_EQ(complaint("cpus=''\n").find("f:4:7: 'cpus': '' is no CPU"), 0U);
    EXPECT_EQ(complaint("cpus='^0'\n"), "f:4:7: 'cpus': '^0' leaves no CPU; start with all or a range");
    EXPECT_EQ(complaint("cpus='nodes:0'\n"), "f:4:7: 'cpus': 'nodes:0': NUMA nodes are not told apart here; name CPUs");
    EXPECT_EQ(complaint("cpus=256\n"), "f:4:6: 'cpus': there is no CPU 256: the last one ever is 255");
}

TEST(CpuConfig, TheMachineHasTheLastWord)
{
    EXPECT_EQ(complaint("cpus='2-5'\n"), "f:4:6: 'cpus': there is no CPU 4-5: this machine's are 0 to 3");
    EXPECT_EQ(complaint("cpus_soft=['0', 9]\nvcpus=2\n"),
              "f:4:17: 'cpus_soft': there is no CPU 9: this machine's are 0 to 3");
    EXPECT_EQ(complaint("cpus='all,^0-3'\n"), "f:4:6: 'cpus': no CPU is left: this machine's are 0 to 3");
    EXPECT_EQ(complaint("cpus='all,^9'\n"), "none");
}

} // namespace
} // namespace parapet
