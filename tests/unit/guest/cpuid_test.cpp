// SPDX-License-Identifier: MIT
//
// The fake CPU has every feature bit there is; what a guest sees of it is listed here bit by bit.
#include "arch/host/machine.hpp"
#include "guest/cpuid_policy.hpp"
#include <gtest/gtest.h>
#include <vector>

namespace hv::guest::test {

struct Bit {
    const char* name;
    std::uint32_t leaf, subleaf;
    std::uint32_t arch::CpuidLeaf::*reg;
    unsigned bit;
};
using L = arch::CpuidLeaf;

static bool shown(const Bit& b, const CpuidView& view = {})
{
    return (guest_cpuid(view, b.leaf, b.subleaf).*b.reg >> b.bit & 1) != 0;
}

static const std::vector<Bit> hidden{
    {"MONITOR", 1, 0, &L::ecx, 3},
    {"DTES64", 1, 0, &L::ecx, 2},
    {"DS-CPL", 1, 0, &L::ecx, 4},
    {"VMX", 1, 0, &L::ecx, 5},
    {"SMX", 1, 0, &L::ecx, 6},
    {"EST", 1, 0, &L::ecx, 7},
    {"TM2", 1, 0, &L::ecx, 8},
    {"xTPR", 1, 0, &L::ecx, 14},
    {"PDCM", 1, 0, &L::ecx, 15},
    {"PCID", 1, 0, &L::ecx, 17},
    {"DCA", 1, 0, &L::ecx, 18},
    {"x2APIC", 1, 0, &L::ecx, 21},
    {"TSC deadline", 1, 0, &L::ecx, 24},
    {"VME", 1, 0, &L::edx, 1},
    {"PSE", 1, 0, &L::edx, 3},
    {"PGE", 1, 0, &L::edx, 13},
    {"PSE36", 1, 0, &L::edx, 17},
    {"PSN", 1, 0, &L::edx, 18},
    {"DS", 1, 0, &L::edx, 21},
    {"HTT", 1, 0, &L::edx, 28},
    {"TM", 1, 0, &L::edx, 29},
    {"PBE", 1, 0, &L::edx, 31},
    {"FSGSBASE", 7, 0, &L::ebx, 0},
    {"TSC_ADJUST", 7, 0, &L::ebx, 1},
    {"SGX", 7, 0, &L::ebx, 2},
    {"HLE", 7, 0, &L::ebx, 4},
    {"SMEP", 7, 0, &L::ebx, 7},
    {"INVPCID", 7, 0, &L::ebx, 10},
    {"RTM", 7, 0, &L::ebx, 11},
    {"PQM", 7, 0, &L::ebx, 12},
    {"MPX", 7, 0, &L::ebx, 14},
    {"PQE", 7, 0, &L::ebx, 15},
    {"AVX512F", 7, 0, &L::ebx, 16},
    {"SMAP", 7, 0, &L::ebx, 20},
    {"PT", 7, 0, &L::ebx, 25},
    {"AVX512VL", 7, 0, &L::ebx, 31},
    {"UMIP", 7, 0, &L::ecx, 2},
    {"PKU", 7, 0, &L::ecx, 3},
    {"OSPKE", 7, 0, &L::ecx, 4},
    {"WAITPKG", 7, 0, &L::ecx, 5},
    {"CET-SS", 7, 0, &L::ecx, 7},
    {"LA57", 7, 0, &L::ecx, 16},
    {"RDPID", 7, 0, &L::ecx, 22},
    {"PKS", 7, 0, &L::ecx, 31},
    {"UINTR", 7, 0, &L::edx, 5},
    {"CET-IBT", 7, 0, &L::edx, 20},
    {"AMX", 7, 0, &L::edx, 24},
    {"IBRS", 7, 0, &L::edx, 26},
    {"STIBP", 7, 0, &L::edx, 27},
    {"L1D_FLUSH", 7, 0, &L::edx, 28},
    {"ARCH_CAPS", 7, 0, &L::edx, 29},
    {"SSBD", 7, 0, &L::edx, 31},
    {"XSAVEC", 0xd, 1, &L::eax, 1},
    {"XSAVES", 0xd, 1, &L::eax, 3},
    {"SVM", 0x80000001, 0, &L::ecx, 2},
    {"EXTAPIC", 0x80000001, 0, &L::ecx, 3},
    {"CR8", 0x80000001, 0, &L::ecx, 4},
    {"IBS", 0x80000001, 0, &L::ecx, 10},
    {"LWP", 0x80000001, 0, &L::ecx, 15},
    {"TOPOEXT", 0x80000001, 0, &L::ecx, 22},
    {"PSE", 0x80000001, 0, &L::edx, 3},
    {"PGE", 0x80000001, 0, &L::edx, 13},
    {"PSE36", 0x80000001, 0, &L::edx, 17},
    {"FFXSR", 0x80000001, 0, &L::edx, 25},
    {"1G pages", 0x80000001, 0, &L::edx, 26},
    {"RDTSCP", 0x80000001, 0, &L::edx, 27},
};
static const std::vector<Bit> visible{
    {"SSE3", 1, 0, &L::ecx, 0},
    {"CX16", 1, 0, &L::ecx, 13},
    {"XSAVE", 1, 0, &L::ecx, 26},
    {"OSXSAVE", 1, 0, &L::ecx, 27},
    {"AVX", 1, 0, &L::ecx, 28},
    {"HYPERVISOR", 1, 0, &L::ecx, 31},
    {"FPU", 1, 0, &L::edx, 0},
    {"TSC", 1, 0, &L::edx, 4},
    {"MSR", 1, 0, &L::edx, 5},
    {"PAE", 1, 0, &L::edx, 6},
    {"MCE", 1, 0, &L::edx, 7},
    {"CX8", 1, 0, &L::edx, 8},
    {"APIC", 1, 0, &L::edx, 9},
    {"MCA", 1, 0, &L::edx, 14},
    {"CMOV", 1, 0, &L::edx, 15},
    {"PAT", 1, 0, &L::edx, 16},
    {"CLFLUSH", 1, 0, &L::edx, 19},
    {"FXSR", 1, 0, &L::edx, 24},
    {"SSE", 1, 0, &L::edx, 25},
    {"SSE2", 1, 0, &L::edx, 26},
    {"AVX2", 7, 0, &L::ebx, 5},
    {"ERMS", 7, 0, &L::ebx, 9},
    {"SYSCALL", 0x80000001, 0, &L::edx, 11},
    {"NX", 0x80000001, 0, &L::edx, 20},
    {"LM", 0x80000001, 0, &L::edx, 29},
    {"LAHF", 0x80000001, 0, &L::ecx, 0},
    {"invariant TSC", 0x80000007, 0, &L::edx, 8},
};

TEST(Cpuid, HiddenBitsAreHidden)
{
    for (const Bit& b : hidden)
        EXPECT_FALSE(shown(b)) << b.name;
}

TEST(Cpuid, NeededBitsAreShown)
{
    for (const Bit& b : visible)
        EXPECT_TRUE(shown(b)) << b.name;
}

TEST(Cpuid, NothingOutsideTheListLeaks)
{
    EXPECT_EQ(guest_cpuid({}, 1, 0).ecx & ~0xfed83203u, 0u); // what the reference shows on a CPU with everything
    EXPECT_EQ(guest_cpuid({}, 1, 0).edx & ~0x0fc9dbf5u, 0u);
    EXPECT_EQ(guest_cpuid({}, 7, 0).eax, 0u);
    for (const std::uint32_t leaf : {3U, 5U, 6U, 8U, 9U, 0xaU, 0xcU, 0xeU, 0x10U, 0x14U, 0x80000009U, 0x8000001fU,
                                     0x40000006U, 0x40000100U, 0xc0000000U}) {
        const auto l = guest_cpuid({}, leaf, 0);
        EXPECT_EQ(l.eax | l.ebx | l.ecx | l.edx, 0u) << std::hex << leaf;
    }
}

TEST(Cpuid, AcpiIsTheHardwareDomains)
{
    const Bit acpi{"ACPI", 1, 0, &L::edx, 22};
    EXPECT_FALSE(shown(acpi));
    EXPECT_TRUE(shown(acpi, {.hardware_domain = true}));
}

TEST(Cpuid, ApicIdFollowsTheVcpu)
{
    EXPECT_EQ(guest_cpuid({.vcpu = 3}, 1, 0).ebx >> 24, 6u);
    EXPECT_EQ(guest_cpuid({.vcpu = 3}, 0xb, 0).edx, 6u);
    EXPECT_EQ(guest_cpuid({}, 0xb, 0).ebx, 0u);
}

TEST(Cpuid, XsaveSizeFollowsXcr0)
{
    EXPECT_EQ(guest_cpuid({.xcr0 = 3}, 0xd, 0).ebx, 576u);
    EXPECT_EQ(guest_cpuid({.xcr0 = 7}, 0xd, 0).ebx, 832u);
    EXPECT_EQ(guest_cpuid({.xcr0 = 3}, 0xd, 0).ecx, 832u);
    EXPECT_EQ(guest_cpuid({.xcr0 = 3}, 0xd, 0).eax, 7u);
    EXPECT_EQ(guest_cpuid({}, 0xd, 2).ebx, 576u);
    EXPECT_EQ(guest_cpuid({}, 0xd, 5).eax, 0u);
}

TEST(Cpuid, HypervisorLeaves)
{
    const auto base = guest_cpuid({}, 0x40000000, 0);
    EXPECT_EQ(base.eax, 0x40000005u);
    EXPECT_EQ(base.ebx, 0x566e6558u);
    EXPECT_EQ(base.ecx, 0x65584d4du);
    EXPECT_EQ(base.edx, 0x4d4d566eu);
    EXPECT_EQ(guest_cpuid({}, 0x40000001, 0).eax, 0x40011u);
    EXPECT_EQ(guest_cpuid({}, 0x40000002, 0).ecx, 1u);
    EXPECT_EQ(guest_cpuid({}, 0x40000004, 0).eax, 0u);         // HVM features would be a lie
    EXPECT_LE(guest_cpuid({}, 0x40000005, 0).ebx & 0xff, 44u); // more would ask for grant v2
}

TEST(Cpuid, ListOfLeavesIsOrderedAndFinite)
{
    std::vector<std::pair<std::uint32_t, std::uint32_t>> all;
    for_each_leaf([&](std::uint32_t leaf, std::uint32_t subleaf) { all.emplace_back(leaf, subleaf); });
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
    EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
    EXPECT_LT(all.size(), 64u);
}

} // namespace hv::guest::test
