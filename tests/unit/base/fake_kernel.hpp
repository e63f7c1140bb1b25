// SPDX-License-Identifier: MIT
//
// Builds small ELF kernels with Xen notes in memory, sound by default, so that a test can break one thing at
// a time.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace hv::image::test {

struct FakeSegment {
    std::uint64_t paddr, filesz, memsz;
    std::uint64_t vaddr{0};
};

struct FakeNote {
    std::uint32_t type;
    std::vector<std::uint8_t> desc;
};

inline FakeNote number_note(std::uint32_t type, std::uint64_t value)
{
    FakeNote note{type, std::vector<std::uint8_t>(8)};
    std::memcpy(note.desc.data(), &value, 8);
    return note;
}

inline FakeNote text_note(std::uint32_t type, const std::string& text)
{
    FakeNote note{type, {text.begin(), text.end()}};
    note.desc.push_back(0);
    return note;
}

class FakeKernel {
public:
    static constexpr std::uint64_t base = 0xffffffff80000000;

    std::vector<FakeSegment> segments{{0x1000000, 0x100, 0x3000}, {0x1003000, 0x80, 0x1000}};
    std::vector<FakeNote> notes{number_note(1, base + 0x1000010),
                                number_note(3, base),
                                number_note(4, 0),
                                text_note(5, "xen-3.0"),
                                text_note(6, "linux"),
                                text_note(8, "generic"),
                                text_note(10, "!writable_page_tables|pae_pgdir_above_4gb"),
                                number_note(15, 0x8000000000),
                                number_note(16, 1),
                                number_note(17, 0x8801)};
    bool notes_as_section{false};

    [[nodiscard]] std::vector<std::uint8_t> build() const
    {
        std::vector<std::uint8_t> out(64);
        const std::uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
        std::memcpy(out.data(), ident, 16);
        put(out, 16, std::uint16_t{2});
        put(out, 18, std::uint16_t{62});
        put(out, 24, std::uint64_t{0x1000000});
        put(out, 32, std::uint64_t{64});
        put(out, 54, std::uint16_t{56});
        const std::size_t headers = segments.size() + (notes_as_section ? 0 : 1);
        put(out, 56, static_cast<std::uint16_t>(headers));
        out.resize(64 + 56 * headers);
        std::size_t at = 64;
        for (const auto& s : segments) {
            header(out, at, 1, out.size(), s);
            for (std::uint64_t i = 0; i < s.filesz && i < 0x10000; ++i)
                out.push_back(0xc0 + (i & 15));
            at += 56;
        }
        while (out.size() % 4 != 0)
            out.push_back(0);
        const std::vector<std::uint8_t> area = note_area();
        if (notes_as_section)
            section(out, area);
        else
            header(out, at, 4, out.size(), {0, area.size(), area.size()});
        if (!notes_as_section) out.insert(out.end(), area.begin(), area.end());
        return out;
    }

private:
    template <typename T> static void put(std::vector<std::uint8_t>& out, std::size_t at, T value)
    {
        std::memcpy(out.data() + at, &value, sizeof value);
    }
    static void header(std::vector<std::uint8_t>& out, std::size_t at, std::uint32_t type, std::uint64_t offset,
                       const FakeSegment& s)
    {
        put(out, at, type);
        put(out, at + 8, offset);
        put(out, at + 16, s.vaddr);
        put(out, at + 24, s.paddr);
        put(out, at + 32, s.filesz);
        put(out, at + 40, s.memsz);
    }
    static void section(std::vector<std::uint8_t>& out, const std::vector<std::uint8_t>& area)
    {
        const std::uint64_t area_at = out.size();
        out.insert(out.end(), area.begin(), area.end());
        const std::uint64_t table = out.size();
        out.resize(table + 64);
        put(out, table + 4, std::uint32_t{7});
        put(out, table + 24, area_at);
        put(out, table + 32, std::uint64_t{area.size()});
        put(out, 40, table);
        put(out, 58, std::uint16_t{64});
        put(out, 60, std::uint16_t{1});
    }
    [[nodiscard]] std::vector<std::uint8_t> note_area() const
    {
        std::vector<std::uint8_t> area;
        for (const auto& n : notes) {
            const std::size_t at = area.size();
            area.resize(at + 16 + (n.desc.size() + 3) / 4 * 4);
            put(area, at, std::uint32_t{4});
            put(area, at + 4, static_cast<std::uint32_t>(n.desc.size()));
            put(area, at + 8, n.type);
            std::memcpy(area.data() + at + 12, "Xen", 4);
            if (!n.desc.empty()) std::memcpy(area.data() + at + 16, n.desc.data(), n.desc.size());
        }
        return area;
    }
};

inline std::span<const std::byte> bytes_of(const std::vector<std::uint8_t>& v) { return std::as_bytes(std::span{v}); }

} // namespace hv::image::test
