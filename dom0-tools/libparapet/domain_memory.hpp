// SPDX-License-Identifier: MIT
//
// A new domain's memory: populated in large extents where the machine has them, then filled through mappings that are
// all gone when load() returns, so that the page tables can be pinned.
#pragma once
#include "libparapet/foreign.hpp"
#include "libparapet/kernel_file.hpp"
#include "libparapet/layout.hpp"

namespace parapet {

class DomainMemory {
public:
    DomainMemory(Hypervisor& hypervisor, const ForeignMemory& foreign, DomainId domain)
        : hypervisor_{hypervisor}, foreign_{foreign}, domain_{domain}, zeroed_{hypervisor.gives_zeroed_memory()}
    {
    }

    /// Claims and populates frames [0, pages).
    void populate(std::uint64_t pages);
    void load_kernel(const KernelFile& kernel) const;
    void load_initrd(const Layout& layout, const Descriptor& initrd) const;
    /// Page tables, p2m list, start_info, and clean console and xenstore frames.
    void write_boot_frames(const Layout& layout, const pv_start_info& info) const;

    [[nodiscard]] std::uint64_t mfn(std::uint64_t pfn) const { return p2m_.at(pfn); }

private:
    [[nodiscard]] ForeignMapping map(const Region& region) const;
    void populate_large(std::uint64_t first, std::uint64_t end);
    void populate_small(std::uint64_t first, std::uint64_t end);

    Hypervisor& hypervisor_;
    const ForeignMemory& foreign_;
    DomainId domain_;
    bool zeroed_; ///< What is populated is clear, and need not be mapped to be cleared.
    std::vector<std::uint64_t> p2m_;
};

} // namespace parapet
