// SPDX-License-Identifier: MIT
//
// See layout.hpp. Order of the mapping: kernel, [initrd], start_info, xenstore, console, page tables, stack, slack.
#include "libparapet/layout.hpp"
#include "libparapet/error.hpp"
#include <algorithm>
#include <map>

namespace parapet {
namespace {

using hv::image::KernelImage;

constexpr std::uint64_t virt_align = 4ULL << 20; // the kernel expects the mapping to end on 4 MiB
constexpr std::uint64_t least_slack = 512ULL << 10;
constexpr std::uint64_t entries = 512;
constexpr std::uint64_t entry_rw = 0x67; // present, writable, user, accessed, dirty
constexpr std::uint64_t entry_ro = 0x65;

constexpr std::uint64_t frames(std::uint64_t bytes) { return (bytes + page_bytes - 1) / page_bytes; }
constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }
constexpr unsigned shift_of(unsigned level) { return 12 + 9 * (level - 1); }
constexpr unsigned index_of(unsigned level, std::uint64_t va) { return (va >> shift_of(level)) & (entries - 1); }

/// The tables a set of mappings needs, each known by its level and the address it starts to translate.
class TableSet {
public:
    void cover(std::uint64_t va, std::uint64_t bytes)
    {
        for (unsigned level = 4; level >= 1; --level) {
            const std::uint64_t step = shift_of(level) + 9 >= 48 ? 0 : 1ULL << (shift_of(level) + 9);
            std::uint64_t at = step == 0 ? 0 : va & ~(step - 1);
            const std::uint64_t last = step == 0 ? 0 : (va + bytes - 1) & ~(step - 1);
            for (;; at += step) {
                if (known_.emplace(Key{level, at}, 0).second) list_.push_back({level, at, 0});
                if (at == last) break;
            }
        }
    }
    [[nodiscard]] std::size_t size() const { return list_.size(); }
    [[nodiscard]] const std::vector<Table>& list() const { return list_; }

private:
    using Key = std::pair<unsigned, std::uint64_t>;
    std::map<Key, int> known_;
    std::vector<Table> list_;
};

/// Hands out consecutive frames of the layout.
class Cursor {
public:
    explicit Cursor(std::uint64_t first) : next_{first} {}
    Region take(std::uint64_t count)
    {
        const Region region{next_, count};
        next_ += count;
        return region;
    }
    [[nodiscard]] std::uint64_t next() const { return next_; }

private:
    std::uint64_t next_;
};

/// A mapping must not wrap, leave the canonical halves or reach the hypervisor's addresses.
void check_range(const char* what, std::uint64_t va, std::uint64_t bytes)
{
    constexpr std::uint64_t low_end = 0x800000000000, high_start = 0xffff880000000000;
    const bool low = va < low_end && bytes <= low_end - va;
    const bool high = va >= high_start && bytes < 0 - va;
    if (!low && !high) fail("the kernel's {} ({:#x}, {} MiB) does not fit into its addresses", what, va, bytes >> 20);
}

/// Places what follows the kernel in the mapping; the tables' number depends on its end, which depends on them.
void place_mapped(Layout& l, Cursor cursor, TableSet& set)
{
    l.start_info = cursor.take(1);
    l.xenstore = cursor.take(1);
    l.console = cursor.take(1);
    for (std::uint64_t guess = 1;;) {
        Cursor tail = cursor;
        l.page_tables = tail.take(guess);
        l.stack = tail.take(1);
        check_range("boot mapping", l.virt_base, tail.next() * page_bytes + least_slack + virt_align);
        l.virt_end = round_up(l.va_of(tail.next()) + least_slack, virt_align);
        set = {};
        set.cover(l.virt_base, l.virt_end - l.virt_base);
        if (set.size() == guess) return;
        guess = set.size();
    }
}

Layout place(const KernelImage& image, std::uint64_t nr_pages, std::uint64_t initrd_bytes)
{
    Layout l;
    l.nr_pages = nr_pages;
    l.virt_base = image.virt_base;
    l.initrd_bytes = initrd_bytes;
    l.initrd_mapped = initrd_bytes != 0 && !image.mod_start_pfn;
    l.p2m_apart = image.init_p2m.has_value();
    l.kernel = {image.paddr_start / page_bytes, (image.paddr_end - image.paddr_start) / page_bytes};
    const std::uint64_t list_frames = frames(nr_pages * sizeof(std::uint64_t));

    Cursor cursor{l.kernel.end()};
    if (l.initrd_mapped) l.initrd = cursor.take(frames(initrd_bytes));
    if (!l.p2m_apart) l.p2m = cursor.take(list_frames);
    TableSet set;
    place_mapped(l, cursor, set);

    Cursor behind{l.mapped_pages()};
    if (initrd_bytes != 0 && !l.initrd_mapped) l.initrd = behind.take(frames(initrd_bytes));
    l.p2m_va = l.va_of(l.p2m.first);
    const std::uint64_t own = set.size();
    if (l.p2m_apart) {
        l.p2m_va = *image.init_p2m;
        l.p2m = behind.take(list_frames);
        check_range("p2m list", l.p2m_va, list_frames * page_bytes);
        const std::uint64_t list_end = l.p2m_va + list_frames * page_bytes;
        if (l.p2m_va < l.virt_end && l.virt_base < list_end)
            fail("the kernel wants its p2m list (INIT_P2M {:#x}) inside its own mapping", l.p2m_va);
        set.cover(l.p2m_va, list_frames * page_bytes);
        l.p2m_tables = behind.take(set.size() - own);
    }
    l.tables = set.list();
    for (std::size_t i = 0; i < l.tables.size(); ++i)
        l.tables[i].pfn = i < own ? l.page_tables.first + i : l.p2m_tables.first + (i - own);
    return l;
}

std::uint64_t frames_used(const Layout& l)
{
    return std::max({l.mapped_pages(), l.initrd.end(), l.p2m.end(), l.p2m_tables.end()});
}

} // namespace

