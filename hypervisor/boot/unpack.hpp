// SPDX-License-Identifier: MIT
//
// Unpacks a compressed kernel with liblzma, zlib or libzstd (linked statically). Boot CPU only, before any guest runs:
// the libraries use SSE registers and a thread block at %fs, neither of which belongs to anyone yet.
#pragma once
#include "base/image/bzimage.hpp"
#include "mm/heap.hpp"

namespace hv::boot {

/// On failure logs the reason with @p name (the module's) in it. einval: damaged or unsupported; enomem: no room.
Result<mm::Array<std::byte>> unpack(const image::Payload& payload, const char* name);

} // namespace hv::boot
