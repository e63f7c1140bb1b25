// SPDX-License-Identifier: MIT
//
// Descriptor tables: only code and data segments that cannot leave ring 3 (SDM vol. 3, 3.4.5). Absent descriptors may
// hold anything; everything present is forced to DPL 3 in place. Gates and system descriptors are refused.
#include "mm/segdesc.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm {

/// In bit 0, and without branches, as 8192 are looked at in one go: present, and a gate or system descriptor, or code
/// of both 64 and 32 bits.
static constexpr std::uint64_t is_harmful(std::uint64_t d)
{
    return d >> 47 & (~d >> 44 | (d >> 43 & d >> 53 & d >> 54));
}
static constexpr std::uint64_t in_ring_3(std::uint64_t d)
{
    return d | (d >> 1 & 1ULL << 46) | (d >> 2 & 1ULL << 45); // DPL 3, if it is present
}

Result<std::uint64_t> harmless_descriptor(std::uint64_t d)
{
    if ((is_harmful(d) & 1) != 0) return Error::einval;
    return in_ring_3(d);
}

Result<> validate_descriptors(Mfn m)
{
    const FrameWindow<std::uint64_t> w{m};
    std::uint64_t harmful = 0;
    for (const std::uint64_t d : w.span())
        harmful |= is_harmful(d);
    if ((harmful & 1) != 0) return Error::einval;
    for (std::uint64_t& d : w.span())
        d = in_ring_3(d);
    return Ok{};
}

Result<> write_descriptor(Maddr at, std::uint64_t descriptor, MemoryOwner& owner)
{
    if (at.raw() % 8 != 0) return Error::einval;
    const Mfn m = mfn_of(at);
    const std::uint64_t checked = TRY(harmless_descriptor(descriptor));
    Work work;
    const PageType type = m < frame_table_end() ? frame(m).current().type : PageType::none;
    const bool typed = type == PageType::segment_descriptors && frame(m).current().count != 0;
    const PageType want = typed ? PageType::segment_descriptors : PageType::writable;
    TRY(get_type(m, want, owner, work));
    const bool allowed = !is_shared(frame(m));
    if (allowed) {
        const FrameWindow<std::uint64_t> w{m};
        __atomic_store_n(&w[at.raw() % page_size / 8], checked, __ATOMIC_RELEASE);
    }
    drop_type(m, work);
    if (!allowed) return Error::einval;
    return Ok{};
}

} // namespace hv::mm
