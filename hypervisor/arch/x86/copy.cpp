// SPDX-License-Identifier: MIT
//
// Copies between the hypervisor and the guest under the current root. A fault stops the copy through the exception
// table; what remains is reported, rounded up to the word at which it stopped. Any CPU, interrupts off.
#include "arch/x86/cpu.hpp"
#include "arch/x86/features.hpp"

namespace hv::arch {
namespace {

void* at(GuestVa va) { return reinterpret_cast<void*>(va.raw()); }

#define REST_OF_WORDS "lea (%[tail], %%rcx, 8), %%rcx"

// rep movs: eight bytes an iteration, then the tail. A fault in either lands behind label 3 with rcx = bytes left.
std::size_t copy(void* dst, const void* src, std::size_t bytes)
{
    std::size_t left = bytes / 8;
    const std::size_t tail = bytes % 8;
    const x86::GuestAccess open;
    if (tail == 0)
        asm volatile("1: rep movsq\n2:\n" ON_FAULT("1b", "shl $3, %%rcx", "2b")
                     : "+c"(left), "+D"(dst), "+S"(src)
                     :
                     : "memory");
    else
        asm volatile("1: rep movsq\n"
                     "   mov %k[tail], %%ecx\n"
                     "2: rep movsb\n"
                     "3:\n" ON_FAULT("1b", REST_OF_WORDS, "3b") EX_TABLE("2b", "3b")
                     : "+c"(left), "+D"(dst), "+S"(src)
                     : [tail] "r"(tail)
                     : "memory");
    return left;
}

bool copy_words(void* dst, const void* src, std::size_t words)
{
    const x86::GuestAccess open;
    asm volatile inline("1: rep movsq\n2:\n" EX_TABLE("1b", "2b") : "+c"(words), "+D"(dst), "+S"(src) : : "memory");
    return words == 0;
}

template <typename T> bool load(T& v, GuestVa src)
{
    const x86::GuestAccess open;
    asm goto inline("1: mov %[from], %[v]\n" EX_TABLE("1b", "%l[failed]")
                    : [v] "=r"(v)
                    : [from] "m"(*static_cast<const T*>(at(src)))
                    : "memory"
                    : failed);
    return true;
failed:
    return false;
}

/// "inline": counted as one instruction when the compiler decides what to inline.
template <typename T> bool store(GuestVa dst, T v)
{
    const x86::GuestAccess open;
    asm goto inline("1: mov %[v], %[to]\n" EX_TABLE("1b", "%l[failed]")
                    :
                    : [v] "r"(v), [to] "m"(*static_cast<T*>(at(dst)))
                    : "memory"
                    : failed);
    return true;
failed:
    return false;
}

} // namespace

std::size_t copy_from_guest(void* dst, GuestVa src, std::size_t bytes) { return copy(dst, at(src), bytes); }
std::size_t copy_to_guest(GuestVa dst, const void* src, std::size_t bytes) { return copy(at(dst), src, bytes); }
bool load_words(void* dst, GuestVa src, std::size_t words)
{
    if (!__builtin_constant_p(words) || words != 2) return copy_words(dst, at(src), words);
    const x86::GuestAccess open;
    std::uint64_t first, second;
    asm goto inline("1: mov (%[src]), %[first]\n"
                    "2: mov 8(%[src]), %[second]\n" EX_TABLE("1b", "%l[failed]") EX_TABLE("2b", "%l[failed]")
                    : [first] "=&r"(first), [second] "=r"(second)
                    : [src] "r"(src.raw())
                    : "memory"
                    : failed);
    static_cast<std::uint64_t*>(dst)[0] = first;
    static_cast<std::uint64_t*>(dst)[1] = second;
    return true;
failed:
    return false;
}
bool load_word(std::uint64_t& v, GuestVa src) { return load(v, src); }
bool load_word(std::uint32_t& v, GuestVa src) { return load(v, src); }
bool store_words(GuestVa dst, const void* src, std::size_t words) { return copy_words(at(dst), src, words); }
bool store_word(GuestVa dst, std::uint64_t v) { return store(dst, v); }
bool store_word(GuestVa dst, std::uint32_t v) { return store(dst, v); }
std::size_t clear_guest(GuestVa dst, std::size_t bytes)
{
    const x86::GuestAccess open;
    std::size_t left = bytes / 8;
    std::uint64_t to = dst.raw();
    asm volatile("1: rep stosq\n"
                 "   mov %k[tail], %%ecx\n"
                 "2: rep stosb\n"
                 "3:\n" ON_FAULT("1b", REST_OF_WORDS, "3b") EX_TABLE("2b", "3b")
                 : "+c"(left), "+D"(to)
                 : [tail] "r"(bytes % 8), "a"(0)
                 : "memory");
    return left;
}

} // namespace hv::arch
