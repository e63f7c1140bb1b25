// SPDX-License-Identifier: MIT
//
// Finds the kernel proper inside a file: the payload of a Linux bzImage (boot protocol 2.08 and later), or a
// bare ELF or compressed ELF. Reads only inside the span it is given. No state, any CPU.
#pragma once
#include "base/image/parsed.hpp"

namespace hv::image {

enum class Format : std::uint8_t { unknown, elf, xz, gzip, zstd, lz4, lzma, bzip2, lzo };

struct Payload {
    Bytes bytes; ///< The stream, without the size word that Linux appends.
    Format format;
    std::uint32_t unpacked_bytes; ///< As claimed by the file, at most max_image_bytes; 0 if not stated.
};

Format sniff(Bytes bytes);
const char* name(Format format);
Parsed<Payload> find_payload(Bytes file);

} // namespace hv::image
