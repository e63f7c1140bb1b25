// SPDX-License-Identifier: MIT
//
// GDT and LDT of a vCPU: every page is held as a descriptor page for as long as it is in use, so that the guest
// cannot write it and its contents stay validated. Runs on the vCPU's CPU, or while it is not loaded.
#include "guest/vcpu_state.hpp"
#include "mm/update.hpp"
#include "mm/window.hpp"

namespace hv::guest {

static constexpr std::uint32_t entries_per_page = page_size / 8;
static constexpr std::uint64_t pte_present = 1, pte_frame = 0x000ffffffffff000;

Result<> VcpuState::set_gdt(std::span<const Mfn> frames, std::uint32_t entries)
{
    if (entries > PV_FIRST_RESERVED_GDT_ENTRY || frames.size() != (entries + entries_per_page - 1) / entries_per_page)
        return Error::einval;
    std::array<mm::SegDescRef, 14> held;
    for (std::size_t i = 0; i < frames.size(); ++i)
        held[i] = TRY(mm::get_segdesc(frames[i], owner_));
    cpu.gdt_entries = entries;
    for (std::size_t i = 0; i < held.size(); ++i)
        cpu.gdt_frames[i] = held[i].mfn();
    if (loaded()) arch::load_gdt_window(cpu);
    gdt_.swap(held);
    return Ok{};
}

Result<> VcpuState::set_ldt(GuestVa base, std::uint32_t entries)
{
    const std::uint64_t bytes = std::uint64_t{entries} * 8;
    if (entries > 8192 || (base.raw() & (page_size - 1)) != 0) return Error::einval;
    if (entries != 0 && (!is_guest_va(base.raw()) || !is_guest_va(base.raw() + bytes - 1))) return Error::einval;
    std::array<mm::SegDescRef, 16> held;
    for (std::uint64_t offset = 0; offset < bytes; offset += page_size) {
        const mm::L1Slot slot = TRY(mm::find_l1(kernel_root(), base + offset));
        const std::uint64_t entry = mm::FrameWindow<std::uint64_t>{slot.table()}[slot.index()];
        if ((entry & pte_present) == 0) return Error::einval;
        held[offset >> page_shift] = TRY(mm::get_segdesc(mfn_of(Maddr{entry & pte_frame}), owner_));
    }
    cpu.ldt_entries = entries;
    ldt_base_ = base;
    for (std::size_t i = 0; i < held.size(); ++i)
        cpu.ldt_frames[i] = held[i].mfn();
    if (loaded()) arch::load_ldt_window(cpu);
    ldt_.swap(held);
    return Ok{};
}

} // namespace hv::guest
