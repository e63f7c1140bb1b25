// SPDX-License-Identifier: MIT
//
// See hypercall/page.hpp. Encodings: AMD64 Architecture Programmer's Manual volume 3.
#include "hypercall/page.hpp"
#include "pv-abi/hypercall.h"
#include <array>

namespace hv::hypercall {
namespace {
constexpr std::size_t stub_bytes = 32;
constexpr std::uint8_t int3 = 0xcc;

template <std::size_t N> void place(std::span<std::byte> at, const std::array<std::uint8_t, N>& code)
{
    for (std::size_t i = 0; i < N; ++i)
        at[i] = std::byte{code[i]};
}
} // namespace

void fill_page(std::span<std::byte, page_size> page)
{
    for (std::byte& b : page)
        b = std::byte{int3};
    for (std::size_t n = 0; n < page_size / stub_bytes; ++n) {
        const std::span<std::byte> stub = page.subspan(n * stub_bytes, stub_bytes);
        const auto number = static_cast<std::uint8_t>(n);
        if (n == PV_HYPERCALL_IRET) // push rcx; push r11; push rax; mov eax, n; syscall
            place(stub, std::array<std::uint8_t, 11>{0x51, 0x41, 0x53, 0x50, 0xb8, number, 0, 0, 0, 0x0f, 0x05});
        else // push rcx; push r11; mov eax, n; syscall; pop r11; pop rcx; ret
            place(stub, std::array<std::uint8_t, 14>{0x51, 0x41, 0x53, 0xb8, number, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b,
                                                     0x59, 0xc3});
    }
}

} // namespace hv::hypercall
