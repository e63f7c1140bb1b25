// SPDX-License-Identifier: MIT
//
// Unpacks a compressed kernel with liblzma, zlib or libzstd (linked statically). Boot CPU only, before any guest runs:
// the libraries use SSE registers and a thread block at %fs, neither of which belongs to anyone yet.
#pragma once
#include "base/image/bzimage.hpp"
#include "mm/heap.hpp"

namespace hv::boot {

/// Null, or why there is nothing in @p out.
const char* unpack(const image::Payload& payload, mm::Array<std::byte>& out);

} // namespace hv::boot
