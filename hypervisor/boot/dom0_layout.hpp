// SPDX-License-Identifier: MIT
//
// Where everything of dom0's first mapping lies, in pseudo-physical frames. Pure arithmetic. The order (image, start
// info, page tables with the root first, stack) and the slack behind it are what PV kernels rely on (CONTRACT A.5).
#pragma once
#include "base/image/elf_kernel.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace hv::boot {

struct Dom0Layout {
    std::uint64_t virt_base; ///< Virtual address of pfn 0.
    Pfn start_info, tables, stack;
    std::uint64_t table_count;
    Pfn map_end; ///< One past the last frame mapped at virt_base.
    Pfn initrd;
    std::uint64_t initrd_frames, initrd_bytes;
    std::uint64_t p2m_va; ///< Where the p2m list is mapped.
    bool p2m_apart;       ///< The kernel names an address of its own (INIT_P2M); else it lies behind the image.
    Pfn p2m;              ///< List first, then, if apart, its own L3, L2 and L1 tables.
    std::uint64_t p2m_list_frames, p2m_table_count;
    Pfn end; ///< One past everything above.

    [[nodiscard]] std::uint64_t va_of(Pfn p) const { return virt_base + p.raw() * page_size; }
    [[nodiscard]] std::uint64_t p2m_frames() const { return p2m_list_frames + p2m_table_count; }
};

/// einval: the kernel asks for something this builder does not do; enomem: does not fit into @p pages frames.
Result<Dom0Layout> lay_out_dom0(const image::KernelImage& kernel, std::uint64_t initrd_bytes, std::uint64_t pages);

} // namespace hv::boot
