// SPDX-License-Identifier: MIT
//
// Reads the boot loader's information structure (multiboot 1 and 2) into a BootInfo. Boot CPU, first thing: the
// structure lies in memory nobody reserved yet and must be identity-mapped; everything kept is copied.
#pragma once
#include "boot/boot_info.hpp"

namespace hv::boot {

inline constexpr std::uint32_t multiboot1_magic = 0x2badb002, multiboot2_magic = 0x36d76289;

/// False when @p magic is neither or the structure has no memory map.
bool read_multiboot(std::uint32_t magic, const std::byte* structure, BootInfo& info);

} // namespace hv::boot
