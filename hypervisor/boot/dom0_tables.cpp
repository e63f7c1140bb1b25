// SPDX-License-Identifier: MIT
//
// See boot/dom0_tables.hpp.
#include "boot/dom0_tables.hpp"
#include "base/assert.hpp"
#include "mm/window.hpp"

namespace hv::boot {
namespace {

// Entry bits: AMD64 Architecture Programmer's Manual volume 2, section 5.4.1.
constexpr std::uint64_t present = 1, writable = 2, user = 4, accessed = 0x20, dirty = 0x40;
constexpr std::uint64_t table_flags = present | writable | user | accessed;
constexpr std::uint64_t leaf_flags = present | user | accessed;

/// Maps pages into a tree, taking the tables it needs from consecutive pfns.
class TreeBuilder {
public:
    TreeBuilder(P2m p2m, Mfn root, Pfn next, Pfn limit) : p2m_{p2m}, root_{root}, next_{next}, limit_{limit} {}

    void map(std::uint64_t va, Mfn frame, std::uint64_t flags)
    {
        Mfn table = root_;
        for (unsigned level = 4; level > 1; --level)
            table = child(table, index(va, level));
        mm::FrameWindow<std::uint64_t> leaf{table};
        leaf[index(va, 1)] = maddr_of(frame).raw() | flags;
    }

private:
    static std::size_t index(std::uint64_t va, unsigned level) { return (va >> (page_shift + 9 * (level - 1))) & 511; }
    Mfn child(Mfn table, std::size_t i)
    {
        mm::FrameWindow<std::uint64_t> w{table};
        if (w[i] != 0) return mfn_of(Maddr{w[i] & 0x000ffffffffff000});
        ASSERT(next_ < limit_); // lay_out_dom0() counted the tables
        const Mfn fresh{p2m_[next_.raw()]};
        ++next_;
        mm::FrameWindow<std::uint64_t> f{fresh};
        for (std::size_t k = 0; k < 512; ++k)
            f[k] = 0;
        w[i] = maddr_of(fresh).raw() | table_flags;
        return fresh;
    }
    P2m p2m_;
    Mfn root_;
    Pfn next_, limit_;
};

/// Calls @p fn(window bytes) for each piece of [paddr, paddr + bytes) that lies in one frame.
template <typename Fn> void for_each_piece(P2m p2m, std::uint64_t paddr, std::uint64_t bytes, Fn&& fn)
{
    for (std::uint64_t done = 0; done < bytes;) {
        const std::uint64_t at = paddr + done, offset = at % page_size;
        const std::uint64_t n = bytes - done < page_size - offset ? bytes - done : page_size - offset;
        mm::FrameWindow<std::byte> w{Mfn{p2m[at / page_size]}};
        fn(std::span<std::byte>{&w[offset], n}, done);
        done += n;
    }
}

} // namespace

void write_bytes(P2m p2m, std::uint64_t paddr, image::Bytes bytes)
{
    for_each_piece(p2m, paddr, bytes.size(), [&](std::span<std::byte> to, std::uint64_t done) {
        __builtin_memcpy(to.data(), bytes.data() + done, to.size());
    });
}

void clear_bytes(P2m p2m, std::uint64_t paddr, std::uint64_t bytes)
{
    for_each_piece(p2m, paddr, bytes,
                   [](std::span<std::byte> to, std::uint64_t) { __builtin_memset(to.data(), 0, to.size()); });
}

void load_kernel(P2m p2m, const image::KernelImage& kernel, image::Bytes elf)
{
    for (const image::Segment& s : kernel.segments()) {
        write_bytes(p2m, s.paddr, elf.subspan(s.offset, s.filesz));
        clear_bytes(p2m, s.paddr + s.filesz, s.memsz - s.filesz);
    }
}

void write_p2m_list(P2m p2m, const Dom0Layout& l)
{
    const std::uint64_t at = l.p2m.raw() * page_size;
    write_bytes(p2m, at, std::as_bytes(p2m));
    clear_bytes(p2m, at + p2m.size_bytes(), l.p2m_list_frames * page_size - p2m.size_bytes());
}

Mfn write_page_tables(P2m p2m, const Dom0Layout& l)
{
    const Mfn root{p2m[l.tables.raw()]};
    clear_bytes(p2m, l.tables.raw() * page_size, page_size);
    TreeBuilder kernel{p2m, root, l.tables + 1, l.stack};
    for (Pfn p{0}; p < l.map_end; ++p) {
        const bool is_table = p >= l.tables && p < l.stack;
        kernel.map(l.va_of(p), Mfn{p2m[p.raw()]}, leaf_flags | (is_table ? 0 : writable | dirty));
    }
    if (!l.p2m_apart) return root;
    TreeBuilder list{p2m, root, l.p2m + l.p2m_list_frames, l.end};
    for (std::uint64_t i = 0; i < l.p2m_list_frames; ++i)
        list.map(l.p2m_va + i * page_size, Mfn{p2m[l.p2m.raw() + i]}, leaf_flags | writable | dirty);
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
    clear_bytes(p2m, l.start_info.raw() * page_size, page_size);
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
    for (std::size_t i = 0; command[i] != 0 && i + 1 < sizeof s.cmd_line; ++i)
        s.cmd_line[i] = command[i];
    w[0].vga = screen;
}

} // namespace hv::boot
