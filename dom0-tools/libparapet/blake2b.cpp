// SPDX-License-Identifier: MIT
//
// See blake2b.hpp. Written from RFC 7693's description; the test compares with Python's hashlib.
#include "libparapet/blake2b.hpp"
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <fmt/core.h>

namespace parapet {
namespace {

constexpr std::size_t block_bytes = 128;
constexpr std::size_t digest_bytes = 32;

constexpr std::array<std::uint64_t, 8> iv{
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

constexpr std::uint8_t sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

using Words = std::array<std::uint64_t, 16>;

inline void mix(Words& v, unsigned column, unsigned shift, std::uint64_t x, std::uint64_t y)
{
    auto& a = v[column];
    auto& b = v[4 + (column + shift) % 4];
    auto& c = v[8 + (column + 2 * shift) % 4];
    auto& d = v[12 + (column + 3 * shift) % 4];
    a += b + x;
    d = std::rotr(d ^ a, 32);
    c += d;
    b = std::rotr(b ^ c, 24);
    a += b + y;
    d = std::rotr(d ^ a, 16);
    c += d;
    b = std::rotr(b ^ c, 63);
}

void compress(std::array<std::uint64_t, 8>& h, const std::byte* block, std::uint64_t count, std::uint64_t last)
{
    Words m;
    std::memcpy(m.data(), block, block_bytes);
    Words v;
    for (unsigned i = 0; i < 8; ++i) {
        v[i] = h[i];
        v[8 + i] = iv[i];
    }
    v[12] ^= count;
    v[14] ^= last;
    for (unsigned round = 0; round < 12; ++round) {
        const auto& s = sigma[round % 10];
#pragma GCC unroll 4
        for (unsigned i = 0; i < 4; ++i)
            mix(v, i, 0, m[s[2 * i]], m[s[2 * i + 1]]);
#pragma GCC unroll 4
        for (unsigned i = 0; i < 4; ++i)
            mix(v, i, 1, m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
    }
    for (unsigned i = 0; i < 8; ++i)
        h[i] ^= v[i] ^ v[8 + i];
}

} // namespace

std::string blake2b_hex(std::span<const std::byte> data)
{
    std::array<std::uint64_t, 8> h = iv;
    h[0] ^= 0x01010000U ^ digest_bytes;
    std::uint64_t count = 0;
    while (data.size() - count > block_bytes) {
        count += block_bytes;
        compress(h, data.data() + count - block_bytes, count, 0);
    }
    std::array<std::byte, block_bytes> tail{};
    if (data.size() != count) std::memcpy(tail.data(), data.data() + count, data.size() - count);
    compress(h, tail.data(), data.size(), ~0ULL);

    std::array<std::uint8_t, digest_bytes> digest;
    std::memcpy(digest.data(), h.data(), digest.size());
    std::string hex;
    for (const auto byte : digest)
        hex += fmt::format("{:02x}", byte);
    return hex;
}

} // namespace parapet
