// SPDX-License-Identifier: MIT
//
// Each compression that a kernel may have, there and back; and streams that are cut, damaged or lie about their size.
#include "libparapet/blake2b.hpp"
#include "libparapet/decompress.hpp"
#include "libparapet/error.hpp"
#include <gtest/gtest.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

using namespace parapet;
using hv::image::Format;
using hv::image::Payload;

namespace {

using Buffer = std::vector<std::uint8_t>;

const Buffer original = [] {
    Buffer data(3'000'000);
    std::uint32_t x = 1;
    for (std::size_t i = 0; i < data.size(); ++i) {
        x = x * 1664525 + 1013904223;
        data[i] = i % 7 == 0 ? static_cast<std::uint8_t>(x >> 24) : static_cast<std::uint8_t>(i / 1000);
    }
    return data;
}();

Buffer pack_xz()
{
    Buffer out(original.size() + 4096);
    std::size_t size = 0;
    lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, nullptr, original.data(), original.size(), out.data(), &size,
                            out.size());
    out.resize(size);
    return out;
}

Buffer pack_lzma()
{
    Buffer out(original.size() + 4096);
    lzma_options_lzma options;
    lzma_lzma_preset(&options, 1);
    lzma_stream s = LZMA_STREAM_INIT;
    EXPECT_EQ(lzma_alone_encoder(&s, &options), LZMA_OK);
    s.next_in = original.data();
    s.avail_in = original.size();
    s.next_out = out.data();
    s.avail_out = out.size();
    EXPECT_EQ(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
    out.resize(s.total_out);
    lzma_end(&s);
    return out;
}

Buffer pack_gzip()
{
    Buffer out(original.size() + 4096);
    z_stream s{};
    EXPECT_EQ(deflateInit2(&s, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    s.next_in = const_cast<Bytef*>(original.data());
    s.avail_in = static_cast<uInt>(original.size());
    s.next_out = out.data();
    s.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&s, Z_FINISH), Z_STREAM_END);
    out.resize(s.total_out);
    deflateEnd(&s);
    return out;
}

Buffer pack_zstd()
{
    Buffer out(ZSTD_compressBound(original.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), original.data(), original.size(), 1));
    return out;
}

Buffer pack_lz4()
{
    Buffer out{0x02, 0x21, 0x4c, 0x18};
    for (std::size_t at = 0; at < original.size(); at += 1 << 20) {
        const auto part = static_cast<int>(std::min<std::size_t>(1 << 20, original.size() - at));
        Buffer block(static_cast<std::size_t>(LZ4_compressBound(part)));
        const int size =
            LZ4_compress_default(reinterpret_cast<const char*>(original.data() + at),
                                 reinterpret_cast<char*>(block.data()), part, static_cast<int>(block.size()));
        const auto* head = reinterpret_cast<const std::uint8_t*>(&size);
        out.insert(out.end(), head, head + 4);
        out.insert(out.end(), block.begin(), block.begin() + size);
    }
    return out;
}

Buffer unpack(const Buffer& packed, std::uint32_t claimed)
{
    const auto bytes = std::as_bytes(std::span{packed});
    Buffer out;
    const auto total = decompress({bytes, hv::image::sniff(bytes), claimed}, [&](std::span<const std::byte> part) {
        const auto* data = reinterpret_cast<const std::uint8_t*>(part.data());
        out.insert(out.end(), data, data + part.size());
    });
    EXPECT_EQ(total, out.size());
    return out;
}

struct Case {
    const char* name;
    Buffer (*pack)();
};

class Decompress : public testing::TestWithParam<Case> {};

} // namespace

TEST_P(Decompress, GivesTheOriginalBack)
{
    const Buffer packed = GetParam().pack();
    EXPECT_EQ(unpack(packed, static_cast<std::uint32_t>(original.size())), original);
    EXPECT_EQ(unpack(packed, 0), original);
}

TEST_P(Decompress, RefusesAWrongSize)
{
    const Buffer packed = GetParam().pack();
    EXPECT_THROW((void)unpack(packed, static_cast<std::uint32_t>(original.size() - 1)), Error);
    EXPECT_THROW((void)unpack(packed, static_cast<std::uint32_t>(original.size() + 1)), Error);
}

TEST_P(Decompress, RefusesACutStream)
{
    Buffer packed = GetParam().pack();
    packed.resize(packed.size() - packed.size() / 3);
    EXPECT_THROW((void)unpack(packed, static_cast<std::uint32_t>(original.size())), Error);
}

INSTANTIATE_TEST_SUITE_P(All, Decompress,
                         testing::Values(Case{"xz", pack_xz}, Case{"lzma", pack_lzma}, Case{"gzip", pack_gzip},
                                         Case{"zstd", pack_zstd}, Case{"lz4", pack_lz4}),
                         [](const auto& info) { return std::string{info.param.name}; });

TEST(DecompressOther, RefusesWhatIsNotRead)
{
    EXPECT_THROW((void)unpack({'B', 'Z', 'h', '9'}, 0), Error);
    EXPECT_THROW((void)unpack({0xfd, '7', 'z', 'X', 'Z', 0, 0, 0, 0, 0, 0, 0}, 0), Error);
}

TEST(Blake2b, KnownDigests)
{
    const auto hex = [](const Buffer& b) { return blake2b_hex(std::as_bytes(std::span{b})); };
    EXPECT_EQ(hex({}), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    EXPECT_EQ(hex({'a', 'b', 'c'}), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    EXPECT_EQ(hex(Buffer(128, 'a')), "ae2aa48507885c4c950fb809b2076f959cde9f8ea6da260d9a3587df33dac450");
    Buffer longer;
    for (unsigned i = 0; i < 768; ++i)
        longer.push_back(static_cast<std::uint8_t>(i));
    longer.push_back('x');
    EXPECT_EQ(hex(longer), "2316081a5176dcb666c5425fb98300fe23d0511a5504af9485b31513e2cd34e5");
}
