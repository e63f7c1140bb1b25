// SPDX-License-Identifier: MIT
//
// What a parser of boot images hands back: a value, or the one reason why the image was refused.
// No state, no allocation, any CPU; the same code runs in the hypervisor and in the tools.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace hv::image {

using Bytes = std::span<const std::byte>;

enum class ImageError : std::uint8_t {
    none,
    empty,
    unknown_format,
    truncated,
    old_protocol,
    payload_outside,
    unknown_compression,
    not_64bit,
    wrong_machine,
    not_executable,
    bad_header,
    no_segments,
    too_many_segments,
    segment_outside_file,
    segment_too_big,
    address_overflow,
    segments_overlap,
    too_large,
    bad_note,
    no_xen_notes,
    wrong_version,
    missing_feature,
    bad_virt_base,
    entry_outside,
    hypercall_page_outside,
    bad_init_p2m,
};

/// The reason in words, fit to follow "kernel: ".
const char* describe(ImageError error);

/// Unpacked kernels and the memory one occupies are bounded: nothing real comes near.
inline constexpr std::uint64_t max_image_bytes = 512ULL << 20;

template <typename T> class [[nodiscard]] Parsed {
public:
    constexpr Parsed(const T& value) : value_{value} {}   // NOLINT: implicit on purpose
    constexpr Parsed(ImageError error) : error_{error} {} // NOLINT: implicit on purpose
    [[nodiscard]] constexpr bool ok() const { return error_ == ImageError::none; }
    [[nodiscard]] constexpr ImageError error() const { return error_; }
    [[nodiscard]] constexpr const T& value() const { return value_; }

private:
    T value_{};
    ImageError error_{ImageError::none};
};

/// True when [offset, offset + length) lies within @p size, with no overflow.
constexpr bool within(std::uint64_t offset, std::uint64_t length, std::uint64_t size)
{
    return offset <= size && length <= size - offset;
}

/// Read a little-endian T; the caller has checked the bounds with within().
template <typename T> T load(Bytes bytes, std::uint64_t offset)
{
    T value{};
    __builtin_memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

} // namespace hv::image
