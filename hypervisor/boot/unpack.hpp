// SPDX-License-Identifier: MIT
//
// Unpacks a compressed kernel with liblzma, zlib or libzstd (linked statically). Boot CPU only, before any guest runs:
// the libraries use SSE registers and a thread block at %fs, neither of which belongs to anyone yet.
#pragma once
#include "base/image/bzimage.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace hv::boot {

/// Frames of unpacked bytes; given back with the object.
class Unpacked {
public:
    Unpacked(Mfn first, std::size_t bytes) : first_{first}, bytes_{bytes} {}
    Unpacked(Unpacked&& o) noexcept : first_{o.first_}, bytes_{o.bytes_} { o.bytes_ = 0; }
    Unpacked& operator=(Unpacked&&) = delete;
    ~Unpacked();
    [[nodiscard]] image::Bytes bytes() const;

private:
    Mfn first_;
    std::size_t bytes_;
};

/// On failure logs the reason with @p name (the module's) in it. einval: damaged or unsupported; enomem: no room.
Result<Unpacked> unpack(const image::Payload& payload, const char* name);

} // namespace hv::boot
