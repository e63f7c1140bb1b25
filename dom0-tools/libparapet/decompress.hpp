// SPDX-License-Identifier: MIT
//
// Unpacks a kernel's payload in pieces, so that it never lies in memory whole. A payload is hostile: output beyond
// what it claims, or beyond the limit on kernels, is an Error, as is a stream that ends early.
#pragma once
#include "base/image/bzimage.hpp"
#include <functional>

namespace parapet {

using Sink = std::function<void(std::span<const std::byte>)>;

/// Feeds the unpacked bytes to @p sink in order and returns their number.
std::uint64_t decompress(const hv::image::Payload& payload, const Sink& sink);

} // namespace parapet
