// SPDX-License-Identifier: MIT
//
// See hypercall/page.hpp. Encodings: AMD64 Architecture Programmer's Manual volume 3.
#include "hypercall/page.hpp"
#include "pv-abi/hypercall.h"

namespace hv::hypercall {

void fill_page(std::span<std::byte, page_size> page)
{
    constexpr std::size_t stub_bytes = 32;
    __builtin_memset(page.data(), 0xcc, page_size); // int3
    for (std::size_t n = 0; n < page_size / stub_bytes; ++n) {
        const auto number = static_cast<std::uint8_t>(n);
        // push rcx; push r11; mov eax, n; syscall; pop r11; pop rcx; ret
        const std::uint8_t call[] = {0x51, 0x41, 0x53, 0xb8, number, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
        // push rcx; push r11; push rax; mov eax, n; syscall
        const std::uint8_t iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, number, 0, 0, 0, 0x0f, 0x05};
        const std::span<const std::uint8_t> code = n == PV_HYPERCALL_IRET ? std::span<const std::uint8_t>{iret} : call;
        __builtin_memcpy(&page[n * stub_bytes], code.data(), code.size());
    }
}

} // namespace hv::hypercall
