// SPDX-License-Identifier: MIT
//
// See domain_memory.hpp.
#include "libparapet/domain_memory.hpp"
#include "libparapet/interrupt.hpp"
#include <algorithm>
#include <numeric>

namespace parapet {
namespace {

constexpr unsigned large_order = 9;
constexpr std::uint64_t large_pages = 1ULL << large_order;
constexpr std::uint64_t large_batch = 16; // 32 MiB: while one call lasts, domain 0 may not schedule
constexpr std::uint64_t small_batch = 4096;
constexpr std::uint64_t window_pages = 4096; // mapped at a time while a file is copied in

/// A claim keeps others from the memory while it is populated; it must not stay behind.
class Claim {
public:
    Claim(Hypervisor& hypervisor, DomainId domain, std::uint64_t pages)
        : hypervisor_{hypervisor}, domain_{domain}, held_{hypervisor.claim(domain, pages)}
    {
    }
    ~Claim()
    {
        try {
            if (held_) hypervisor_.claim(domain_, 0);
        } catch (const Error&) { // a claim that cannot be returned dies with its domain
        }
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

private:
    Hypervisor& hypervisor_;
    DomainId domain_;
    bool held_;
};

} // namespace

void DomainMemory::populate(std::uint64_t pages)
{
    const Claim claim{hypervisor_, domain_, pages};
    p2m_.resize(pages);
    for (std::uint64_t at = 0; at < pages;) {
        check_interrupt();
        const std::uint64_t large_end = std::min(at + large_batch * large_pages, pages) & ~(large_pages - 1);
        const std::uint64_t end = large_end > at ? large_end : pages;
        if (large_end > at)
            populate_large(at, end);
        else
            populate_small(at, end);
        at = end;
    }
}

void DomainMemory::populate_large(std::uint64_t first, std::uint64_t end)
{
    std::vector<std::uint64_t> extents;
    for (std::uint64_t pfn = first; pfn < end; pfn += large_pages)
        extents.push_back(pfn);
    const std::uint64_t done = hypervisor_.populate(domain_, extents, large_order);
    for (std::uint64_t i = 0; i < done; ++i) {
        const auto at = p2m_.begin() + static_cast<std::ptrdiff_t>(first + i * large_pages);
        std::iota(at, at + large_pages, extents[i]);
    }
    populate_small(first + done * large_pages, end);
}

void DomainMemory::populate_small(std::uint64_t first, std::uint64_t end)
{
    while (first < end) {
        const std::span<std::uint64_t> part{p2m_.data() + first, std::min(end - first, small_batch)};
        std::iota(part.begin(), part.end(), first);
        const std::uint64_t done = hypervisor_.populate(domain_, part, 0);
        if (done != part.size())
            throw Error{fmt::format("the hypervisor ran out of memory after {} of {} MiB", (first + done) / 256,
                                    p2m_.size() / 256),
                        ENOMEM};
        first += part.size();
    }
}

ForeignMapping DomainMemory::map(const Region& region) const
{
    return {foreign_, domain_, std::span{p2m_}.subspan(region.first, region.count)};
}

void DomainMemory::load_kernel(const KernelFile& kernel) const
{
    for (const auto& segment : kernel.image().segments()) {
        const std::uint64_t first = segment.paddr / page_bytes;
        const std::uint64_t offset = segment.paddr % page_bytes;
        const std::uint64_t bytes = zeroed_ ? segment.filesz : segment.memsz;
        if (bytes == 0) continue;
        const ForeignMapping mapping = map({first, (offset + bytes + page_bytes - 1) / page_bytes});
        kernel.load(segment, mapping.bytes().subspan(offset, bytes));
    }
}

void DomainMemory::load_initrd(const Layout& layout, const Descriptor& initrd) const
{
    for (std::uint64_t done = 0; done < layout.initrd_bytes;) {
        check_interrupt();
        const std::uint64_t bytes = std::min(window_pages * page_bytes, layout.initrd_bytes - done);
        const std::uint64_t pages = (bytes + page_bytes - 1) / page_bytes;
        const ForeignMapping mapping = map({layout.initrd.first + done / page_bytes, pages});
        read_at(initrd.get(), mapping.bytes().first(bytes), done);
        const auto rest = mapping.bytes().subspan(bytes);
        if (!rest.empty()) std::memset(rest.data(), 0, rest.size());
        done += bytes;
    }
}

void DomainMemory::write_boot_frames(const Layout& layout, const pv_start_info& info) const
{
    const Region list{layout.p2m.first, layout.p2m.count + layout.p2m_tables.count};
    std::vector<std::uint64_t> frames{mfn(layout.start_info.first)};
    if (!zeroed_) frames.insert(frames.end(), {mfn(layout.xenstore.first), mfn(layout.console.first)});
    const std::uint64_t singles = frames.size();
    for (const Region& region : {layout.page_tables, list})
        for (std::uint64_t pfn = region.first; pfn < region.end(); ++pfn)
            frames.push_back(mfn(pfn));

    const ForeignMapping mapping{foreign_, domain_, frames}; // all at once: each mapping has its price
    const FrameAccess frame = [&](std::uint64_t pfn) {
        const bool listed = pfn >= list.first && pfn < list.end();
        const std::uint64_t at =
            listed ? layout.page_tables.count + (pfn - list.first) : pfn - layout.page_tables.first;
        return reinterpret_cast<std::uint64_t*>(mapping.bytes().subspan((singles + at) * page_bytes).data());
    };
    std::memset(mapping.bytes().data(), 0, singles * page_bytes);
    std::memcpy(mapping.bytes().data(), &info, sizeof info);
    write_tables(layout, p2m_, frame);
    write_p2m(layout, p2m_, frame);
}

} // namespace parapet
