// SPDX-License-Identifier: MIT
//
// Where everything of a new PV domain goes, by pseudo-physical frame and by virtual address, and what its boot page
// tables, p2m list and start_info say. Pure: no hypervisor, no memory of a guest; tests give it plain vectors.
#pragma once
#include "base/image/elf_kernel.hpp"
#include "pv-abi/start_info.h"
#include "pv-abi/vcpu.h"
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace parapet {

inline constexpr std::uint64_t page_bytes = 4096;

struct Region {
    std::uint64_t first{0}; ///< pseudo-physical frame number
    std::uint64_t count{0};
    [[nodiscard]] std::uint64_t end() const { return first + count; }
};

/// One boot page table: it translates from @p va on, at @p level (4 is the top).
struct Table {
    unsigned level;
    std::uint64_t va;
    std::uint64_t pfn;
};

struct Layout {
    std::uint64_t nr_pages{0};
    std::uint64_t virt_base{0};
    std::uint64_t virt_end{0}; ///< End of the mapping that starts with frame 0 at virt_base.
    std::uint64_t p2m_va{0};
    bool p2m_apart{false};     ///< The p2m list has a mapping of its own (INIT_P2M).
    bool initrd_mapped{false}; ///< The initrd lies in the mapping, as kernels without MOD_START_PFN need.
    std::uint64_t initrd_bytes{0};
    Region kernel, initrd, start_info, xenstore, console, page_tables, stack;
    Region p2m; ///< The list; followed by p2m_tables when apart.
    Region p2m_tables;
    std::vector<Table> tables; ///< Top first; those in page_tables, then those in p2m_tables.

    [[nodiscard]] std::uint64_t va_of(std::uint64_t pfn) const { return virt_base + pfn * page_bytes; }
    [[nodiscard]] std::uint64_t mapped_pages() const { return (virt_end - virt_base) / page_bytes; }
};

/// What start_info needs beyond the layout.
struct BootInfo {
    std::uint64_t shared_info_maddr{0};
    std::uint64_t store_mfn{0};
    std::uint32_t store_port{0};
    std::uint64_t console_mfn{0};
    std::uint32_t console_port{0};
    std::string cmdline;
};

/// Throws Error when @p nr_pages do not hold all that the kernel needs to start.
Layout plan_layout(const hv::image::KernelImage& image, std::uint64_t nr_pages, std::uint64_t initrd_bytes);

/// The least memory for which plan_layout() succeeds, in frames.
std::uint64_t least_pages(const hv::image::KernelImage& image, std::uint64_t initrd_bytes);

/// Gives the 512 entries of the frame at a pseudo-physical number.
using FrameAccess = std::function<std::uint64_t*(std::uint64_t pfn)>;

/// Writes every entry of every boot page table; @p p2m maps pseudo-physical to machine frame.
void write_tables(const Layout& layout, std::span<const std::uint64_t> p2m, const FrameAccess& frame);

/// Writes the list, and an invalid entry behind its end up to the end of the last frame.
void write_p2m(const Layout& layout, std::span<const std::uint64_t> p2m, const FrameAccess& frame);

pv_start_info make_start_info(const Layout& layout, const BootInfo& boot);

/// The registers and tables of the boot vCPU.
pv_vcpu_guest_context make_boot_context(const Layout& layout, std::uint64_t entry, std::uint64_t l4_mfn);

} // namespace parapet
