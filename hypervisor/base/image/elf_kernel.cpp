// SPDX-License-Identifier: MIT
//
// ELF64 program headers and Xen notes. Every number of the file is hostile until checked. See elf_kernel.hpp.
#include "base/image/elf_kernel.hpp"
#include "base/units.hpp"

namespace hv::image {
namespace {

struct FileHeader {
    std::uint8_t ident[16];
    std::uint16_t type, machine;
    std::uint32_t version;
    std::uint64_t entry, phoff, shoff;
    std::uint32_t flags;
    std::uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct ProgramHeader {
    std::uint32_t type, flags;
    std::uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
struct SectionHeader {
    std::uint32_t name, type;
    std::uint64_t flags, addr, offset, filesz;
    std::uint32_t link, info;
    std::uint64_t addralign, entsize;
};
struct NoteHeader {
    std::uint32_t namesz, descsz, type;
};
static_assert(sizeof(FileHeader) == 64 && sizeof(ProgramHeader) == 56 && sizeof(SectionHeader) == 64);

constexpr std::uint32_t pt_load = 1, pt_note = 4, sht_note = 7;
constexpr std::uint64_t page_mask = page_size - 1;

// Types of notes.
constexpr std::uint32_t note_entry = 1, note_hypercall_page = 2, note_virt_base = 3, note_paddr_offset = 4,
                        note_xen_version = 5, note_loader = 8, note_features = 10, note_hv_start_low = 12,
                        note_init_p2m = 15, note_mod_start_pfn = 16, note_supported_features = 17;

/// What the notes said, before it is checked against the segments.
struct Notes {
    std::array<std::optional<std::uint64_t>, note_supported_features + 1> numbers; ///< By type.
    bool seen{false};
};

std::uint64_t aligned4(std::uint64_t n) { return (n + 3) & ~3ULL; }

std::optional<std::uint64_t> number(Bytes desc)
{
    if (desc.size() == 8) return load<std::uint64_t>(desc, 0);
    if (desc.size() == 4) return load<std::uint32_t>(desc, 0);
    return std::nullopt;
}

bool is_text(Bytes desc, const char* text)
{
    const std::size_t length = __builtin_strlen(text);
    return desc.size() >= length && __builtin_memcmp(desc.data(), text, length) == 0 &&
           (desc.size() == length || desc[length] == std::byte{0});
}

/// FEATURES is "name|!name|..."; '!' marks what the kernel cannot do without.
bool features_offered(Bytes list)
{
    while (!list.empty() && list[0] != std::byte{0}) {
        std::size_t end = 0;
        while (end < list.size() && list[end] != std::byte{'|'} && list[end] != std::byte{0})
            ++end;
        if (end != 0 && list[0] == std::byte{'!'}) {
            const Bytes feature = list.subspan(1, end - 1);
            if (!is_text(feature, "writable_page_tables") && !is_text(feature, "pae_pgdir_above_4gb")) return false;
        }
        list = list.subspan(end < list.size() && list[end] == std::byte{'|'} ? end + 1 : end);
    }
    return true;
}

const char* take_note(Notes& notes, std::uint32_t type, Bytes desc)
{
    notes.seen = true;
    if (type == note_xen_version) return is_text(desc, "xen-3.0") ? ImageError::none : ImageError::wrong_version;
    if (type == note_loader) return is_text(desc, "generic") ? ImageError::none : ImageError::wrong_version;
    if (type == note_features) return features_offered(desc) ? ImageError::none : ImageError::missing_feature;

    const bool numeric = (type >= note_entry && type <= note_paddr_offset) || type == note_hv_start_low ||
                         (type >= note_init_p2m && type <= note_supported_features);
    if (!numeric) return ImageError::none;
    notes.numbers[type] = number(desc);
    return notes.numbers[type] ? ImageError::none : ImageError::bad_note;
}

const char* read_notes(Notes& notes, Bytes area)
{
    while (area.size() >= sizeof(NoteHeader)) {
        const auto head = load<NoteHeader>(area, 0);
        const std::uint64_t desc_at = sizeof head + aligned4(head.namesz);
        if (!within(desc_at, head.descsz, area.size())) return ImageError::bad_note;
        if (head.namesz == 4 && is_text(area.subspan(sizeof head, 4), "Xen")) {
            if (const char* error = take_note(notes, head.type, area.subspan(desc_at, head.descsz))) return error;
        }
        const std::uint64_t next = desc_at + aligned4(head.descsz);
        if (next >= area.size()) break;
        area = area.subspan(next);
    }
    return ImageError::none;
}

/// Notes of every header of table (@p count entries at @p offset) whose type is @p wanted.
template <typename Header>
const char* read_table_notes(Notes& notes, Bytes elf, std::uint64_t offset, std::uint16_t count, std::uint32_t wanted)
{
    for (std::uint16_t i = 0; i < count; ++i) {
        const auto h = load<Header>(elf, offset + i * sizeof(Header));
        if (h.type != wanted) continue;
        if (!within(h.offset, h.filesz, elf.size())) return ImageError::bad_note;
        if (const char* error = read_notes(notes, elf.subspan(h.offset, h.filesz))) return error;
    }
    return ImageError::none;
}

const char* check_header(Bytes elf, FileHeader& head)
{
    if (elf.empty()) return ImageError::empty;
    if (elf.size() < sizeof head) return ImageError::truncated;
    head = load<FileHeader>(elf, 0);
    if (__builtin_memcmp(head.ident, "\177ELF", 4) != 0) return ImageError::unknown_format;
    if (head.ident[4] != 2) return ImageError::not_64bit;
    if (head.ident[5] != 1 || head.machine != 62) return ImageError::wrong_machine;
    if (head.type != 2 && head.type != 3) return ImageError::not_executable;
    if (head.phnum == 0) return ImageError::no_segments;
    if (head.phentsize != sizeof(ProgramHeader)) return ImageError::bad_header;
    if (!within(head.phoff, head.phnum * sizeof(ProgramHeader), elf.size())) return ImageError::truncated;
    return ImageError::none;
}

const char* add_segment(KernelImage& image, const ProgramHeader& ph, std::uint64_t file_size)
{
    if (image.segment_count_ == KernelImage::max_segments) return ImageError::too_many_segments;
    if (!within(ph.offset, ph.filesz, file_size)) return ImageError::segment_outside_file;
    if (ph.filesz > ph.memsz) return ImageError::segment_too_big;
    if (ph.memsz > max_image_bytes) return ImageError::too_large;
    const Segment segment{ph.paddr, ph.memsz, ph.offset, ph.filesz};
    if (segment.paddr > ~0ULL - ph.memsz - page_mask) return ImageError::address_overflow;
    const std::uint64_t end = segment.paddr + segment.memsz;
    for (const Segment& other : image.segments())
        if (segment.paddr < other.paddr + other.memsz && other.paddr < end) return ImageError::segments_overlap;
    image.segment_[image.segment_count_++] = segment;

    const std::uint64_t first = segment.paddr & ~page_mask;
    const std::uint64_t last = (end + page_mask) & ~page_mask;
    if (image.segment_count_ == 1 || first < image.paddr_start) image.paddr_start = first;
    if (last > image.paddr_end) image.paddr_end = last;
    return image.paddr_end > 2 * max_image_bytes ? ImageError::too_large : ImageError::none;
}

bool inside(const KernelImage& image, std::uint64_t va, std::uint64_t length)
{
    if (va < image.virt_base) return false;
    const std::uint64_t paddr = va - image.virt_base;
    for (const Segment& s : image.segments())
        if (paddr >= s.paddr && within(paddr - s.paddr, length, s.memsz)) return true;
    return false;
}

const char* check_addresses(const KernelImage& image)
{
    const std::uint64_t base = image.virt_base;
    if ((base & page_mask) != 0 || image.paddr_end > ~0ULL - base) return ImageError::bad_virt_base;
    const std::uint64_t first = image.va_of(image.paddr_start), last = image.va_of(image.paddr_end) - 1;
    if (!is_canonical(first) || !is_canonical(last)) return ImageError::bad_virt_base;
    if (base < PV_HYPERVISOR_VIRT_END && last >= PV_HYPERVISOR_VIRT_START) return ImageError::bad_virt_base;
    if (!inside(image, image.entry, 1)) return ImageError::entry_outside;
    if (image.hypercall_page &&
        ((*image.hypercall_page & page_mask) != 0 || !inside(image, *image.hypercall_page, page_mask + 1)))
        return ImageError::hypercall_page_outside;
    // The list needs an address of its own: not the kernel's, not the hypervisor's, and not beyond either half.
    if (const auto va = image.init_p2m;
        va && ((*va & page_mask) != 0 || !is_guest_va(*va) || (*va >= first && *va <= last)))
        return ImageError::bad_init_p2m;
    return ImageError::none;
}

const char* collect_notes(Notes& notes, Bytes elf, const FileHeader& head)
{
    const char* error = read_table_notes<ProgramHeader>(notes, elf, head.phoff, head.phnum, pt_note);
    if (error != ImageError::none || notes.seen) return error;
    if (head.shnum != 0) {
        if (head.shentsize != sizeof(SectionHeader)) return ImageError::bad_header;
        if (!within(head.shoff, head.shnum * sizeof(SectionHeader), elf.size())) return ImageError::truncated;
        error = read_table_notes<SectionHeader>(notes, elf, head.shoff, head.shnum, sht_note);
    }
    return error == ImageError::none && !notes.seen ? ImageError::no_xen_notes : error;
}

} // namespace

Parsed<KernelImage> parse_elf_kernel(Bytes elf)
{
    FileHeader head{};
    if (const char* error = check_header(elf, head)) return error;
    Notes notes;
    if (const char* error = collect_notes(notes, elf, head)) return error;

    KernelImage image{};
    image.entry = notes.numbers[note_entry].value_or(head.entry);
    image.virt_base = notes.numbers[note_virt_base].value_or(0);
    image.init_p2m = notes.numbers[note_init_p2m];
    image.hypercall_page = notes.numbers[note_hypercall_page];
    image.mod_start_pfn = notes.numbers[note_mod_start_pfn].value_or(0) != 0;
    for (std::uint16_t i = 0; i < head.phnum; ++i) {
        auto ph = load<ProgramHeader>(elf, head.phoff + i * sizeof(ProgramHeader));
        if (ph.type != pt_load || ph.memsz == 0) continue;
        if (__builtin_sub_overflow(ph.paddr, notes.numbers[note_paddr_offset].value_or(0), &ph.paddr))
            return ImageError::address_overflow;
        if (const char* error = add_segment(image, ph, elf.size())) return error;
    }
    if (image.segment_count_ == 0) return ImageError::no_segments;
    if (const char* error = check_addresses(image)) return error;
    return image;
}

} // namespace hv::image
