// SPDX-License-Identifier: MIT
//
// See boot/dom0_tables.hpp.
#include "boot/dom0_tables.hpp"
#include "base/assert.hpp"
#include "base/log.hpp"
#include "mm/window.hpp"

namespace hv::boot {
namespace {

// Entry bits: AMD64 Architecture Programmer's Manual volume 2, section 5.4.1.
constexpr std::uint64_t present = 1, writable = 2, user = 4, accessed = 0x20, dirty = 0x40;
constexpr std::uint64_t table_flags = present | writable | user | accessed;
constexpr std::uint64_t leaf_flags = present | user | accessed;

/// Maps a page, taking the tables it needs from the consecutive frames at @p next.
void map_page(P2m p2m, Mfn root, Pfn& next, std::uint64_t va, Pfn page, std::uint64_t flags)
{
    Mfn table = root;
    for (unsigned shift = 39; shift > page_shift; shift -= 9) {
        mm::FrameWindow<std::uint64_t> w{table};
        std::uint64_t& entry = w[va >> shift & 511];
        if (entry == 0) {
            entry = maddr_of(Mfn{p2m[next.raw()]}).raw() | table_flags;
            ++next;
        }
        table = mfn_of(Maddr{entry & 0x000ffffffffff000});
    }
    mm::FrameWindow<std::uint64_t> leaf{table};
    leaf[va >> page_shift & 511] = maddr_of(Mfn{p2m[page.raw()]}).raw() | flags;
}

} // namespace

void write_bytes(P2m p2m, std::uint64_t paddr, image::Bytes bytes)
{
    // In parts: QEMU's TLB is direct-mapped, where equal low bits make each word of one page evict the other page.
    std::byte part[512];
    while (!bytes.empty()) {
        const std::uint64_t n = std::min(bytes.size(), sizeof part - paddr % sizeof part);
        mm::FrameWindow<std::byte> w{Mfn{p2m[paddr / page_size]}};
        __builtin_memcpy(part, bytes.data(), n);
        __builtin_memcpy(&w[paddr % page_size], part, n);
        bytes = bytes.subspan(n);
        paddr += n;
    }
}

void load_kernel(P2m p2m, const image::KernelImage& kernel, image::Bytes elf)
{
    for (const image::Segment& s : kernel.segments())
        write_bytes(p2m, s.paddr, elf.subspan(s.offset, s.filesz));
}

void write_p2m_list(P2m p2m, const Dom0Layout& l) { write_bytes(p2m, l.p2m.raw() * page_size, std::as_bytes(p2m)); }

Mfn write_page_tables(P2m p2m, const Dom0Layout& l)
{
    const Mfn root{p2m[l.tables.raw()]};
    Pfn next = l.tables + 1;
    for (Pfn p{0}; p < l.map_end; ++p) {
        const bool is_table = p >= l.tables && p < l.stack;
        map_page(p2m, root, next, l.va_of(p), p, leaf_flags | (is_table ? 0 : writable | dirty));
    }
    ASSERT(next == l.stack); // lay_out_dom0() counted the tables
    next = l.p2m + l.p2m_list_frames;
    for (std::uint64_t i = 0; l.p2m_apart && i < l.p2m_list_frames; ++i)
        map_page(p2m, root, next, l.p2m_va + i * page_size, l.p2m + i, leaf_flags | writable | dirty);
    ASSERT(!l.p2m_apart || next == l.end);
    return root;
}

void write_start_info(P2m p2m, const Dom0Layout& l, Mfn shared_info, const char* command,
                      const pv_dom0_vga_console_info& screen)
{
    struct Page {
        pv_start_info info;
        pv_dom0_vga_console_info vga;
    };
    static_assert(sizeof(Page) <= page_size);
    mm::FrameWindow<Page> w{Mfn{p2m[l.start_info.raw()]}};
    pv_start_info& s = w[0].info;
    __builtin_memcpy(s.magic, "xen-3.0-x86_64p", 16);
    s.nr_pages = p2m.size();
    s.shared_info = maddr_of(shared_info).raw();
    s.flags = PV_SIF_PRIVILEGED | PV_SIF_INITDOMAIN;
    s.console.dom0.info_off = offsetof(Page, vga);
    s.console.dom0.info_size = sizeof(pv_dom0_vga_console_info);
    s.pt_base = l.va_of(l.tables);
    s.nr_pt_frames = l.table_count;
    s.mfn_list = l.p2m_va;
    if (l.p2m_apart) {
        s.first_p2m_pfn = l.p2m.raw();
        s.nr_p2m_frames = l.p2m_frames();
    }
    if (l.initrd_bytes != 0) {
        const bool mapped = l.initrd < l.map_end;
        s.mod_start = mapped ? l.va_of(l.initrd) : l.initrd.raw();
        s.mod_len = l.initrd_bytes;
        s.flags |= mapped ? 0 : PV_SIF_MOD_START_PFN;
    }
    std::size_t length = 0;
    for (; command[length] != 0 && length + 1 < sizeof s.cmd_line; ++length)
        s.cmd_line[length] = command[length];
    if (command[length] != 0) log::warning("kernel module: its command line is cut to {} bytes", length);
    w[0].vga = screen;
}

} // namespace hv::boot
