// SPDX-License-Identifier: MIT
//
// The C library the decompressors expect is a bump allocator over scratch memory that lives as long as one unpack().
#include "boot/unpack.hpp"
#include "arch/arch.hpp"
#include "base/assert.hpp"
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

namespace hv::boot {
namespace {

/// liblzma keeps a dictionary (32 MiB in Debian's kernels) beside its state.
constexpr std::uint64_t scratch_bytes = 64 << 20;

std::span<std::byte> arena; // what malloc hands out from; empty outside of unpack()

const std::uint8_t* input(image::Bytes b) { return reinterpret_cast<const std::uint8_t*>(b.data()); }

/// Each decoder returns the number of bytes produced, or 0.
std::size_t unpack_xz(image::Bytes in, std::span<std::byte> out)
{
    std::uint64_t memory_limit = ~0ULL;
    std::size_t at = 0, produced = 0;
    const lzma_ret r = lzma_stream_buffer_decode(&memory_limit, 0, nullptr, input(in), &at, in.size(),
                                                 reinterpret_cast<std::uint8_t*>(out.data()), &produced, out.size());
    return r == LZMA_OK ? produced : 0;
}

std::size_t unpack_gzip(image::Bytes in, std::span<std::byte> out)
{
    z_stream s{};
    s.next_in = const_cast<Bytef*>(input(in)); // zlib's interface predates const
    s.avail_in = static_cast<uInt>(in.size());
    s.next_out = reinterpret_cast<Bytef*>(out.data());
    s.avail_out = static_cast<uInt>(out.size());
    if (inflateInit2(&s, 15 + 16) != Z_OK) return 0; // the largest window, and gzip's header
    return inflate(&s, Z_FINISH) == Z_STREAM_END ? out.size() - s.avail_out : 0;
}

std::size_t unpack_zstd(image::Bytes in, std::span<std::byte> out)
{
    const std::size_t n = ZSTD_decompress(out.data(), out.size(), in.data(), in.size());
    return ZSTD_isError(n) != 0 ? 0 : n;
}

/// Null for a format that is not supported here.
auto decoder_of(image::Format f)
{
    using image::Format;
    return f == Format::xz ? unpack_xz : f == Format::gzip ? unpack_gzip : f == Format::zstd ? unpack_zstd : nullptr;
}

} // namespace

const char* unpack(const image::Payload& payload, mm::Array<std::byte>& out)
{
    const auto decode = decoder_of(payload.format);
    if (decode == nullptr) return "its compression is not supported here; use xz, gzip, zstd or a plain ELF";
    if (payload.unpacked_bytes == 0) return "it does not tell its unpacked size";
    auto scratch = mm::make_array<std::byte>(scratch_bytes, mm::Contents::as_found);
    auto target = mm::make_array<std::byte>(payload.unpacked_bytes, mm::Contents::as_found);
    if (!scratch.ok() || !target.ok()) return "the machine has no memory to unpack it";
    const mm::Array<std::byte> scratch_memory = std::move(scratch).take();
    out = std::move(target).take();
    arena = scratch_memory.span();
    static constexpr std::uint64_t thread_block[16]{}; // user-space code finds its stack-protector value at %fs:0x28
    arch::write_base(arch::Base::fs, reinterpret_cast<std::uintptr_t>(thread_block));
    const std::size_t produced = decode(payload.bytes, out.span());
    arch::write_base(arch::Base::fs, 0);
    arena = {};
    if (produced == 0) return "the compressed stream is damaged";
    out.cut(produced);
    return nullptr;
}

} // namespace hv::boot

extern "C" {

void* malloc(std::size_t n)
{
    using hv::boot::arena;
    n = (n + 63) & ~std::size_t{63};
    if (n > arena.size()) return nullptr;
    void* const p = arena.data();
    arena = arena.subspan(n);
    return p;
}
void* calloc(std::size_t n, std::size_t each)
{
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(n, each, &bytes)) return nullptr;
    void* const p = malloc(bytes);
    return p == nullptr ? p : __builtin_memset(p, 0, bytes);
}
void free(void*) {} // the arena goes as a whole
[[noreturn]] void __stack_chk_fail() { hv::assertion_failed("stack intact", "decompressor", 0); }

// In the place of liblzma's, whose table is 8 KiB; kernels' streams carry a CRC-32. Polynomial of ECMA-182, reflected.
std::uint64_t lzma_crc64(const std::uint8_t* bytes, std::size_t n, std::uint64_t crc)
{
    crc = ~crc;
    for (std::size_t bit = 0; bit < 8 * n; ++bit) {
        if (bit % 8 == 0) crc ^= bytes[bit / 8];
        crc = crc >> 1 ^ (0xc96c5795d7870f42 & (0 - (crc & 1)));
    }
    return ~crc;
}

// In the place of zlib's, whose tables are 9 KiB: the same function.
unsigned long crc32(unsigned long crc, const Bytef* bytes, uInt n)
{
    return bytes == nullptr ? 0 : lzma_crc32(bytes, n, static_cast<std::uint32_t>(crc));
}

// libzstd also reads formats older than 0.8, which no kernel uses: 90 KB less with these in place of its decoders.
std::size_t zstd_legacy_refused() { return ~std::size_t{0}; } // an error code to every caller
#define REFUSE(name) std::size_t name() __attribute__((alias("zstd_legacy_refused")))
#define REFUSE_VERSION(v)                                                                                              \
    REFUSE(ZSTD##v##_createDCtx);                                                                                      \
    REFUSE(ZSTD##v##_freeDCtx);                                                                                        \
    REFUSE(ZSTD##v##_decompress_usingDict);                                                                            \
    REFUSE(ZSTD##v##_findFrameSizeInfoLegacy);                                                                         \
    REFUSE(ZSTD##v##_getFrameParams);                                                                                  \
    REFUSE(ZBUFF##v##_createDCtx);                                                                                     \
    REFUSE(ZBUFF##v##_freeDCtx);                                                                                       \
    REFUSE(ZBUFF##v##_decompressInitDictionary);                                                                       \
    REFUSE(ZBUFF##v##_decompressContinue)
REFUSE_VERSION(v05);
REFUSE_VERSION(v06);
REFUSE_VERSION(v07);
// Hooks the library leaves weak: nobody traces.
unsigned long long ZSTD_trace_decompress_begin(const ZSTD_DCtx*) { return 0; }
void ZSTD_trace_decompress_end(unsigned long long, const void*) {}
}
