// SPDX-License-Identifier: MIT
//
// The CPUs that an ACPI MADT lists, and the local APIC's two modes: which is taken, and what is written to whom. The
// machine's registers are fakes: MSRs a map, the mapped page an array, physical memory a vector.
#include "arch/x86/bringup.hpp"
#define rdmsr privileged_rdmsr
#define wrmsr privileged_wrmsr
#include "arch/x86/cpu.hpp"
#undef rdmsr
#undef wrmsr
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <utility>
#include <vector>

namespace hv::arch {
namespace {

std::map<std::uint32_t, std::uint64_t> msrs;
std::vector<std::pair<std::uint32_t, std::uint64_t>> writes; // MSR writes, in order
bool has_x2apic;
std::uint32_t page[page_size / 4];
std::vector<std::byte> memory;
constexpr std::uint64_t memory_base = 0xe0000;

std::uint64_t rdmsr(std::uint32_t index) { return msrs[index]; }
void wrmsr(std::uint32_t index, std::uint64_t v)
{
    msrs[index] = v;
    writes.emplace_back(index, v);
}
CpuidLeaf fake_cpuid(std::uint32_t leaf, std::uint32_t) { return {0, 0, leaf == 1 && has_x2apic ? 1U << 21 : 0, 0}; }
Result<volatile std::uint32_t*> fake_map_device(std::uint64_t pa, std::size_t)
{
    EXPECT_EQ(pa, 0xfee00000U);
    return page;
}

} // namespace

void x86::panic(const char* reason, const GuestRegs*) { throw reason; }
Result<std::byte*> x86::map_physical(std::uint64_t pa, std::size_t bytes, Cache)
{
    if (pa < memory_base || pa - memory_base + bytes > memory.size()) return Error::enomem;
    return memory.data() + (pa - memory_base);
}

} // namespace hv::arch

#define cpuid fake_cpuid
#define map_device fake_map_device
#include "arch/x86/acpi.cpp" // NOLINT: arch/x86 is not in the host library
#include "arch/x86/apic.cpp" // NOLINT

