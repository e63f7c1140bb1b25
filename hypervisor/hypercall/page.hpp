// SPDX-License-Identifier: MIT
//
// The hypercall page: 32-byte stubs, one a number, for kernels whose ELF notes ask for it.
#pragma once
#include "base/units.hpp"
#include <span>

namespace hv::hypercall {

/// Fills @p page; the caller holds it writable. Stub n issues hypercall n by `syscall` and preserves rcx and r11.
/// Stub 23 (iret) never returns and leaves rax, r11 and rcx on the stack as the iret frame wants them.
void fill_page(std::span<std::byte, page_size> page);

} // namespace hv::hypercall
