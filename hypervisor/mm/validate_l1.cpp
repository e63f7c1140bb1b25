// SPDX-License-Identifier: MIT
//
// Level 1: an entry maps a frame. A writable mapping holds a writable reference, a read-only one a plain reference,
// so that a page table can be mapped by its guest but never written. Frames that are not RAM are the hardware
// domain's to map, and have no counts.
#include "arch/arch.hpp"
#include "mm/level1.hpp"

namespace hv::mm {

static Atomic<std::uint64_t> foreign; ///< Entries that map another domain's frame.

Result<std::uint64_t> adjust_l1(std::uint64_t entry, Owners owners)
{
    const Mfn m = pte::frame_of(entry);
    entry = (entry | pte::user) & ~pte::global;
    if (!is_ram(m)) {
        if (!owners.table.hardware_domain() || arch::is_private_device_frame(m)) return Error::eperm;
        if (m.raw() >> (arch::cpu_features().physical_bits - page_shift) != 0) return Error::einval;
        return entry;
    }
    if ((entry & pte::memory_type) == 0) return entry;
    // RAM is always write-back: what the caches hold is what validation reads. A driver that asks for less gets it
    // where DMA is coherent anyway, an unprivileged guest has no such driver.
    if (!owners.table.hardware_domain()) return Error::einval;
    return entry & ~pte::memory_type;
}

[[gnu::noinline]] Result<std::uint64_t> take_l1(std::uint64_t entry, Owners owners, Work& work)
{
    const std::uint64_t adjusted = TRY(adjust_l1(entry, owners));
    const Mfn m = pte::frame_of(adjusted);
    if (!is_ram(m)) return adjusted;
    const Result<> taken =
        pte::is_writable(adjusted) ? get_type(m, PageType::writable, owners.frame, work) : take_page(m, owners.frame);
    if (!taken.ok()) return Error::ebusy; // the ABI's answer to a wrong owner and to a wrong type alike
    if (owners.frame.id() != owners.table.id()) foreign.fetch_add(1, Order::relaxed);
    return adjusted;
}

[[gnu::noinline]] void untake_l1(std::uint64_t entry)
{
    const Mfn m = pte::frame_of(entry);
    pte::is_writable(entry) ? drop_type(m) : drop_page(m);
}

[[gnu::noinline]] void drop_l1(std::uint64_t entry, const MemoryOwner& mapper)
{
    const Mfn m = pte::frame_of(entry);
    if (!is_ram(m)) return;
    if (owner_of(frame(m)) != mapper.id()) foreign.fetch_sub(1, Order::relaxed);
    note_mapping_gone(m, mapper);
    untake_l1(entry);
}

std::uint64_t foreign_mappings() { return foreign.load(Order::relaxed); }

} // namespace hv::mm
