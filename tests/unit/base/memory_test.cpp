// SPDX-License-Identifier: MIT
//
// The freestanding string functions, under other names, against the C library's: every short length, every overlap.
#include <array>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>

#define memcpy own_memcpy
#define memset own_memset
#define memmove own_memmove
#define memcmp own_memcmp
#define strlen own_strlen
#include "hypervisor/base/memory.cpp"
#undef memcpy
#undef memset
#undef memmove
#undef memcmp
#undef strlen

namespace {

using Buffer = std::array<unsigned char, 160>;
constexpr std::size_t longest = 64, furthest = 40;

Buffer numbered()
{
    Buffer b;
    std::iota(b.begin(), b.end(), static_cast<unsigned char>(1));
    return b;
}

TEST(Memory, MovesWhateverOverlaps)
{
    for (std::size_t n = 0; n <= longest; ++n)
        for (std::size_t to = 0; to <= furthest; ++to)
            for (std::size_t from = 0; from <= furthest; ++from) {
                Buffer ours = numbered(), theirs = numbered();
                EXPECT_EQ(own_memmove(&ours[to], &ours[from], n), &ours[to]);
                std::memmove(&theirs[to], &theirs[from], n);
                ASSERT_EQ(ours, theirs) << n << " bytes from " << from << " to " << to;
            }
}

TEST(Memory, CopiesAndFills)
{
    for (std::size_t n = 0; n <= longest; ++n)
        for (std::size_t at = 0; at < 9; ++at) {
            Buffer ours{}, theirs{};
            const Buffer source = numbered();
            EXPECT_EQ(own_memcpy(&ours[at], &source[3], n), &ours[at]);
            std::memcpy(&theirs[at], &source[3], n);
            ASSERT_EQ(ours, theirs) << n << " bytes to " << at;
            EXPECT_EQ(own_memset(&ours[at], 0x1a5, n), &ours[at]);
            std::memset(&theirs[at], 0xa5, n);
            ASSERT_EQ(ours, theirs) << n << " bytes at " << at;
        }
}

TEST(Memory, ComparesAndMeasures)
{
    const char low[] = "abc\x01z", high[] = "abc\xf0y";
    EXPECT_EQ(own_memcmp(low, high, 3), 0);
    EXPECT_LT(own_memcmp(low, high, 5), 0); // as unsigned bytes
    EXPECT_GT(own_memcmp(high, low, 4), 0);
    EXPECT_EQ(own_strlen(""), 0U);
    EXPECT_EQ(own_strlen(low), 5U);
}

} // namespace
