// SPDX-License-Identifier: MIT
//
// Every reason for which a boot image is refused, one broken thing at a time, and the sound ones in between.
#include "base/image/bzimage.hpp"
#include "base/image/elf_kernel.hpp"
#include "tests/unit/base/fake_kernel.hpp"
#include <gtest/gtest.h>

using namespace hv::image;
using namespace hv::image::test;

namespace {

const char* parse(const FakeKernel& kernel)
{
    const auto file = kernel.build();
    return parse_elf_kernel(bytes_of(file)).error();
}

const char* parse_patched(std::size_t at, std::uint64_t value, std::size_t width)
{
    auto file = FakeKernel{}.build();
    std::memcpy(file.data() + at, &value, width);
    return parse_elf_kernel(bytes_of(file)).error();
}

/// A bzImage whose payload is @p payload and the size word, with its setup header at the usual places.
std::vector<std::uint8_t> bzimage(std::vector<std::uint8_t> payload, std::uint32_t unpacked)
{
    std::vector<std::uint8_t> file(0x600);
    file[0x1f1] = 1;
    std::memcpy(file.data() + 0x202, "HdrS", 4);
    file[0x206] = 0x0f;
    file[0x207] = 0x02;
    const std::uint32_t offset = 0x200;
    const auto length = static_cast<std::uint32_t>(payload.size() + 4);
    std::memcpy(file.data() + 0x248, &offset, 4);
    std::memcpy(file.data() + 0x24c, &length, 4);
    file.insert(file.end(), payload.begin(), payload.end());
    const auto* word = reinterpret_cast<const std::uint8_t*>(&unpacked);
    file.insert(file.end(), word, word + 4);
    return file;
}

const std::vector<std::uint8_t> xz_start{0xfd, '7', 'z', 'X', 'Z', 0, 1, 2, 3};

} // namespace

TEST(Bzimage, FindsPayloadWithoutItsSizeWord)
{
    const auto file = bzimage(xz_start, 12345); // payload at (1 + 1) * 512 + 0x200
    const auto found = find_payload(bytes_of(file));
    ASSERT_TRUE(found.ok()) << found.error();
    EXPECT_EQ(found.value().format, Format::xz);
    EXPECT_EQ(found.value().bytes.size(), xz_start.size());
    EXPECT_EQ(found.value().unpacked_bytes, 12345U);
    EXPECT_EQ(std::to_integer<int>(found.value().bytes[8]), 3);
}

TEST(Bzimage, KeepsGzipTrailerBecauseItIsTheSizeWord)
{
    const auto file = bzimage({0x1f, 0x8b, 8, 0, 0}, 777);
    const auto found = find_payload(bytes_of(file));
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found.value().format, Format::gzip);
    EXPECT_EQ(found.value().bytes.size(), 9U);
    EXPECT_EQ(found.value().unpacked_bytes, 777U);
}

TEST(Bzimage, SniffsEveryFormat)
{
    const auto is = [](std::vector<std::uint8_t> v) { return sniff(bytes_of(v)); };
    EXPECT_EQ(is({0x7f, 'E', 'L', 'F'}), Format::elf);
    EXPECT_EQ(is({0xfd, '7', 'z', 'X', 'Z', 0}), Format::xz);
    EXPECT_EQ(is({0x1f, 0x8b}), Format::gzip);
    EXPECT_EQ(is({0x28, 0xb5, 0x2f, 0xfd}), Format::zstd);
    EXPECT_EQ(is({0x02, 0x21, 0x4c, 0x18}), Format::lz4);
    EXPECT_EQ(is({0x5d, 0, 0, 0x80}), Format::lzma);
    EXPECT_EQ(is({'B', 'Z', 'h'}), Format::bzip2);
    EXPECT_EQ(is({0x89, 0x4c, 0x5a, 0x4f}), Format::lzo);
    EXPECT_EQ(is({0x1f}), Format::unknown);
    EXPECT_STREQ(name(Format::lzo), "lzo");
    EXPECT_STREQ(name(Format::unknown), "unknown");
}

