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

/// Why an image was refused, in words fit to follow "kernel: "; each is told from the others by its address.
struct ImageError {
    static constexpr const char* none = nullptr;
    static constexpr char empty[] = "the file is empty";
    static constexpr char unknown_format[] = "neither a Linux bzImage nor an ELF file";
    static constexpr char truncated[] = "the file is truncated";
    static constexpr char old_protocol[] = "boot protocol older than 2.08 (no payload to find)";
    static constexpr char payload_outside[] = "the bzImage has no payload";
    static constexpr char unknown_compression[] = "the payload's compression is unknown";
    static constexpr char not_64bit[] = "a 32-bit kernel (only 64-bit PV kernels run here)";
    static constexpr char wrong_machine[] = "not for x86-64";
    static constexpr char not_executable[] = "an ELF file, but not an executable";
    static constexpr char bad_header[] = "an ELF header table has a wrong entry size";
    static constexpr char no_segments[] = "no loadable segments";
    static constexpr char too_many_segments[] = "too many loadable segments";
    static constexpr char segment_outside_file[] = "a segment lies outside of the file";
    static constexpr char segment_too_big[] = "a segment has more bytes in the file than in memory";
    static constexpr char address_overflow[] = "a segment's address wraps around";
    static constexpr char segments_overlap[] = "two segments overlap";
    static constexpr char too_large[] = "absurdly large";
    static constexpr char bad_note[] = "a malformed ELF note";
    static constexpr char no_xen_notes[] = "no Xen ELF notes (not a Xen PV kernel)";
    static constexpr char wrong_version[] = "its notes ask for another interface than xen-3.0, generic";
    static constexpr char missing_feature[] = "it requires a feature that is not offered";
    static constexpr char bad_virt_base[] = "the VIRT_BASE note puts it outside of what a guest may map";
    static constexpr char entry_outside[] = "the entry point lies outside of its segments";
    static constexpr char hypercall_page_outside[] = "the hypercall page lies outside of its segments";
    static constexpr char bad_init_p2m[] = "the INIT_P2M address cannot be used";
};

/// Unpacked kernels and the memory one occupies are bounded: nothing real comes near.
inline constexpr std::uint64_t max_image_bytes = 512ULL << 20;

template <typename T> class [[nodiscard]] Parsed {
public:
    constexpr Parsed(const T& value) : value_{value} {}    // NOLINT: implicit on purpose
    constexpr Parsed(const char* error) : error_{error} {} // NOLINT: implicit on purpose
    [[nodiscard]] constexpr bool ok() const { return error_ == ImageError::none; }
    [[nodiscard]] constexpr const char* error() const { return error_; }
    [[nodiscard]] constexpr const T& value() const { return value_; }

private:
    T value_{};
    const char* error_{ImageError::none};
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
