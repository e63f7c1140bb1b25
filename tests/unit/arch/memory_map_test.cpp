// SPDX-License-Identifier: MIT
//
// The boot code's memory map arithmetic and its multiboot 2 reader, on the host.
#include "boot/memory_map.cpp" // NOLINT: boot is not in the host library
#include "boot/multiboot.cpp"  // NOLINT
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace hv::boot {
namespace {

BootInfo map_of(std::initializer_list<MemoryRange> ranges)
{
    BootInfo info{};
    for (const MemoryRange& r : ranges)
        info.memory[info.memory_count++] = r;
    return info;
}

TEST(MemoryMap, SortsAndMergesNeighboursOfOneType)
{
    BootInfo info = map_of({{Maddr{0x3000}, 0x1000, MemoryType::ram},
                            {Maddr{0x1000}, 0x1000, MemoryType::ram},
                            {Maddr{0x2000}, 0x1000, MemoryType::ram}});
    ASSERT_TRUE(normalise(info));
    ASSERT_EQ(info.memory_count, 1U);
    EXPECT_EQ(info.memory[0].start, Maddr{0x1000});
    EXPECT_EQ(info.memory[0].bytes, 0x3000U);
}

TEST(MemoryMap, TheStricterTypeWinsAnOverlap)
{
    BootInfo info = map_of({{Maddr{0}, 0x10000, MemoryType::ram},
                            {Maddr{0x4000}, 0x2000, MemoryType::nvs},
                            {Maddr{0x3000}, 0x2000, MemoryType::reserved}});
    ASSERT_TRUE(normalise(info));
    ASSERT_EQ(info.memory_count, 4U);
    EXPECT_EQ(info.memory[1].type, MemoryType::reserved);
    EXPECT_EQ(info.memory[1].bytes, 0x1000U);
    EXPECT_EQ(info.memory[2].type, MemoryType::nvs);
    EXPECT_EQ(info.memory[2].start, Maddr{0x4000});
    EXPECT_EQ(info.memory[3].start, Maddr{0x6000});
}

TEST(MemoryMap, TooManyRangesAreReported)
{
    BootInfo info{};
    for (MemoryRange& r : info.memory) {
        const std::uint64_t i = info.memory_count++;
        r = {Maddr{i * 0x4000}, 0x3000, MemoryType::ram};
    }
    info.memory[127] = {Maddr{0x1000}, 0x1000, MemoryType::reserved}; // cuts the first in two: 129 pieces
    EXPECT_FALSE(normalise(info));
    EXPECT_LE(info.memory_count, info.memory.size());
}

TEST(MemoryMap, RamIsWholePagesSplitAtFourGib)
{
    const BootInfo info = map_of({{Maddr{0x800}, 0x9f000, MemoryType::ram},
                                  {Maddr{0x100000}, 0x200000000, MemoryType::ram},
                                  {Maddr{0x900000000}, 0x1000, MemoryType::reserved}});
    Spans ram{};
    ram_spans(info, ram);
    ASSERT_EQ(ram.count, 3U);
    EXPECT_TRUE((ram.items[0] == Span{0x1000, 0x9f000}));
    EXPECT_TRUE((ram.items[1] == Span{0x100000, 0x100000000}));
    EXPECT_TRUE((ram.items[2] == Span{0x100000000, 0x200100000}));
}

TEST(MemoryMap, SubtractWidensTheHoleToPages)
{
    Spans spans{};
    spans.add({0x1000, 0x9000});
    subtract(spans, {0x3800, 0x4001});
    ASSERT_EQ(spans.count, 2U);
    EXPECT_TRUE((spans.items[0] == Span{0x1000, 0x3000}));
    EXPECT_TRUE((spans.items[1] == Span{0x5000, 0x9000}));
    subtract(spans, {0, 0x3000});
    ASSERT_EQ(spans.count, 1U);
    subtract(spans, {0, 0x10000});
    EXPECT_EQ(spans.count, 0U);
}

/// Builds a multiboot 2 information structure.
class Tags {
public:
    Tags() : bytes_(8) {}
    Tags& add(std::uint32_t type, const std::string& body)
    {
        put(type);
        put(static_cast<std::uint32_t>(8 + body.size()));
        bytes_.insert(bytes_.end(), body.begin(), body.end());
        bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
        return *this;
    }
    const std::byte* finish()
    {
        add(0, "");
        const auto total = static_cast<std::uint32_t>(bytes_.size());
        std::memcpy(bytes_.data(), &total, 4);
        return reinterpret_cast<const std::byte*>(bytes_.data());
    }
    std::vector<char>& bytes() { return bytes_; }

private:
    void put(std::uint32_t v)
    {
        char c[4];
        std::memcpy(c, &v, 4);
        bytes_.insert(bytes_.end(), c, c + 4);
    }
    std::vector<char> bytes_;
};

template <typename... T> std::string pack(T... values)
{
    std::string s;
    (s.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
    return s;
}
std::string memory_tag(std::uint64_t start, std::uint64_t bytes)
{
    return pack(std::uint32_t{24}, std::uint32_t{0}, start, bytes, std::uint32_t{1}, std::uint32_t{0});
}

TEST(Multiboot2, ReadsWhatTheLoaderSays)
{
    Tags tags;
    tags.add(1, std::string("console=com1 noreboot\0", 22))
        .add(2, std::string("GRUB 2\0", 7))
        .add(3, pack(std::uint32_t{0x100000}, std::uint32_t{0x102345}) + std::string("a b\0", 4))
        .add(6, memory_tag(0x100000, 0x400000))
        .add(15, std::string("RSD PTR 0123456789abcdef0123456789ab"));
    BootInfo info{};
    ASSERT_TRUE(read_multiboot(multiboot2_magic, tags.finish(), info));
    EXPECT_STREQ(info.command_line, "console=com1 noreboot");
    EXPECT_STREQ(info.loader_name, "GRUB 2");
    ASSERT_EQ(info.module_count, 1U);
    EXPECT_EQ(info.modules[0].start, Maddr{0x100000});
    EXPECT_EQ(info.modules[0].bytes, 0x2345U);
    EXPECT_STREQ(info.modules[0].command, "a b");
    ASSERT_EQ(info.memory_count, 1U);
    EXPECT_EQ(info.memory[0].bytes, 0x400000U);
    EXPECT_NE(info.rsdp, Maddr{});
}

TEST(Multiboot2, ATagLongerThanTheStructureEndsTheReading)
{
    Tags tags;
    tags.add(6, memory_tag(0, 0x1000)).add(1, "cut");
    const std::byte* p = tags.finish();
    const std::uint32_t huge = 0x7fffffff;
    std::memcpy(tags.bytes().data() + 8 + 40 + 4, &huge, 4);
    BootInfo info{};
    ASSERT_TRUE(read_multiboot(multiboot2_magic, p, info));
    EXPECT_STREQ(info.command_line, "");
}

TEST(Multiboot2, WithoutAMemoryMapNothingBoots)
{
    Tags tags;
    BootInfo info{};
    EXPECT_FALSE(read_multiboot(multiboot2_magic, tags.finish(), info));
    EXPECT_FALSE(read_multiboot(0x12345678, tags.finish(), info));
}

TEST(Multiboot1, TheFileNameIsLeftOut)
{
    EXPECT_STREQ(skip_file_name("build/parapet console=com1"), "console=com1");
    EXPECT_STREQ(skip_file_name("vmlinuz"), "");
}

} // namespace
} // namespace hv::boot
