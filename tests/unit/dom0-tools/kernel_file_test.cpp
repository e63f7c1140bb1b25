// SPDX-License-Identifier: MIT
//
// Kernels from files: plain, packed, found again in the cache, and the cache that nobody else may write to.
#include "libparapet/error.hpp"
#include "libparapet/kernel_file.hpp"
#include "tests/unit/base/fake_kernel.hpp"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <zlib.h>

using namespace parapet;
using hv::image::test::FakeKernel;
namespace fs = std::filesystem;

namespace {

class KernelFiles : public testing::Test {
protected:
    KernelFiles()
    {
        char name[] = "/tmp/kernel_file_test.XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    ~KernelFiles() override { fs::remove_all(directory_); }

    std::string file(const std::string& name, const std::vector<std::uint8_t>& data)
    {
        const std::string path = directory_ / name;
        std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(data.data()),
                                                    static_cast<std::streamsize>(data.size()));
        return path;
    }
    static std::vector<std::uint8_t> gzip(const std::vector<std::uint8_t>& data)
    {
        std::vector<std::uint8_t> out(data.size() + 1000);
        z_stream s{};
        EXPECT_EQ(deflateInit2(&s, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        s.next_in = const_cast<Bytef*>(data.data());
        s.avail_in = static_cast<uInt>(data.size());
        s.next_out = out.data();
        s.avail_out = static_cast<uInt>(out.size());
        EXPECT_EQ(deflate(&s, Z_FINISH), Z_STREAM_END);
        out.resize(s.total_out);
        deflateEnd(&s);
        return out;
    }
    [[nodiscard]] std::string cache() const { return directory_ / "cache"; }
    [[nodiscard]] std::size_t cached() const
    {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator{cache()}, fs::directory_iterator{}));
    }
    static void expect_loads(const KernelFile& kernel)
    {
        const auto& segment = kernel.image().segments()[1];
        std::vector<std::byte> memory(segment.memsz, std::byte{0xaa});
        kernel.load(segment, memory);
        EXPECT_EQ(memory[0x1f], std::byte{0xcf});
        EXPECT_EQ(memory[0x80], std::byte{0});
        EXPECT_EQ(memory.back(), std::byte{0});
    }

    fs::path directory_;
};

} // namespace

TEST_F(KernelFiles, PlainElfNeedsNoCache)
{
    const auto kernel = KernelFile::open(file("vmlinux", FakeKernel{}.build()), cache());
    EXPECT_FALSE(kernel.packed());
    expect_loads(kernel);
    EXPECT_FALSE(fs::exists(cache()));
}

TEST_F(KernelFiles, PackedKernelIsUnpackedOnce)
{
    const std::string path = file("vmlinux.gz", gzip(FakeKernel{}.build()));
    const auto first = KernelFile::open(path, cache());
    EXPECT_TRUE(first.packed());
    EXPECT_FALSE(first.from_cache());
    EXPECT_TRUE(first.in_cache());
    EXPECT_FALSE(KernelFile::open(path, path).in_cache()); // no directory
    expect_loads(first);
    const auto second = KernelFile::open(path, cache());
    EXPECT_TRUE(second.from_cache());
    expect_loads(second);
    EXPECT_EQ(cached(), 1U);
}

TEST_F(KernelFiles, OtherContentIsAnotherEntryAndTheOldestGo)
{
    FakeKernel kernel;
    for (unsigned i = 0; i < 12; ++i) {
        kernel.segments[1].filesz = 0x80 + i;
        EXPECT_FALSE(KernelFile::open(file("k", gzip(kernel.build())), cache()).from_cache());
    }
    EXPECT_EQ(cached(), 8U);
}

TEST_F(KernelFiles, TheOnesInUseStay)
{
    FakeKernel kernel;
    const std::string path = file("favourite", gzip(kernel.build()));
    (void)KernelFile::open(path, cache());
    for (unsigned i = 1; i < 12; ++i) {
        kernel.segments[1].filesz = 0x80 + i;
        (void)KernelFile::open(file("k", gzip(kernel.build())), cache());
        EXPECT_TRUE(KernelFile::open(path, cache()).from_cache());
    }
}

TEST_F(KernelFiles, DamagedEntryIsMadeAgain)
{
    const std::string path = file("vmlinux.gz", gzip(FakeKernel{}.build()));
    (void)KernelFile::open(path, cache());
    const fs::path entry = fs::directory_iterator { cache() } -> path();
    const auto made_again = [&] {
        const auto kernel = KernelFile::open(path, cache());
        expect_loads(kernel);
        EXPECT_EQ(cached(), 1U);
        EXPECT_TRUE(fs::exists(entry));
        return !kernel.from_cache();
    };
    EXPECT_FALSE(made_again());
    const auto size = fs::file_size(entry);
    for (const std::uintmax_t wrong : {std::uintmax_t{0}, std::uintmax_t{100}, size - 1, size + 1}) {
        fs::resize_file(entry, wrong);
        EXPECT_TRUE(made_again()) << wrong;
    }
    for (const std::uintmax_t at : {std::uintmax_t{0}, size / 2, size - 1}) { // one bit, in the ELF header or anywhere
        std::fstream stream{entry, std::ios::binary | std::ios::in | std::ios::out};
        stream.seekg(static_cast<std::streamoff>(at));
        const int byte = stream.get();
        stream.seekp(static_cast<std::streamoff>(at));
        stream.put(static_cast<char>(byte ^ 1));
        stream.close();
        EXPECT_TRUE(made_again()) << at;
    }
    std::string other = entry.filename();
    other[70] = other[70] == '0' ? '1' : '0';
    fs::rename(entry, entry.parent_path() / other);
    EXPECT_TRUE(made_again());
    EXPECT_FALSE(made_again());
}

