// SPDX-License-Identifier: MIT
//
// One small loop a library. See decompress.hpp.
#include "libparapet/decompress.hpp"
#include "libparapet/error.hpp"
#include <lz4.h>
#include <lzma.h>
#include <memory>
#include <vector>
#include <zlib.h>
#include <zstd.h>

namespace parapet {
namespace {

using hv::image::Bytes;
using hv::image::Format;

constexpr std::size_t chunk_bytes = 1 << 20;
constexpr std::uint64_t dictionary_limit = 256ULL << 20;

/// Passes output on while it stays within what the payload may unpack to.
class Output {
public:
    Output(const Sink& sink, std::uint64_t limit) : sink_{sink}, limit_{limit}, buffer_(chunk_bytes) {}

    std::byte* data() { return buffer_.data(); }
    [[nodiscard]] std::size_t room() const { return buffer_.size(); }
    void grow(std::size_t bytes) { buffer_.resize(std::max(bytes, buffer_.size())); }
    void flush(std::size_t bytes)
    {
        if (bytes > limit_ - total_) fail("the payload unpacks to more than the {} bytes it may", limit_);
        total_ += bytes;
        sink_(std::span{buffer_}.first(bytes));
    }
    [[nodiscard]] std::uint64_t total() const { return total_; }

private:
    const Sink& sink_;
    std::uint64_t limit_;
    std::uint64_t total_{0};
    std::vector<std::byte> buffer_;
};

void run_lzma(Bytes in, Output& out, bool alone)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> guard{&stream, lzma_end};
    const lzma_ret started =
        alone ? lzma_alone_decoder(&stream, dictionary_limit) : lzma_stream_decoder(&stream, dictionary_limit, 0);
    if (started != LZMA_OK) fail("cannot start the xz decoder (code {})", static_cast<int>(started));
    stream.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    stream.avail_in = in.size();
    lzma_ret result = LZMA_OK;
    while (result == LZMA_OK) {
        stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
        stream.avail_out = out.room();
        result = lzma_code(&stream, LZMA_FINISH);
        out.flush(out.room() - stream.avail_out);
    }
    if (result == LZMA_MEMLIMIT_ERROR) fail("the xz stream wants an absurdly large dictionary");
    if (result != LZMA_STREAM_END) fail("the xz stream is damaged (code {})", static_cast<int>(result));
}

void run_gzip(Bytes in, Output& out)
{
    z_stream stream{};
    if (inflateInit2(&stream, 15 + 16) != Z_OK) fail("cannot start the gzip decoder");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> guard{&stream, inflateEnd};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
    stream.avail_in = static_cast<uInt>(in.size());
    int result = Z_OK;
    while (result == Z_OK) {
        stream.next_out = reinterpret_cast<Bytef*>(out.data());
        stream.avail_out = static_cast<uInt>(out.room());
        result = inflate(&stream, Z_NO_FLUSH);
        out.flush(out.room() - stream.avail_out);
    }
    if (result != Z_STREAM_END) fail("the gzip stream is damaged (code {})", result);
}

void run_zstd(Bytes in, Output& out)
{
    const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream{ZSTD_createDStream(), ZSTD_freeDStream};
    if (!stream) fail("cannot start the zstd decoder");
    if (ZSTD_isError(ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, 28)) != 0)
        fail("cannot bound the zstd decoder");
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    std::size_t left = 1;
    while (left != 0) {
        ZSTD_outBuffer output{out.data(), out.room(), 0};
        const std::size_t before = input.pos;
        left = ZSTD_decompressStream(stream.get(), &output, &input);
        if (ZSTD_isError(left) != 0) fail("the zstd stream is damaged ({})", ZSTD_getErrorName(left));
        out.flush(output.pos);
        if (left != 0 && output.pos == 0 && input.pos == before) fail("the zstd stream is truncated");
    }
}

/// The legacy LZ4 frame: a magic, then blocks of at most 8 MiB unpacked, each with its packed size in front.
void run_lz4(Bytes in, Output& out)
{
    constexpr std::size_t block_bytes = 8 << 20;
    constexpr std::uint32_t magic = 0x184c2102;
    out.grow(block_bytes);
    std::size_t at = 4;
    while (in.size() - at >= 4) {
        const auto size = hv::image::load<std::uint32_t>(in, at);
        at += 4;
        if (size == magic) continue;
        if (size == 0 || size > in.size() - at) fail("the lz4 stream is truncated");
        const int got =
            LZ4_decompress_safe(reinterpret_cast<const char*>(in.data() + at), reinterpret_cast<char*>(out.data()),
                                static_cast<int>(size), static_cast<int>(block_bytes));
        if (got < 0) fail("the lz4 stream is damaged");
        out.flush(static_cast<std::size_t>(got));
        at += size;
    }
    if (at != in.size()) fail("the lz4 stream is truncated");
}

} // namespace

std::uint64_t decompress(const hv::image::Payload& payload, const Sink& sink)
{
    const std::uint64_t claimed = payload.unpacked_bytes;
    Output out{sink, claimed != 0 ? claimed : hv::image::max_image_bytes};
    switch (payload.format) {
    case Format::xz: run_lzma(payload.bytes, out, false); break;
    case Format::lzma: run_lzma(payload.bytes, out, true); break;
    case Format::gzip: run_gzip(payload.bytes, out); break;
    case Format::zstd: run_zstd(payload.bytes, out); break;
    case Format::lz4: run_lz4(payload.bytes, out); break;
    default: fail("no decoder here for {} kernels (xz, gzip, zstd, lz4, lzma are read)", name(payload.format));
    }
    if (claimed != 0 && out.total() != claimed)
        fail("the payload unpacks to {} bytes, not the {} it claims", out.total(), claimed);
    return out.total();
}

} // namespace parapet