Layout plan_layout(const KernelImage& image, std::uint64_t nr_pages, std::uint64_t initrd_bytes)
{
    const Layout l = place(image, nr_pages, initrd_bytes);
    if (frames_used(l) > nr_pages) {
        const std::uint64_t need = least_pages(image, initrd_bytes);
        fail("{} MiB of memory are too little: this kernel and initrd need {} MiB to be loaded", nr_pages / 256,
             (need + 255) / 256);
    }
    return l;
}

std::uint64_t least_pages(const KernelImage& image, std::uint64_t initrd_bytes)
{
    for (std::uint64_t pages = 256;;) {
        const std::uint64_t used = frames_used(place(image, pages, initrd_bytes));
        if (used <= pages) return pages;
        pages = used;
    }
}

void write_tables(const Layout& layout, std::span<const std::uint64_t> p2m, const FrameAccess& frame)
{
    std::map<std::pair<unsigned, std::uint64_t>, std::uint64_t> by_place;
    for (const Table& t : layout.tables) {
        std::fill_n(frame(t.pfn), entries, 0);
        by_place[{t.level, t.va}] = t.pfn;
    }
    const auto table_at = [&](unsigned level, std::uint64_t va) {
        const std::uint64_t span = level == 4 ? 0 : ~((1ULL << (shift_of(level) + 9)) - 1);
        return frame(by_place.at({level, va & span}));
    };
    for (const Table& t : layout.tables)
        if (t.level < 4) table_at(t.level + 1, t.va)[index_of(t.level + 1, t.va)] = p2m[t.pfn] << 12 | entry_rw;

    std::uint64_t* table = nullptr;
    std::uint64_t part = ~0ULL; // which table has
    const auto map = [&](std::uint64_t va, std::uint64_t pfn, std::uint64_t flags) {
        if (const std::uint64_t now = va >> shift_of(2); now != part) {
            table = table_at(1, va);
            part = now;
        }
        table[index_of(1, va)] = p2m[pfn] << 12 | flags;
    };
    for (std::uint64_t pfn = 0; pfn < layout.mapped_pages(); ++pfn) {
        const bool is_table = pfn >= layout.page_tables.first && pfn < layout.page_tables.end();
        map(layout.va_of(pfn), pfn, is_table ? entry_ro : entry_rw);
    }
    for (std::uint64_t i = 0; layout.p2m_apart && i < layout.p2m.count; ++i)
        map(layout.p2m_va + i * page_bytes, layout.p2m.first + i, entry_rw);
}

void write_p2m(const Layout& layout, std::span<const std::uint64_t> p2m, const FrameAccess& frame)
{
    for (std::uint64_t i = 0; i < layout.p2m.count; ++i) {
        std::uint64_t* out = frame(layout.p2m.first + i);
        const std::uint64_t first = i * entries;
        const std::uint64_t count = std::min(entries, p2m.size() - first);
        std::copy_n(p2m.begin() + static_cast<std::ptrdiff_t>(first), count, out);
        std::fill(out + count, out + entries, ~0ULL);
    }
}

pv_start_info make_start_info(const Layout& l, const BootInfo& boot)
{
    pv_start_info info{};
    fmt::format_to_n(info.magic, sizeof info.magic - 1, "xen-3.0-x86_64");
    info.nr_pages = l.nr_pages;
    info.shared_info = boot.shared_info_maddr;
    info.flags = l.initrd_bytes != 0 && !l.initrd_mapped ? PV_SIF_MOD_START_PFN : 0;
    info.store_mfn = boot.store_mfn;
    info.store_evtchn = boot.store_port;
    info.console.domU.mfn = boot.console_mfn;
    info.console.domU.evtchn = boot.console_port;
    info.pt_base = l.va_of(l.page_tables.first);
    info.nr_pt_frames = l.page_tables.count;
    info.mfn_list = l.p2m_va;
    if (l.initrd_bytes != 0) info.mod_start = l.initrd_mapped ? l.va_of(l.initrd.first) : l.initrd.first;
    info.mod_len = l.initrd_bytes;
    if (l.p2m_apart) {
        info.first_p2m_pfn = l.p2m.first;
        info.nr_p2m_frames = l.p2m.count + l.p2m_tables.count;
    }
    if (boot.cmdline.size() >= sizeof info.cmd_line)
        fail("the kernel's command line has {} bytes, {} are the limit", boot.cmdline.size(), sizeof info.cmd_line - 1);
    std::copy(boot.cmdline.begin(), boot.cmdline.end(), info.cmd_line);
    return info;
}

pv_vcpu_guest_context make_boot_context(const Layout& l, std::uint64_t entry, std::uint64_t l4_mfn)
{
    pv_vcpu_guest_context c{};
    c.flags = PV_VGCF_IN_KERNEL | PV_VGCF_ONLINE;
    c.user_regs.rip = entry;
    c.user_regs.rsi = l.va_of(l.start_info.first);
    c.user_regs.rsp = l.va_of(l.stack.end());
    c.user_regs.rflags = 0x202;
    c.user_regs.cs = PV_FLAT_RING3_CS64;
    c.user_regs.ss = PV_FLAT_RING3_SS64;
    c.kernel_ss = PV_FLAT_RING3_SS64;
    c.kernel_sp = c.user_regs.rsp;
    c.ctrlreg[3] = l4_mfn << 12;
    return c;
}

} // namespace parapet
