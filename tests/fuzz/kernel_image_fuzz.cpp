// SPDX-License-Identifier: MIT
//
// libFuzzer: no bytes make the image parsers read outside, and what they accept keeps its promises.
#include "base/image/bzimage.hpp"
#include "base/image/elf_kernel.hpp"

using namespace hv::image;

namespace {

void check(Bytes elf)
{
    const auto parsed = parse_elf_kernel(elf);
    if (!parsed.ok()) return;
    const KernelImage& k = parsed.value();
    bool entry_found = false;
    for (const Segment& s : k.segments()) {
        if (!within(s.offset, s.filesz, elf.size()) || s.filesz > s.memsz) __builtin_trap();
        if (s.paddr < k.paddr_start || s.paddr + s.memsz > k.paddr_end) __builtin_trap();
        entry_found |= k.entry >= k.va_of(s.paddr) && k.entry < k.va_of(s.paddr + s.memsz);
    }
    if (!entry_found) __builtin_trap();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const Bytes file = std::as_bytes(std::span{data, size});
    check(file);
    const auto payload = find_payload(file);
    if (!payload.ok()) return 0;
    if (payload.value().bytes.size() > size || payload.value().unpacked_bytes > max_image_bytes) __builtin_trap();
    if (payload.value().format == Format::elf) check(payload.value().bytes);
    return 0;
}