namespace hv::arch {
namespace {

template <typename T> void put(std::vector<std::byte>& to, std::size_t at, T v)
{
    if (to.size() < at + sizeof v) to.resize(at + sizeof v);
    std::memcpy(to.data() + at, &v, sizeof v);
}

std::vector<std::byte> table(const char* signature, std::vector<std::byte> body)
{
    std::vector<std::byte> t(36);
    std::memcpy(t.data(), signature, 4);
    t.insert(t.end(), body.begin(), body.end());
    put(t, 4, static_cast<std::uint32_t>(t.size()));
    unsigned sum = 0;
    for (const std::byte b : t)
        sum += static_cast<unsigned>(b);
    put(t, 9, static_cast<std::uint8_t>(-sum));
    return t;
}

std::vector<std::byte> local_apic(std::uint8_t id, std::uint32_t flags = 1)
{
    std::vector<std::byte> e{std::byte{0}, std::byte{8}, std::byte{id}, std::byte{id}};
    put(e, 4, flags);
    return e;
}
std::vector<std::byte> local_x2apic(std::uint32_t id, std::uint32_t uid, std::uint32_t flags = 1)
{
    std::vector<std::byte> e{std::byte{9}, std::byte{16}, std::byte{0}, std::byte{0}};
    put(e, 4, id);
    put(e, 8, flags);
    put(e, 12, uid);
    return e;
}

/// Memory with a root pointer, a root table and a MADT of these entries, which is read.
void boot_with(const std::vector<std::vector<std::byte>>& entries)
{
    tables = {};
    std::vector<std::byte> body(8);
    for (const auto& e : entries)
        body.insert(body.end(), e.begin(), e.end());
    std::vector<std::byte> pointer_to_madt;
    put(pointer_to_madt, 0, static_cast<std::uint32_t>(memory_base + 0x200));
    memory.assign(0x4000, std::byte{});
    put(memory, 16, static_cast<std::uint32_t>(memory_base + 0x100));
    const auto root = table("RSDT", pointer_to_madt), madt = table("APIC", body);
    std::memcpy(memory.data() + 0x100, root.data(), root.size());
    std::memcpy(memory.data() + 0x200, madt.data(), madt.size());
    x86::init_acpi(memory_base);
}

class LocalApic : public testing::Test {
protected:
    void SetUp() override
    {
        options = {};
        registers = nullptr;
        std::memset(page, 0, sizeof page);
        msrs = {{msr_apic_base, 0xfee00900}};
        writes.clear();
        has_x2apic = true;
        boot_with({local_apic(0), local_apic(1)});
    }
    static bool starts_as_x2apic()
    {
        x86::init_local_apic();
        const bool x2apic = (msrs[msr_apic_base] & 0x400) != 0;
        EXPECT_EQ(msrs[msr_apic_base] & ~0x400ULL, 0xfee00900U);
        EXPECT_EQ(registers == nullptr, x2apic);
        return x2apic;
    }
};

TEST(Madt, ListsUsableCpusOfBothKindsOnceInOrder)
{
    boot_with({local_apic(0), local_apic(2, 0), local_apic(4), local_x2apic(259, 7), local_x2apic(4, 4),
               local_x2apic(0x12345, 8, 2), local_x2apic(0xfffffffe, 9)});
    const x86::Acpi& a = x86::acpi();
    ASSERT_EQ(a.cpu_count, 4U);
    const CpuName expected[] = {{0, 0}, {4, 4}, {259, 7}, {0xfffffffe, 9}};
    for (unsigned i = 0; i < 4; ++i) {
        EXPECT_EQ(a.cpus[i].apic_id, expected[i].apic_id);
        EXPECT_EQ(a.cpus[i].acpi_id, expected[i].acpi_id);
    }
}

TEST(Madt, ABrokenEntryEndsTheList)
{
    boot_with({local_apic(0), {std::byte{9}, std::byte{1}}, local_apic(1)});
    EXPECT_EQ(x86::acpi().cpu_count, 1U);
    boot_with({local_apic(0), {std::byte{9}, std::byte{16}, std::byte{0}, std::byte{0}, std::byte{5}}});
    EXPECT_EQ(x86::acpi().cpu_count, 1U) << "it is cut off";
}

TEST_F(LocalApic, X2apicIsTakenWhereThereIsOne)
{
    EXPECT_TRUE(starts_as_x2apic());
    has_x2apic = false;
    msrs[msr_apic_base] = 0xfee00900;
    EXPECT_FALSE(starts_as_x2apic());
}

TEST_F(LocalApic, TheOptionYieldsToFirmwareAndToWideIds)
{
    options.x2apic = false;
    EXPECT_FALSE(starts_as_x2apic());
    registers = nullptr;
    msrs[msr_apic_base] = 0xfee00d00;
    EXPECT_TRUE(starts_as_x2apic()) << "the firmware chose it";
    msrs[msr_apic_base] = 0xfee00900;
    boot_with({local_apic(0), local_x2apic(254, 1)});
    EXPECT_FALSE(starts_as_x2apic()) << "eight bits are enough";
    registers = nullptr;
    boot_with({local_apic(0), local_x2apic(255, 1)});
    EXPECT_TRUE(starts_as_x2apic()) << "the older mode's broadcast";
}

TEST_F(LocalApic, X2apicIsEnteredByWayOfTheOlderModeAndSetUpByMsr)
{
    msrs[msr_apic_base] = 0x100; // off altogether
    x86::init_local_apic();
    ASSERT_GE(writes.size(), 2U);
    EXPECT_EQ(writes[0], std::make_pair(msr_apic_base, std::uint64_t{0xfee00900}));
    EXPECT_EQ(writes[1], std::make_pair(msr_apic_base, std::uint64_t{0xfee00d00}));
    EXPECT_EQ(msrs[0x808], 0U);                // task priority
    EXPECT_EQ(msrs[0x80f], 0x100U | 0xff);     // on; spurious vector
    EXPECT_EQ(msrs[0x832], x86::timer_vector); // one shot, unmasked
    EXPECT_EQ(msrs[0x835], 0x10000U);          // LINT0 masked
    EXPECT_EQ(msrs[0x836], 0x400U);            // LINT1 is the NMI
    EXPECT_EQ(msrs[0x837], 0x10000U);          // errors masked
    EXPECT_EQ(msrs[0x83e], 0xbU);              // divide by 1
    for (const auto& [index, v] : writes)
        EXPECT_TRUE(index == msr_apic_base || (index >= 0x808 && index <= 0x83e && index != 0x831)) << index;
    msrs[0x802] = 0x12345;
    msrs[0x839] = 77;
    EXPECT_EQ(x86::local_apic_id(), 0x12345U);
    EXPECT_EQ(x86::apic_count(), 77U);
    x86::start_apic_count(1000);
    EXPECT_EQ(writes.back(), std::make_pair(0x838U, std::uint64_t{1000}));
    x86::eoi();
    EXPECT_EQ(writes.back(), std::make_pair(0x80bU, std::uint64_t{0})) << "anything else is #GP";
}

TEST_F(LocalApic, AnX2apicCommandIsOneWriteToAWholePhysicalId)
{
    x86::init_local_apic();
    for (const std::uint32_t id : {0U, 1U, 255U, 259U, 0xfffffffeU})
        for (const std::uint32_t kind :
             {x86::ipi_fixed | x86::call_vector, +x86::ipi_nmi, +x86::ipi_init, x86::ipi_startup | 0x9fU}) {
            writes.clear();
            x86::send_ipi(id, kind);
            ASSERT_EQ(writes.size(), 1U);
            EXPECT_EQ(writes[0], std::make_pair(0x830U, std::uint64_t{id} << 32 | kind));
            EXPECT_EQ(kind & 0xc0800U, 0U) << "physical, to the one named";
        }
}

TEST_F(LocalApic, TheOlderModeUsesThePageAndWritesTheIdFirst)
{
    has_x2apic = false;
    x86::init_local_apic();
    EXPECT_EQ(writes.size(), 1U) << "no MSR but the base";
    EXPECT_EQ(page[0xf0 / 4], 0x1ffU);
    EXPECT_EQ(page[0x320 / 4], x86::timer_vector);
    EXPECT_EQ(page[0x360 / 4], 0x400U);
    page[0x20 / 4] = 5U << 24;
    EXPECT_EQ(x86::local_apic_id(), 5U);
    x86::send_ipi(254, x86::ipi_fixed | x86::kick_vector);
    EXPECT_EQ(page[0x310 / 4], 254U << 24);
    EXPECT_EQ(page[0x300 / 4], x86::ipi_fixed | x86::kick_vector);
    page[0xb0 / 4] = 1;
    x86::eoi();
    EXPECT_EQ(page[0xb0 / 4], 0U);
    EXPECT_EQ(writes.size(), 1U);
}

} // namespace
} // namespace hv::arch
