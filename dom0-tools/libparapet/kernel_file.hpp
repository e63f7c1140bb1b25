// SPDX-License-Identifier: MIT
//
// A kernel ready to be loaded: an unpacked ELF file behind a descriptor, and what it says about itself. Packed kernels
// are unpacked once into a cache directory and found there by their content's digest, unless they were altered;
// without a usable cache directory, or room in it, they are unpacked into memory.
#pragma once
#include "base/image/bzimage.hpp"
#include "base/image/elf_kernel.hpp"
#include "libparapet/files.hpp"

namespace parapet {

/// $PARAPET_CACHE if set (empty: no cache), else /var/cache/parapet.
std::string cache_directory();

class KernelFile {
public:
    /// Throws Error with the reason when the file is no kernel that can be started here.
    static KernelFile open(const std::string& path, const std::string& cache);

    [[nodiscard]] const hv::image::KernelImage& image() const { return image_; }
    [[nodiscard]] const char* format() const { return hv::image::name(format_); }
    [[nodiscard]] bool packed() const { return format_ != hv::image::Format::elf; }
    [[nodiscard]] bool from_cache() const { return from_cache_; }
    [[nodiscard]] bool in_cache() const { return in_cache_; } ///< Now, for the next one.
    /// Fills @p memory, the segment's range in the guest, from the file; what is not in the file is zeroed.
    void load(const hv::image::Segment& segment, std::span<std::byte> memory) const;

private:
    Descriptor elf_;
    std::uint64_t elf_offset_{0}; ///< Where the ELF file starts in it (a bzImage may carry it unpacked).
    hv::image::KernelImage image_{};
    hv::image::Format format_{};
    bool from_cache_{false}, in_cache_{false};
};

} // namespace parapet
