// SPDX-License-Identifier: MIT
//
// Unpacks a compressed kernel with liblzma, zlib or libzstd (linked statically). Boot CPU only, before any guest runs:
// the libraries use SSE registers and a thread block at %fs, neither of which belongs to anyone yet.
#pragma once
#include "base/image/bzimage.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace hv::boot {

/// Frames of the boot code's own; given back with the object.
class Frames {
public:
    static Result<Frames> create(std::uint64_t bytes);
    Frames(Frames&& o) noexcept : bytes_{std::exchange(o.bytes_, {})} {}
    Frames& operator=(Frames&&) = delete;
    ~Frames();
    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
    void cut(std::size_t bytes) { bytes_ = bytes_.first(bytes); } ///< Of those that bytes() shows; not to none.

private:
    explicit Frames(std::span<std::byte> bytes) : bytes_{bytes} {}
    std::span<std::byte> bytes_;
};

/// On failure logs the reason with @p name (the module's) in it. einval: damaged or unsupported; enomem: no room.
Result<Frames> unpack(const image::Payload& payload, const char* name);

} // namespace hv::boot
