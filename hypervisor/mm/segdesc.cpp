// SPDX-License-Identifier: MIT
//
// Descriptor tables: only code and data segments that cannot leave ring 3 (SDM vol. 3, 3.4.5). Absent descriptors may
// hold anything; everything present is forced to DPL 3 in place. Gates and system descriptors are refused.
#include "mm/segdesc.hpp"
#include "mm/types.hpp"
#include "mm/window.hpp"

namespace hv::mm {

static constexpr std::uint64_t present = 1ULL << 47;

Result<std::uint64_t> harmless_descriptor(std::uint64_t d)
{
    constexpr std::uint64_t not_system = 1ULL << 44, dpl = 3ULL << 45, code = 1ULL << 43;
    constexpr std::uint64_t long_mode = 1ULL << 53, size32 = 1ULL << 54;
    if ((d & present) == 0) return d;
    if ((d & not_system) == 0) return Error::einval;
    if ((d & code) != 0 && (d & long_mode) != 0 && (d & size32) != 0) return Error::einval;
    return d | dpl;
}

Result<> validate_descriptors(Mfn m)
{
    const FrameWindow<std::uint64_t> w{m};
    std::uint64_t bad = 0; // bit 0; without branches: sixteen pages are validated in one go
    for (const std::uint64_t d : w.span())
        bad |= d >> 47 & (~d >> 44 | (d >> 43 & d >> 53 & d >> 54));
    if ((bad & 1) != 0) return Error::einval;
    for (std::uint64_t& d : w.span())
        d |= (d & present) >> 1 | (d & present) >> 2;
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
