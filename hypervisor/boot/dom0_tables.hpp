// SPDX-License-Identifier: MIT
//
// Fills dom0's frames before they have a type: page tables, p2m list, image, initrd, start info. The frames come
// zeroed. Nothing here is trusted by the memory layer; the finished root is pinned like any guest's and validated entry
// by entry.
#pragma once
#include "boot/boot_info.hpp"
#include "boot/dom0_layout.hpp"

namespace hv::boot {

/// Machine frames by pfn, in an array of the boot code's own.
using P2m = std::span<const std::uint64_t>;

void write_bytes(P2m p2m, std::uint64_t paddr, image::Bytes bytes);
void load_kernel(P2m p2m, const image::KernelImage& kernel, image::Bytes elf);
void write_p2m_list(P2m p2m, const Dom0Layout& layout);
/// Both mappings (kernel and p2m list); the boot tables themselves appear read-only. Returns the root frame.
Mfn write_page_tables(P2m p2m, const Dom0Layout& layout);
void write_start_info(P2m p2m, const Dom0Layout& layout, Mfn shared_info, const char* command,
                      const pv_dom0_vga_console_info& screen);

} // namespace hv::boot
