// SPDX-License-Identifier: MIT
//
// The hypervisor's final page tables: built once on the boot CPU from the memory map, then changed only in the device
// area (boot CPU, before guests run, and map_device) and in per-CPU windows (by their CPU). W^X throughout: code is
// mapped once, read-only; the image's frames are absent from the direct map.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "arch/x86/mitigations.hpp"
#include "base/assert.hpp"
#include "base/log.hpp"

extern "C" {
extern char image_start[], text_end[], rodata_end[], image_end[], syscall_trampoline[], isolated_stubs[],
    isolated_end[];
}

namespace hv::arch {
namespace {
using namespace x86;

constexpr std::uint64_t four_gib = 1ULL << 32;
constexpr unsigned device_tables = 8; // L1 tables for small device mappings: 16 MiB

std::uint64_t root; // physical address of the idle root
bool direct_map_live;
std::span<Span> free_ranges;
std::uint64_t* windows[256];
std::uint64_t isolated_roots[256];
std::uint64_t device_next = HV_DEVICES_BASE, device_large_next = HV_DEVICES_BASE + device_tables * large_page;
std::array<std::uint64_t, 16> root_entries;
std::uint64_t zero_page_entry;

std::uint64_t* table_at(std::uint64_t pa)
{
    return reinterpret_cast<std::uint64_t*>(direct_map_live ? HV_DIRECT_BASE + pa : pa); // early tables: identity
}

/// Takes frames from the end of the highest range that has room below the reach of the tables in force.
std::uint64_t take(std::uint64_t bytes, std::uint64_t align)
{
    const std::uint64_t limit = direct_map_live ? ~0ULL : four_gib;
    for (std::size_t i = free_ranges.size(); i-- != 0;) {
        Span& r = free_ranges[i];
        if (r.end > limit || r.end - r.start < bytes) continue;
        const std::uint64_t at = (r.end - bytes) & ~(align - 1);
        if (at < r.start) continue;
        r.end = at;
        __builtin_memset(table_at(at), 0, bytes);
        return at;
    }
    panic("not enough memory for the hypervisor's own tables", nullptr);
}

/// The table below @p entry, made if absent.
std::uint64_t* descend(std::uint64_t& entry, std::uint64_t user)
{
    if ((entry & pte_present) == 0)
        entry = take(page_size, page_size) | pte_present | pte_accessed | (user != 0 ? user : pte_write);
    return table_at(entry & pte_address);
}

/// The L2 entry for @p va under @p top.
std::uint64_t& level_2(std::uint64_t top, std::uint64_t va, std::uint64_t user)
{
    std::uint64_t* l3 = descend(table_at(top)[va >> 39 & 511], user);
    return descend(l3[va >> 30 & 511], user)[va >> 21 & 511];
}

void map_one(std::uint64_t va, std::uint64_t pa, std::uint64_t flags, bool large, std::uint64_t top = root)
{
    std::uint64_t& l2e = level_2(top, va, flags & pte_user);
    if (large)
        l2e = pa | flags | pte_large;
    else
        descend(l2e, flags & pte_user)[va >> 12 & 511] = pa | flags;
}

void map(std::uint64_t va, std::uint64_t pa, std::uint64_t bytes, std::uint64_t flags)
{
    ASSERT((flags & pte_write) == 0 || (flags & pte_nx) != 0);
    for (std::uint64_t done = 0; done < bytes;) {
        const bool large =
            ((va | pa) + done) % large_page == 0 && (va + done) % large_page == 0 && bytes - done >= large_page;
        map_one(va + done, pa + done, flags, large);
        done += large ? large_page : page_size;
    }
}

void map_image()
{
    const auto section = [](const char* from, const char* to, std::uint64_t flags) {
        const auto va = reinterpret_cast<std::uint64_t>(from);
        map(va, va - HV_IMAGE_OFFSET, static_cast<std::uint64_t>(to - from), flags);
    };
    section(image_start, text_end, map_code);
    section(text_end, rodata_end, map_constant);
    section(rodata_end, image_end, map_data);
}

std::uint64_t build_isolated_root(std::uint32_t cpu)
{
    const std::uint64_t top = take(page_size, page_size);
    table_at(top)[HV_SLOT_FIRST] = table_at(root)[HV_SLOT_FIRST];
    level_2(top, window_base(cpu), 0) = level_2(root, window_base(cpu), 0);
    const auto share = [top](const void* page, std::uint64_t flags) {
        const auto va = reinterpret_cast<std::uint64_t>(page);
        map_one(va, va - HV_IMAGE_OFFSET, flags, false, top);
    };
    for (const char* page = isolated_stubs; page < isolated_end; page += page_size)
        share(page, map_code);
    share(idt_page(), map_constant);
    return top;
}

/// Guard pages stay absent; see layout.h for the order of the pages.
void map_window(std::uint32_t cpu)
{
    const std::uint64_t base = window_base(cpu);
    for (unsigned page = 0; page < 16; ++page)
        map_one(base + HV_WINDOW_GDT + page * page_size, 0, zero_page_entry, false);
    map_one(base + HV_WINDOW_GDT + 14 * page_size, take(page_size, page_size), map_data, false);
    map_one(base + HV_WINDOW_TRAMPOLINE, reinterpret_cast<std::uint64_t>(syscall_trampoline) - HV_IMAGE_OFFSET,
            map_code, false);
    map_one(base + HV_WINDOW_TSS, take(page_size, page_size), map_data, false);
    for (unsigned page = 1; page < HV_STACK_BYTES / page_size; ++page)
        if (page != HV_STACK_GUARD_PAGE)
            map_one(base + HV_WINDOW_STACK + page * page_size, take(page_size, page_size), map_data, false);
    windows[cpu] = table_at(level_2(root, base, 0) & pte_address);
    if (mitigations().isolated_roots) isolated_roots[cpu] = build_isolated_root(cpu);
}

void map_tables(std::uint64_t frames)
{
    const auto rounded = [](std::uint64_t bytes) { return (bytes + large_page - 1) & ~(large_page - 1); };
    for (std::uint64_t at = 0; at < rounded(frames * 8); at += large_page) {
        const std::uint64_t pa = take(large_page, large_page);
        __builtin_memset(table_at(pa), 0xff, large_page);
        map_one(HV_M2P_BASE + at, pa, map_guest_constant, true);
        map_one(HV_M2P_ALIAS + at, pa, map_data, true);
    }
    for (std::uint64_t at = 0; at < rounded(frames * 16); at += large_page)
        map_one(HV_FRAMES_BASE + at, take(large_page, large_page), map_data, true);
}

} // namespace

void x86::init_paging(std::span<const Span> ram, std::span<Span> free, std::uint64_t ram_end)
{
    free_ranges = free;
    root = take(page_size, page_size);
    map_image();
    for (const Span& r : ram)
        map(HV_DIRECT_BASE + r.start, r.start, r.end - r.start, map_data);
    for (unsigned i = 0; i < device_tables; ++i) // their L1 tables exist from now on; the first page maps nothing
        map_one(HV_DEVICES_BASE + i * large_page, 0, 0, false);
    zero_page_entry = take(page_size, page_size) | map_constant;
    write_cr3(root);
    direct_map_live = true;
    map_tables(ram_end >> page_shift);
    map_window(0);
    __builtin_memcpy(root_entries.data(), table_at(root) + HV_SLOT_FIRST, sizeof root_entries);
    write_cr3(root);
}

void x86::init_windows(std::uint32_t cpus)
{
    for (std::uint32_t cpu = 1; cpu < cpus; ++cpu)
        map_window(cpu);
}

std::uint64_t x86::idle_root() { return root; }
std::uint64_t x86::isolated_root(std::uint32_t cpu) { return isolated_roots[cpu]; }
std::uint64_t x86::window_base(std::uint32_t cpu) { return HV_WINDOWS_BASE + cpu * std::uint64_t{HV_WINDOW_BYTES}; }

void x86::set_window_frame(std::uint32_t cpu, unsigned page, Mfn frame)
{
    const std::uint64_t entry = frame == invalid_mfn ? zero_page_entry : maddr_of(frame).raw() | map_data;
    if (((windows[cpu][page] ^ entry) & ~(pte_accessed | pte_dirty)) == 0) return;
    windows[cpu][page] = entry;
    invalidate_page(window_base(cpu) + page * page_size);
}

Result<std::byte*> x86::map_physical(std::uint64_t pa, std::size_t bytes, Cache cache)
{
    const std::uint64_t flags = cache == Cache::uncached ? map_uncached : map_data & ~pte_write;
    const std::uint64_t offset = pa % page_size;
    pa -= offset;
    bytes = (bytes + offset + page_size - 1) & ~(page_size - 1);
    const bool large = bytes % large_page == 0 && pa % large_page == 0;
    std::uint64_t& next = large ? device_large_next : device_next;
    const std::uint64_t size = large ? HV_DEVICES_BYTES : device_tables * large_page;
    if (bytes > HV_DEVICES_BASE + size - next) return Error::enospc;
    for (std::uint64_t done = 0; done < bytes; done += large ? large_page : page_size)
        map_one(next + done, pa + done, flags, large);
    next += bytes;
    return reinterpret_cast<std::byte*>(next - bytes + offset);
}

Result<volatile std::uint32_t*> map_device(std::uint64_t pa, std::size_t bytes)
{
    if (bytes == 0 || pa % 4 != 0 || pa + bytes > 1ULL << 52) return Error::einval;
    return reinterpret_cast<volatile std::uint32_t*>(TRY(map_physical(pa, bytes, Cache::uncached)));
}

std::byte* frame_address(Mfn frame) { return reinterpret_cast<std::byte*>(HV_DIRECT_BASE + maddr_of(frame).raw()); }
Mfn frame_of_address(const void* address)
{
    return Mfn{(reinterpret_cast<std::uint64_t>(address) - HV_DIRECT_BASE) >> page_shift};
}
std::uint64_t* machine_to_phys_table() { return reinterpret_cast<std::uint64_t*>(HV_M2P_ALIAS); }
std::byte* frame_table_memory() { return reinterpret_cast<std::byte*>(HV_FRAMES_BASE); }
std::span<const std::uint64_t, 16> hypervisor_root_entries() { return root_entries; }

void load_root(Maddr root_pa) { write_cr3(root_pa.raw()); }
void load_idle_root() { write_cr3(root); }
void invalidate_page(std::uint64_t va) { asm volatile("invlpg (%0)" : : "r"(va) : "memory"); }
void flush_tlb_local() { write_cr3(read_cr3()); }

} // namespace hv::arch
