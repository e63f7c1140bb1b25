// SPDX-License-Identifier: MIT
//
// Field offsets are those of the Multiboot Specification 0.6.96 section 3.3 and Multiboot2 2.0 section 3.6. Boot CPU
// only.
#include "boot/multiboot.hpp"
#include "arch/x86/layout.h"
#include "boot/memory_map.hpp"
#include "hypercall/handlers.hpp"

namespace hv::boot {
namespace {

std::array<char, 8192> strings; // every string of the loader, copied
std::size_t strings_used;
alignas(16) std::array<std::byte, 36> rsdp_copy;

const std::byte* at_physical(std::uint64_t pa) { return reinterpret_cast<const std::byte*>(pa); }

template <typename T> T get(const std::byte* p, std::size_t offset)
{
    T v;
    __builtin_memcpy(&v, p + offset, sizeof v);
    return v;
}

/// Copies at most @p limit characters; what does not fit into the store is cut off.
const char* keep(const char* s, std::size_t limit)
{
    if (strings_used + 1 >= strings.size()) return "";
    char* const start = &strings[strings_used];
    for (std::size_t i = 0; i < limit && s[i] != 0 && strings_used + 1 < strings.size(); ++i)
        strings[strings_used++] = s[i];
    strings[strings_used++] = 0;
    return start;
}

const char* skip_file_name(const char* s)
{
    while (*s != 0 && *s != ' ')
        ++s;
    while (*s == ' ')
        ++s;
    return s;
}

void add_memory(BootInfo& info, std::uint64_t start, std::uint64_t bytes, std::uint32_t type)
{
    const auto known = type >= 1 && type <= 5 ? static_cast<MemoryType>(type) : MemoryType::reserved;
    add_range(info, {Maddr{start}, bytes, known});
}

void add_module(BootInfo& info, std::uint32_t start, std::uint32_t end, const char* command)
{
    if (info.module_count == info.modules.size() || end < start) return;
    info.modules[info.module_count++] = {Maddr{start}, end - start, command};
}

void set_text_screen(BootInfo& info, std::uint32_t rows, std::uint32_t columns)
{
    info.screen.video_type = PV_VGATYPE_TEXT_MODE_3;
    info.screen.u.text_mode_3 = {16, 0, 0, static_cast<std::uint16_t>(rows), static_cast<std::uint16_t>(columns)};
}

/// Common to both: address, pitch, width, height, depth and type at @p p, the layout of colours at @p colours.
void read_screen(BootInfo& info, const std::byte* p, const std::byte* colours)
{
    const auto address = get<std::uint64_t>(p, 0);
    const auto pitch = get<std::uint32_t>(p, 8), width = get<std::uint32_t>(p, 12), height = get<std::uint32_t>(p, 16);
    const auto type = get<std::uint8_t>(p, 21);
    info.screen = {};
    if (type == 2) return set_text_screen(info, height, width);
    if (type != 1) return;
    info.screen.video_type = PV_VGATYPE_VESA_LFB;
    pv_vga_vesa_lfb& v = info.screen.u.vesa_lfb;
    v.width = static_cast<std::uint16_t>(width);
    v.height = static_cast<std::uint16_t>(height);
    v.bytes_per_line = static_cast<std::uint16_t>(pitch);
    v.bits_per_pixel = get<std::uint8_t>(p, 20);
    v.lfb_base = static_cast<std::uint32_t>(address);
    v.ext_lfb_base = static_cast<std::uint32_t>(address >> 32);
    v.lfb_size = (pitch * height + 0xffff) >> 16;
    __builtin_memcpy(&v.red_pos, colours, 6); // position and size of red, green and blue: the same six bytes here
    static_assert(offsetof(pv_vga_vesa_lfb, rsvd_pos) == offsetof(pv_vga_vesa_lfb, red_pos) + 6);
}

bool read_1(const std::byte* p, BootInfo& info)
{
    const auto flags = get<std::uint32_t>(p, 0);
    const auto string_at = [p](std::size_t offset) {
        return reinterpret_cast<const char*>(at_physical(get<std::uint32_t>(p, offset)));
    };
    if ((flags & 1 << 9) != 0) info.loader_name = keep(string_at(64), 256);
    // GRUB 2 passes only what follows the file name; every other loader includes the name.
    const bool named = __builtin_memcmp(info.loader_name, "GRUB 2", 6) != 0;
    const auto command = [named](const char* s) { return keep(named ? skip_file_name(s) : s, 4096); };
    if ((flags & 1 << 2) != 0) info.command_line = command(string_at(16));
    const std::byte* module = at_physical(get<std::uint32_t>(p, 24));
    for (std::uint32_t i = (flags & 1 << 3) != 0 ? get<std::uint32_t>(p, 20) : 0; i != 0; --i, module += 16)
        add_module(info, get<std::uint32_t>(module, 0), get<std::uint32_t>(module, 4),
                   command(reinterpret_cast<const char*>(at_physical(get<std::uint32_t>(module, 8)))));
    if ((flags & 1 << 6) == 0) return false;
    const std::byte* entry = at_physical(get<std::uint32_t>(p, 48));
    const std::byte* end = entry + get<std::uint32_t>(p, 44);
    for (; entry < end; entry += get<std::uint32_t>(entry, 0) + 4)
        add_memory(info, get<std::uint64_t>(entry, 4), get<std::uint64_t>(entry, 12), get<std::uint32_t>(entry, 20));
    set_text_screen(info, 25, 80); // a BIOS machine, unless told otherwise
    if ((flags & 1 << 12) != 0) read_screen(info, p + 88, p + 110);
    return true;
}

void read_2_tag(const std::byte* tag, std::uint32_t type, std::uint32_t size, BootInfo& info)
{
    const auto* text = reinterpret_cast<const char*>(tag);
    switch (type) {
    case 1: info.command_line = keep(text + 8, size - 8); break;
    case 2: info.loader_name = keep(text + 8, size - 8); break;
    case 3:
        add_module(info, get<std::uint32_t>(tag, 8), get<std::uint32_t>(tag, 12), keep(text + 16, size - 16));
        break;
    case 6:
        for (std::uint32_t at = 16, step = get<std::uint32_t>(tag, 8); step >= 24 && at + step <= size; at += step)
            add_memory(info, get<std::uint64_t>(tag, at), get<std::uint64_t>(tag, at + 8),
                       get<std::uint32_t>(tag, at + 16));
        break;
    case 8: read_screen(info, tag + 8, tag + 32); break;
    case 12: // EFI system table, UEFI 2.10 section 4.3; above 4 GiB it is not mapped yet
        if (const auto* table = at_physical(get<std::uint64_t>(tag, 8)); get<std::uint32_t>(tag, 12) == 0)
            hypercall::efi_config = {PV_FW_EFI_INFO, PV_FW_EFI_CONFIG_TABLE, get<std::uint64_t>(table, 112),
                                     get<std::uint32_t>(table, 104), 0};
        break;
    case 14:
    case 15: // RSDP of ACPI 1 and 2; the newer tag comes later
        if (type == 14 && info.rsdp != Maddr{}) break;
        __builtin_memcpy(rsdp_copy.data(), tag + 8, size - 8 < rsdp_copy.size() ? size - 8 : rsdp_copy.size());
        info.rsdp = Maddr{reinterpret_cast<std::uint64_t>(rsdp_copy.data()) - HV_IMAGE_OFFSET};
        break;
    default: break;
    }
}

bool read_2(const std::byte* p, BootInfo& info)
{
    const auto total = get<std::uint32_t>(p, 0);
    for (std::uint32_t at = 8; at + 8 <= total;) {
        const auto type = get<std::uint32_t>(p, at), size = get<std::uint32_t>(p, at + 4);
        if (type == 0 || size < 8 || size > total - at) break;
        read_2_tag(p + at, type, size, info);
        at += (size + 7) & ~7U;
    }
    return info.memory_count != 0;
}

} // namespace

bool read_multiboot(std::uint32_t magic, const std::byte* structure, BootInfo& info)
{
    info.command_line = "";
    info.loader_name = "a loader without a name";
    if (magic == multiboot1_magic) return read_1(structure, info);
    if (magic == multiboot2_magic) return read_2(structure, info);
    return false;
}

} // namespace hv::boot
