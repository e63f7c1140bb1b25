// SPDX-License-Identifier: MIT
//
// The functions a freestanding compiler may call on its own (GCC manual, "Language Standards"). `rep movs`
// needs no FPU state; TCG charges per iteration, hence eight bytes at a time. Host builds use libc's instead (weak
// symbols).
#include <cstddef>
#include <cstdint>

/// A short copy is its first and its last word: starting `rep` is dear, and decompressors make millions.
using Word [[gnu::may_alias, gnu::aligned(1)]] = std::uint64_t;

extern "C" {

[[gnu::weak]] void* memcpy(void* dst, const void* src, std::size_t n)
{
    void* const result = dst;
    if (n < 8) {
        asm volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
        return result;
    }
    *reinterpret_cast<Word*>(static_cast<char*>(dst) + n - 8) =
        *reinterpret_cast<const Word*>(static_cast<const char*>(src) + n - 8);
    *static_cast<Word*>(dst) = *static_cast<const Word*>(src);
    std::size_t words = n / 8;
    if (n > 16) asm volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words) : : "memory");
    return result;
}

[[gnu::weak]] void* memset(void* dst, int c, std::size_t n)
{
    void* const result = dst;
    const std::uint64_t pattern = 0x0101010101010101ULL * static_cast<unsigned char>(c);
    std::size_t words = n / 8, tail = n % 8;
    asm volatile("rep stosq" : "+D"(dst), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(dst), "+c"(tail) : "a"(pattern) : "memory");
    return result;
}

[[gnu::weak]] void* memmove(void* dst, const void* src, std::size_t n)
{
    auto* d = static_cast<unsigned char*>(dst);
    const auto* s = static_cast<const unsigned char*>(src);
    if (reinterpret_cast<std::uintptr_t>(d) - reinterpret_cast<std::uintptr_t>(s) >= n) { // they may overlap still
        std::size_t words = n / 8;
        asm volatile("rep movsq; mov %3, %2; rep movsb" : "+&D"(d), "+&S"(s), "+&c"(words) : "r"(n % 8) : "memory");
        return dst;
    }
    while (n-- != 0)
        *const_cast<volatile unsigned char*>(d + n) = s[n]; // volatile: keeps this from becoming a call to itself
    return dst;
}

[[gnu::weak]] int memcmp(const void* a, const void* b, std::size_t n)
{
    const auto* x = static_cast<const unsigned char*>(a);
    const auto* y = static_cast<const unsigned char*>(b);
    for (; n != 0; --n, ++x, ++y)
        if (*x != *y) return *x < *y ? -1 : 1;
    return 0;
}

[[gnu::weak]] std::size_t strlen(const char* text)
{
    std::size_t n = 0;
    while (*const_cast<const volatile char*>(text + n) != 0) // volatile: as above
        ++n;
    return n;
}
}
