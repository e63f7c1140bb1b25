// SPDX-License-Identifier: MIT
//
// Guest memory of the fake machine: a page walk of the loaded root in fake RAM with the checks hardware makes for a
// ring 3 guest.
#include "arch/host/machine.hpp"
#include <algorithm>

namespace hv::arch {
using host::state;
using host::thread_state;
namespace {

enum class Access : std::uint8_t { read, write };

std::byte* translate(std::uint64_t va, Access access, std::size_t& span)
{
    const Maddr root = thread_state().root;
    if (!is_canonical(va) || root == Maddr{}) return nullptr;
    Mfn table = mfn_of(root);
    for (unsigned shift = 39; table.raw() < state().frames; shift -= 9) {
        if (shift < page_shift) {
            const std::size_t offset = va & (page_size - 1);
            span = std::min<std::size_t>(span, page_size - offset);
            return frame_address(table) + offset;
        }
        auto* entry = reinterpret_cast<std::uint64_t*>(frame_address(table)) + ((va >> shift) & 511);
        const std::uint64_t e = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
        const std::uint64_t need = access == Access::write ? 7 : 5;
        if ((e & need) != need) return nullptr;
        table = Mfn{(e & 0x000f'ffff'ffff'f000ULL) >> page_shift};
        __atomic_fetch_or(entry, access == Access::write && shift == page_shift ? 0x60 : 0x20, __ATOMIC_RELAXED);
    }
    return nullptr;
}

/// Calls move(memory, offset, count) for each contiguous piece; returns the bytes not reached.
template <typename Move> std::size_t for_each_piece(std::uint64_t va, std::size_t bytes, Access access, Move move)
{
    std::size_t done = 0;
    while (done < bytes) {
        std::size_t span = bytes - done;
        std::byte* at = translate(va + done, access, span);
        if (at == nullptr) break;
        move(at, done, span);
        done += span;
    }
    return bytes - done;
}

/// Guests on other CPUs may do to the same bytes what they like.
void copy_racing(std::byte* to, const std::byte* from, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i) {
        const auto value = __atomic_load_n(reinterpret_cast<const unsigned char*>(from + i), __ATOMIC_RELAXED);
        __atomic_store_n(reinterpret_cast<unsigned char*>(to + i), value, __ATOMIC_RELAXED);
    }
}

} // namespace

std::size_t copy_from_guest(void* dst, GuestVa src, std::size_t bytes)
{
    return for_each_piece(src.raw(), bytes, Access::read, [&](std::byte* at, std::size_t offset, std::size_t n) {
        copy_racing(static_cast<std::byte*>(dst) + offset, at, n);
    });
}

std::size_t copy_to_guest(GuestVa dst, const void* src, std::size_t bytes)
{
    return for_each_piece(dst.raw(), bytes, Access::write, [&](std::byte* at, std::size_t offset, std::size_t n) {
        copy_racing(at, static_cast<const std::byte*>(src) + offset, n);
    });
}

bool load_words(void* dst, GuestVa src, std::size_t words) { return copy_from_guest(dst, src, words * 8) == 0; }
bool load_word(std::uint64_t& v, GuestVa src) { return copy_from_guest(&v, src, sizeof v) == 0; }
bool load_word(std::uint32_t& v, GuestVa src) { return copy_from_guest(&v, src, sizeof v) == 0; }
bool store_words(GuestVa dst, const void* src, std::size_t words) { return copy_to_guest(dst, src, words * 8) == 0; }
bool store_word(GuestVa dst, std::uint64_t v) { return copy_to_guest(dst, &v, sizeof v) == 0; }
bool store_word(GuestVa dst, std::uint32_t v) { return copy_to_guest(dst, &v, sizeof v) == 0; }

std::size_t clear_guest(GuestVa dst, std::size_t bytes)
{
    return copy_to_guest(dst, std::vector<std::byte>(bytes).data(), bytes);
}

} // namespace hv::arch
