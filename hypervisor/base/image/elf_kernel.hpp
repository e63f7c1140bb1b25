// SPDX-License-Identifier: MIT
//
// What a domain builder must know of a 64-bit PV kernel: its segments by physical address and its Xen notes.
// A KernelImage that was handed out is sound: segments lie in the file, do not overlap or wrap, and contain
// the entry point. Reads only inside the span it is given. No state, any CPU.
#pragma once
#include "base/image/parsed.hpp"
#include <array>
#include <optional>

namespace hv::image {

struct Segment {
    std::uint64_t paddr;  ///< Guest physical address (PADDR_OFFSET already taken off).
    std::uint64_t memsz;  ///< Bytes of memory; what the file does not fill is zero.
    std::uint64_t offset; ///< Where its bytes lie in the file.
    std::uint64_t filesz;
};

struct KernelImage {
    static constexpr std::size_t max_segments = 16;

    [[nodiscard]] std::span<const Segment> segments() const { return {segment_.data(), segment_count_}; }
    /// Where the builder must map guest physical address @p paddr.
    [[nodiscard]] std::uint64_t va_of(std::uint64_t paddr) const { return virt_base + paddr; }

    std::uint64_t entry;       ///< Virtual address of the first instruction.
    std::uint64_t virt_base;   ///< Virtual address of guest physical 0 (VIRT_BASE, PADDR_OFFSET's effect is in
                               ///< the segments).
    std::uint64_t paddr_start; ///< Occupied range, page-aligned outwards.
    std::uint64_t paddr_end;
    std::optional<std::uint64_t> init_p2m;       ///< Wanted virtual address of the p2m list.
    std::optional<std::uint64_t> hypercall_page; ///< Virtual address, page-aligned, inside the image.
    bool mod_start_pfn;                          ///< The initrd may be passed as a frame number.

    std::array<Segment, max_segments> segment_;
    std::size_t segment_count_;
};

Parsed<KernelImage> parse_elf_kernel(Bytes elf);

} // namespace hv::image