TEST(Bzimage, RefusesWhatIsNoKernel)
{
    const auto error = [](const std::vector<std::uint8_t>& v) { return find_payload(bytes_of(v)).error(); };
    EXPECT_EQ(error({}), ImageError::empty);
    EXPECT_EQ(error({1, 2, 3}), ImageError::truncated);
    EXPECT_EQ(error(std::vector<std::uint8_t>(4096)), ImageError::unknown_format);

    auto file = bzimage(xz_start, 1);
    file[0x206] = 7;
    EXPECT_EQ(error(file), ImageError::old_protocol);
    file = bzimage(xz_start, 1);
    file.pop_back();
    EXPECT_EQ(error(file), ImageError::truncated);
    file = bzimage(xz_start, 1);
    file[0x24b] = 0xff; // payload_offset near 4 GiB
    EXPECT_EQ(error(file), ImageError::truncated);
    EXPECT_EQ(error(bzimage({}, 1)), ImageError::payload_outside);
    EXPECT_EQ(error(bzimage({1, 2, 3, 4, 5, 6, 7}, 1)), ImageError::unknown_compression);
    EXPECT_EQ(error(bzimage(xz_start, 0xffffffff)), ImageError::too_large);
}

TEST(ElfKernel, ReadsNotesAndSegments)
{
    const auto file = FakeKernel{}.build();
    const auto parsed = parse_elf_kernel(bytes_of(file));
    ASSERT_TRUE(parsed.ok()) << parsed.error();
    const KernelImage& k = parsed.value();
    EXPECT_EQ(k.entry, FakeKernel::base + 0x1000010);
    EXPECT_EQ(k.virt_base, FakeKernel::base);
    EXPECT_EQ(k.init_p2m, 0x8000000000U);
    EXPECT_TRUE(k.mod_start_pfn);
    EXPECT_FALSE(k.hypercall_page.has_value());
    EXPECT_EQ(k.paddr_start, 0x1000000U);
    EXPECT_EQ(k.paddr_end, 0x1004000U);
    ASSERT_EQ(k.segments().size(), 2U);
    EXPECT_EQ(k.segments()[1].paddr, 0x1003000U);
    EXPECT_EQ(k.segments()[1].filesz, 0x80U);
    EXPECT_EQ(std::to_integer<int>(bytes_of(file)[k.segments()[1].offset]), 0xc0);
}

TEST(ElfKernel, ReadsNotesFromSections)
{
    FakeKernel kernel;
    kernel.notes_as_section = true;
    EXPECT_EQ(parse(kernel), ImageError::none);
}

TEST(ElfKernel, PaddrOffsetIsTakenOff)
{
    FakeKernel kernel;
    for (auto& s : kernel.segments)
        s.paddr += 0x40000000;
    kernel.notes[2] = number_note(4, 0x40000000);
    const auto file = kernel.build();
    const auto parsed = parse_elf_kernel(bytes_of(file));
    ASSERT_TRUE(parsed.ok()) << parsed.error();
    EXPECT_EQ(parsed.value().paddr_start, 0x1000000U);
    kernel.notes[2] = number_note(4, 0x50000000);
    EXPECT_EQ(parse(kernel), ImageError::address_overflow);
}

TEST(ElfKernel, RefusesBadHeaders)
{
    EXPECT_EQ(parse_elf_kernel({}).error(), ImageError::empty);
    const std::vector<std::uint8_t> tiny{0x7f, 'E', 'L', 'F'};
    EXPECT_EQ(parse_elf_kernel(bytes_of(tiny)).error(), ImageError::truncated);
    EXPECT_EQ(parse_patched(0, 0, 1), ImageError::unknown_format);
    EXPECT_EQ(parse_patched(4, 1, 1), ImageError::not_64bit);
    EXPECT_EQ(parse_patched(5, 2, 1), ImageError::wrong_machine);
    EXPECT_EQ(parse_patched(18, 3, 2), ImageError::wrong_machine);
    EXPECT_EQ(parse_patched(16, 1, 2), ImageError::not_executable);
    EXPECT_EQ(parse_patched(54, 32, 2), ImageError::bad_header);
    EXPECT_EQ(parse_patched(56, 0, 2), ImageError::no_segments);
    EXPECT_EQ(parse_patched(56, 0xffff, 2), ImageError::truncated);
    EXPECT_EQ(parse_patched(32, ~0ULL, 8), ImageError::truncated);
}

