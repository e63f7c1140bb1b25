// SPDX-License-Identifier: MIT
//
// The fake machine keeps the promises of arch.hpp that the core's tests rest on.
#include "arch/host/machine.hpp"
#include "cpu/percpu.hpp"
#include <cstring>
#include <gtest/gtest.h>

namespace hv::arch {
namespace {

constexpr std::uint64_t present_user_write = 7, present_user = 5, kernel_only = 3;
constexpr std::uint64_t page_va = 0x400000;

std::uint64_t* table(std::uint64_t frame) { return reinterpret_cast<std::uint64_t*>(frame_address(Mfn{frame})); }

/// Frames 1..4 are L4..L1, frames 5 and 6 the pages at page_va.
void build_tables(std::uint64_t first_flags, std::uint64_t second_flags)
{
    host::reset(16);
    table(1)[0] = 2ULL << 12 | present_user_write;
    table(2)[0] = 3ULL << 12 | present_user_write;
    table(3)[page_va >> 21 & 511] = 4ULL << 12 | present_user_write;
    table(4)[page_va >> 12 & 511] = 5ULL << 12 | first_flags;
    table(4)[(page_va >> 12 & 511) + 1] = 6ULL << 12 | second_flags;
    load_root(maddr_of(Mfn{1}));
}

TEST(HostMemory, CopyCrossesPages)
{
    build_tables(present_user_write, present_user_write);
    const char text[] = "0123456789";
    EXPECT_EQ(copy_to_guest(GuestVa{page_va + page_size - 4}, text, 10), 0U);
    EXPECT_EQ(std::memcmp(frame_address(Mfn{5}) + page_size - 4, "0123", 4), 0);
    EXPECT_EQ(std::memcmp(frame_address(Mfn{6}), "456789", 6), 0);
    char back[10];
    EXPECT_EQ(copy_from_guest(back, GuestVa{page_va + page_size - 4}, 10), 0U);
    EXPECT_EQ(std::memcmp(back, text, 10), 0);
}

TEST(HostMemory, RightsAreThoseOfRing3)
{
    build_tables(present_user_write, present_user);
    char c[8] = {};
    EXPECT_EQ(copy_to_guest(GuestVa{page_va + page_size}, c, 8), 8U) << "read-only";
    EXPECT_EQ(copy_from_guest(c, GuestVa{page_va + page_size}, 8), 0U);
    EXPECT_EQ(copy_to_guest(GuestVa{page_va + page_size - 3}, c, 8), 5U) << "stops at the boundary";
    build_tables(kernel_only, 0);
    EXPECT_EQ(copy_from_guest(c, GuestVa{page_va}, 8), 8U) << "supervisor page";
    EXPECT_EQ(clear_guest(GuestVa{page_va + page_size}, 8), 8U) << "absent page";
    EXPECT_EQ(copy_from_guest(c, GuestVa{0x7f0000000000}, 8), 8U) << "absent root entry";
}

TEST(HostMemory, AccessedAndDirtyAreSetAsHardwareDoes)
{
    build_tables(present_user_write, present_user_write);
    char c = 0;
    ASSERT_EQ(copy_from_guest(&c, GuestVa{page_va}, 1), 0U);
    EXPECT_EQ(table(4)[page_va >> 12 & 511] & 0x60, 0x20U);
    ASSERT_EQ(clear_guest(GuestVa{page_va}, 1), 0U);
    EXPECT_EQ(table(4)[page_va >> 12 & 511] & 0x60, 0x60U);
}

TEST(HostCpu, GsBasesSwap)
{
    host::reset(1);
    GuestCpu state{};
    state.bases = {0, 0x2000, 0x1000};
    state.kernel_mode_gs = 1;
    load_guest_cpu(state, nullptr);
    EXPECT_EQ(read_base(Base::active_gs), 0x1000U);
    swap_gs();
    EXPECT_EQ(read_base(Base::active_gs), 0x2000U);
    write_base(Base::inactive_gs, 0x3000);
    save_guest_cpu(state);
    EXPECT_EQ(state.bases[2], 0x3000U);
    EXPECT_EQ(state.bases[1], 0x2000U);
}

TEST(HostCpu, RemoteCallsRunOnEveryOtherCpu)
{
    host::reset(1);
    std::uint64_t seen = 0;
    CpuSet cpus;
    for (unsigned i : {0, 1, 3})
        cpus.add(CpuId{i});
    call_on_cpus(
        cpus, [](void* arg) { *static_cast<std::uint64_t*>(arg) |= 1ULL << cpu::this_cpu().id.raw(); }, &seen);
    EXPECT_EQ(seen, 0b1010U);
    EXPECT_EQ(cpu_info().cpu, 0U);
}

} // namespace
} // namespace hv::arch