TEST_F(KernelFiles, ALinkIsNoEntry)
{
    const std::string path = file("vmlinux.gz", gzip(FakeKernel{}.build()));
    (void)KernelFile::open(path, cache());
    const fs::path entry = fs::directory_iterator { cache() } -> path();
    fs::rename(entry, directory_ / "elsewhere");
    fs::create_symlink(directory_ / "elsewhere", entry);
    EXPECT_FALSE(KernelFile::open(path, cache()).from_cache());
    EXPECT_FALSE(fs::is_symlink(entry));
}

TEST_F(KernelFiles, TheCacheIsBoundedByBytesToo)
{
    (void)KernelFile::open(file("first", gzip(FakeKernel{}.build())), cache());
    const auto now = fs::file_time_type::clock::now();
    for (const int hours : {1, 2, 3, 4}) { // with holes: they take no room here
        const std::string old = file("cache/" + std::to_string(hours) + ".elf", {});
        fs::resize_file(old, 200ULL << 20);
        fs::last_write_time(old, now - std::chrono::hours{hours});
    }
    FakeKernel kernel;
    kernel.segments[1].filesz = 0x90;
    (void)KernelFile::open(file("second", gzip(kernel.build())), cache());
    EXPECT_TRUE(fs::exists(cache() + "/1.elf"));
    EXPECT_TRUE(fs::exists(cache() + "/2.elf"));
    EXPECT_EQ(cached(), 4U);
    fs::resize_file(cache() + "/1.elf", 513ULL << 20);
    kernel.segments[1].filesz = 0x91;
    (void)KernelFile::open(file("third", gzip(kernel.build())), cache());
    EXPECT_FALSE(fs::exists(cache() + "/1.elf"));
    EXPECT_TRUE(fs::exists(cache() + "/2.elf")); // there is room for it
    EXPECT_EQ(cached(), 4U);
}

TEST_F(KernelFiles, WhatAKilledRunLeftGoesAfterAWhile)
{
    fs::create_directory(cache());
    fs::permissions(cache(), fs::perms::owner_all);
    file("cache/unpacking.young", {1});
    fs::last_write_time(file("cache/unpacking.stale", {1}), fs::file_time_type::clock::now() - std::chrono::hours{2});
    (void)KernelFile::open(file("vmlinux.gz", gzip(FakeKernel{}.build())), cache());
    EXPECT_FALSE(fs::exists(cache() + "/unpacking.stale"));
    EXPECT_TRUE(fs::exists(cache() + "/unpacking.young"));
}

TEST_F(KernelFiles, FullDiskIsNoReasonToFail)
{
    fs::create_directory(cache());
    if (::mount("none", cache().c_str(), "tmpfs", 0, "size=1200k,mode=700") != 0) GTEST_SKIP() << "cannot mount";
    auto kernel = FakeKernel{}.build();
    kernel.resize(4 << 20);
    const auto opened = KernelFile::open(file("vmlinux.gz", gzip(kernel)), cache());
    EXPECT_EQ(cached(), 0U);
    expect_loads(opened);
    EXPECT_EQ(::umount(cache().c_str()), 0);
}

TEST_F(KernelFiles, WorksWithoutACache)
{
    const std::string path = file("vmlinux.gz", gzip(FakeKernel{}.build()));
    expect_loads(KernelFile::open(path, ""));
    expect_loads(KernelFile::open(path, "/proc/no/such/place"));
}

TEST_F(KernelFiles, CacheThatOthersMayWriteIsNotUsed)
{
    fs::create_directory(cache());
    fs::permissions(cache(), fs::perms::all);
    const std::string path = file("vmlinux.gz", gzip(FakeKernel{}.build()));
    expect_loads(KernelFile::open(path, cache()));
    EXPECT_EQ(cached(), 0U);
}

TEST_F(KernelFiles, DamagedKernelLeavesNothingBehind)
{
    auto packed = gzip(FakeKernel{}.build());
    packed[packed.size() / 2] ^= 0xff;
    EXPECT_THROW((void)KernelFile::open(file("vmlinux.gz", packed), cache()), Error);
    EXPECT_EQ(cached(), 0U);
}

TEST_F(KernelFiles, NamesFileAndReason)
{
    const std::string path = file("bad", std::vector<std::uint8_t>(5000));
    try {
        (void)KernelFile::open(path, cache());
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(std::string{e.what()}, path + ": neither a Linux bzImage nor an ELF file");
    }
}
