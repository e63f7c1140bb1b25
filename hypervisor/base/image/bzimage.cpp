// SPDX-License-Identifier: MIT
//
// The setup header of Linux's boot protocol, as far as finding the payload needs it. See bzimage.hpp.
#include "base/image/bzimage.hpp"

namespace hv::image {
namespace {

struct Magic {
    Format format;
    std::uint8_t length;
    std::uint8_t bytes[6];
};

constexpr Magic magics[] = {
    {Format::elf, 4, {0x7f, 'E', 'L', 'F'}},
    {Format::xz, 6, {0xfd, '7', 'z', 'X', 'Z', 0}},
    {Format::gzip, 2, {0x1f, 0x8b}},
    {Format::zstd, 4, {0x28, 0xb5, 0x2f, 0xfd}},
    {Format::lz4, 4, {0x02, 0x21, 0x4c, 0x18}},
    {Format::lzma, 3, {0x5d, 0, 0}},
    {Format::bzip2, 3, {'B', 'Z', 'h'}},
    {Format::lzo, 4, {0x89, 0x4c, 0x5a, 0x4f}},
};

// Offsets in the setup header.
constexpr std::uint64_t setup_sects_at = 0x1f1, signature_at = 0x202, version_at = 0x206, payload_offset_at = 0x248,
                        payload_length_at = 0x24c, header_end = 0x250;
constexpr std::uint32_t signature_hdrs = 0x53726448;
constexpr std::uint16_t oldest_protocol = 0x208;

Parsed<Payload> bare(Bytes file)
{
    const Format format = sniff(file);
    if (format == Format::unknown) return ImageError::unknown_format;
    if (format != Format::elf) return Payload{file, format, 0};
    if (file.size() > max_image_bytes) return ImageError::too_large;
    return Payload{file, format, static_cast<std::uint32_t>(file.size())};
}

} // namespace

Format sniff(Bytes bytes)
{
    for (const Magic& m : magics)
        if (bytes.size() >= m.length && __builtin_memcmp(bytes.data(), m.bytes, m.length) == 0) return m.format;
    return Format::unknown;
}

const char* name(Format format)
{
    constexpr const char* names[] = {"unknown", "elf", "xz", "gzip", "zstd", "lz4", "lzma", "bzip2", "lzo"};
    return names[static_cast<unsigned>(format)];
}

Parsed<Payload> find_payload(Bytes file)
{
    if (file.empty()) return ImageError::empty;
    if (sniff(file) != Format::unknown) return bare(file);
    if (file.size() < header_end) return ImageError::truncated;
    if (load<std::uint32_t>(file, signature_at) != signature_hdrs) return ImageError::unknown_format;
    if (load<std::uint16_t>(file, version_at) < oldest_protocol) return ImageError::old_protocol;

    const auto sectors = load<std::uint8_t>(file, setup_sects_at);
    const std::uint64_t start = ((sectors == 0 ? 4U : sectors) + 1U) * 512ULL;
    const std::uint64_t offset = start + load<std::uint32_t>(file, payload_offset_at);
    const std::uint64_t length = load<std::uint32_t>(file, payload_length_at);
    if (length <= sizeof(std::uint32_t)) return ImageError::payload_outside;
    if (!within(offset, length, file.size())) return ImageError::truncated;

    const Bytes whole = file.subspan(offset, length);
    const Format format = sniff(whole);
    if (format == Format::unknown) return ImageError::unknown_compression;
    if (format == Format::elf) return bare(whole);
    const std::uint64_t body = length - sizeof(std::uint32_t);
    const auto unpacked = load<std::uint32_t>(whole, body);
    if (unpacked > max_image_bytes) return ImageError::too_large;
    // gzip's own trailer is that size word; every other format has it appended behind the stream.
    return Payload{format == Format::gzip ? whole : whole.first(body), format, unpacked};
}

} // namespace hv::image