TEST(ElfKernel, RefusesBadSegments)
{
    FakeKernel kernel;
    kernel.segments[1] = {0x1002fff, 0x10, 0x10};
    EXPECT_EQ(parse(kernel), ImageError::segments_overlap);
    kernel.segments[1] = {0x1003000, 0x20, 0x10};
    EXPECT_EQ(parse(kernel), ImageError::segment_too_big);
    kernel.segments[1] = {0x1003000, 0x10, max_image_bytes + 1};
    EXPECT_EQ(parse(kernel), ImageError::too_large);
    kernel.segments[1] = {0x4000000000, 0x10, 0x1000};
    EXPECT_EQ(parse(kernel), ImageError::too_large);
    kernel.segments[1] = {~0ULL - 0x800, 0x10, 0x1000};
    EXPECT_EQ(parse(kernel), ImageError::address_overflow);
    kernel.segments[1] = {0x1003000, 0x20000, 0x20000}; // the builder stops at 64 KiB
    EXPECT_EQ(parse(kernel), ImageError::segment_outside_file);
    kernel.segments.clear();
    EXPECT_EQ(parse(kernel), ImageError::no_segments);
    for (std::uint64_t i = 0; i <= KernelImage::max_segments; ++i)
        kernel.segments.push_back({0x1000000 + i * 0x1000, 0, 0x1000});
    EXPECT_EQ(parse(kernel), ImageError::too_many_segments);
}

TEST(ElfKernel, RefusesBadNotes)
{
    FakeKernel kernel;
    kernel.notes.clear();
    EXPECT_EQ(parse(kernel), ImageError::no_xen_notes);
    kernel = {};
    kernel.notes[3] = text_note(5, "xen-4.0");
    EXPECT_EQ(parse(kernel), ImageError::wrong_version);
    kernel = {};
    kernel.notes[6] = text_note(10, "pae_pgdir_above_4gb|!supervisor_mode_kernel");
    EXPECT_EQ(parse(kernel), ImageError::missing_feature);
    kernel = {};
    kernel.notes[0] = {1, {1, 2, 3}};
    EXPECT_EQ(parse(kernel), ImageError::bad_note);
}

TEST(ElfKernel, RefusesNoteThatRunsOut)
{
    auto file = FakeKernel{}.build();
    const std::uint32_t huge = 0xfffffff0;
    const std::uint64_t notes = [&] {
        std::uint64_t at = 0;
        std::memcpy(&at, file.data() + 64 + 2 * 56 + 8, 8);
        return at;
    }();
    std::memcpy(file.data() + notes + 4, &huge, 4);
    EXPECT_EQ(parse_elf_kernel(bytes_of(file)).error(), ImageError::bad_note);
    file = FakeKernel{}.build();
    std::memcpy(file.data() + notes, &huge, 4);
    EXPECT_EQ(parse_elf_kernel(bytes_of(file)).error(), ImageError::bad_note);
}

TEST(ElfKernel, RefusesBadAddresses)
{
    const auto with = [](std::size_t note, std::uint32_t type, std::uint64_t value) {
        FakeKernel kernel;
        kernel.notes[note] = number_note(type, value);
        return parse(kernel);
    };
    EXPECT_EQ(with(0, 1, FakeKernel::base + 0x1004000), ImageError::entry_outside);
    EXPECT_EQ(with(0, 1, 0x1000000), ImageError::entry_outside);
    EXPECT_EQ(with(1, 3, FakeKernel::base + 0x10), ImageError::bad_virt_base);
    EXPECT_EQ(with(1, 3, 0xffff800000000000), ImageError::bad_virt_base);
    EXPECT_EQ(with(1, 3, 0x800000000000), ImageError::bad_virt_base);
    EXPECT_EQ(with(1, 3, ~0xfffULL), ImageError::bad_virt_base);
    EXPECT_EQ(with(7, 15, 0x8000000001), ImageError::bad_init_p2m);
    EXPECT_EQ(with(7, 15, 0xffff800000000000), ImageError::bad_init_p2m);
    EXPECT_EQ(with(7, 15, FakeKernel::base + 0x1001000), ImageError::bad_init_p2m);
    EXPECT_EQ(with(8, 2, FakeKernel::base + 0x1001000), ImageError::none);
    EXPECT_EQ(with(8, 2, FakeKernel::base + 0x1001008), ImageError::hypercall_page_outside);
    EXPECT_EQ(with(8, 2, FakeKernel::base + 0x1004000), ImageError::hypercall_page_outside);
}

TEST(ElfKernel, EveryTruncationIsRefusedOrSound)
{
    const auto whole = FakeKernel{}.build();
    for (std::size_t n = 0; n < whole.size(); ++n) {
        const std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
        EXPECT_FALSE(parse_elf_kernel(bytes_of(cut)).ok()) << n;
    }
}
