// SPDX-License-Identifier: MIT
//
// Devices of the fake machine: 24 interrupt lines, message interrupts, ports, PCI registers, console, power. Lines 0
// (timer) and 4 (console) are the hypervisor's.
#include "arch/host/machine.hpp"

namespace hv::arch {
using host::state;

std::uint32_t port_in(std::uint16_t port, IoWidth width)
{
    const auto it = state().planted_ports.find(port);
    const std::uint32_t value = (it == state().planted_ports.end() ? ~0U : it->second) & all_ones(width);
    state().ports.push_back({port, width, false, value});
    return value;
}
void port_out(std::uint16_t port, IoWidth width, std::uint32_t value)
{
    state().ports.push_back({port, width, true, value & all_ones(width)});
}

unsigned gsi_count() { return 24; }
bool gsi_is_ours(unsigned gsi) { return gsi == 0 || gsi == 4; }
Result<> gsi_configure(unsigned gsi, Trigger trigger, Polarity polarity)
{
    if (gsi >= gsi_count() || gsi_is_ours(gsi)) return Error::einval;
    state().gsis[gsi] = {true, true, false, trigger, polarity};
    return Ok{};
}
Result<> gsi_unmask(unsigned gsi)
{
    if (gsi >= gsi_count() || gsi_is_ours(gsi) || !state().gsis[gsi].configured) return Error::einval;
    state().gsis[gsi].masked = false;
    return Ok{};
}
void gsi_mask(unsigned gsi)
{
    if (gsi < gsi_count()) state().gsis[gsi].masked = true;
}
void gsi_end(unsigned gsi)
{
    if (gsi < gsi_count()) state().gsis[gsi].awaiting_end = false;
}
Result<std::uint32_t> ioapic_read(std::uint64_t base, std::uint32_t reg)
{
    if (base != 0xfec00000 || reg > 1 + 1 + 2 * 24) return Error::einval;
    return reg == 1 ? 0x00170020U : 0U;
}
Result<MsiMessage> msi_allocate(unsigned cookie)
{
    if (cookie >= state().msis.size()) return Error::enospc;
    if (state().msis[cookie]) return Error::ebusy;
    state().msis[cookie] = true;
    return MsiMessage{0xfee00000, cookie};
}
void msi_free(unsigned cookie)
{
    if (cookie < state().msis.size()) state().msis[cookie] = false;
}
static std::uint32_t& pci_word(std::uint32_t sbdf, unsigned offset)
{
    return state().pci.try_emplace(std::uint64_t{sbdf} << 12 | (offset & ~3U), ~0U).first->second;
}
std::uint32_t pci_read(std::uint32_t sbdf, unsigned offset, IoWidth width)
{
    return (pci_word(sbdf, offset) >> (8 * (offset & 3))) & all_ones(width);
}
void pci_write(std::uint32_t sbdf, unsigned offset, IoWidth width, std::uint32_t value)
{
    const unsigned shift = 8 * (offset & 3);
    std::uint32_t& word = pci_word(sbdf, offset);
    word = (word & ~(all_ones(width) << shift)) | ((value & all_ones(width)) << shift);
}
Result<volatile std::uint32_t*> map_device(std::uint64_t pa, std::size_t bytes)
{
    static std::vector<std::unique_ptr<std::uint32_t[]>> mappings;
    if (pa % page_size != 0 || bytes == 0) return Error::einval;
    mappings.push_back(std::make_unique<std::uint32_t[]>((bytes + 3) / 4));
    return static_cast<volatile std::uint32_t*>(mappings.back().get());
}
bool is_private_device_frame(Mfn frame) { return frame.raw() >> 8 == 0xfee0 >> 4 || frame == Mfn{0xfec00}; }

ConsoleInput console_read()
{
    if (state().typed.empty()) return {};
    const char c = state().typed.front();
    state().typed.erase(0, 1);
    return {true, c};
}
Result<> acpi_soft_off(std::uint16_t, std::uint16_t) { throw host::Stopped{host::Stopped::How::power_off}; }
void reset() { throw host::Stopped{host::Stopped::How::reset}; }
void halt_forever() { throw host::Stopped{host::Stopped::How::halt}; }
void enter_guest() { throw host::Stopped{host::Stopped::How::enter_guest}; }

} // namespace hv::arch
