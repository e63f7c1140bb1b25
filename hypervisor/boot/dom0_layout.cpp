// SPDX-License-Identifier: MIT
//
// See boot/dom0_layout.hpp.
#include "boot/dom0_layout.hpp"

namespace hv::boot {
namespace {

constexpr std::uint64_t mapping_granule = 4ULL << 20;
constexpr std::uint64_t minimum_slack = 512ULL << 10;

constexpr std::uint64_t round_up(std::uint64_t v, std::uint64_t to) { return (v + to - 1) / to * to; }
constexpr std::uint64_t frames_of(std::uint64_t bytes) { return round_up(bytes, page_size) / page_size; }

/// Page tables of levels 1..3 needed to map [va, va + bytes).
constexpr std::uint64_t tables_for(std::uint64_t va, std::uint64_t bytes)
{
    std::uint64_t count = 0;
    for (const unsigned shift : {21U, 30U, 39U})
        count += ((va + bytes - 1) >> shift) - (va >> shift) + 1;
    return count;
}

} // namespace

Result<Dom0Layout> lay_out_dom0(const image::KernelImage& kernel, std::uint64_t initrd_bytes, std::uint64_t pages)
{
    Dom0Layout l{};
    l.virt_base = kernel.virt_base;
    l.p2m_apart = kernel.init_p2m.has_value();
    l.p2m_list_frames = round_up(pages, page_size / sizeof(std::uint64_t)) * sizeof(std::uint64_t) / page_size;
    l.initrd_bytes = initrd_bytes;
    l.initrd_frames = frames_of(initrd_bytes);

    std::uint64_t at = frames_of(kernel.paddr_end);
    const auto place = [&at](std::uint64_t frames) { return Pfn{std::exchange(at, at + frames)}; };
    if (!l.p2m_apart) {
        l.p2m = place(l.p2m_list_frames);
        l.p2m_va = l.va_of(l.p2m);
    }
    l.start_info = place(1);
    if (!kernel.mod_start_pfn) l.initrd = place(l.initrd_frames); // the kernel wants its initrd inside the mapping
    l.tables = Pfn{at};
    std::uint64_t bytes = 0;
    for (std::uint64_t count = 0; count != l.table_count || bytes == 0;) { // the tables map themselves
        l.table_count = count;
        l.stack = l.tables + l.table_count;
        bytes = round_up((l.stack.raw() + 1) * page_size + minimum_slack, mapping_granule);
        count = 1 + tables_for(l.virt_base, bytes);
    }
    l.map_end = Pfn{bytes / page_size};
    at = l.map_end.raw();
    if (l.virt_base + bytes - 1 < l.virt_base || !is_guest_va(l.virt_base) || !is_guest_va(l.virt_base + bytes - 1))
        return Error::einval;

    if (kernel.mod_start_pfn) l.initrd = place(l.initrd_frames);
    l.end = Pfn{at};
    if (l.p2m_apart) {
        const std::uint64_t list_bytes = l.p2m_list_frames * page_size;
        l.p2m = Pfn{at};
        l.p2m_va = *kernel.init_p2m;
        l.p2m_table_count = tables_for(l.p2m_va, list_bytes);
        const bool same_slot = (l.p2m_va >> 39) == (l.virt_base >> 39);
        if (same_slot || !is_guest_va(l.p2m_va) || !is_guest_va(l.p2m_va + list_bytes - 1)) return Error::einval;
        l.end = l.p2m + l.p2m_frames();
    }
    if (l.end.raw() > pages) return Error::enomem;
    return l;
}

} // namespace hv::boot
