// SPDX-License-Identifier: MIT
//
// PCI configuration space and plain ports. Segment 0 below offset 256 goes through cf8/cfc, one pair under a
// lock; the rest through the memory-mapped window the MCFG table names.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "arch/x86/machine_lock.hpp"
#include "base/log.hpp"

namespace hv::arch {
namespace {
using namespace x86;

std::byte* ecam; // of ecam_first_bus
MachineLock ports_lock;

constexpr std::uint32_t all_ones(IoWidth w)
{
    return w == IoWidth::dword ? ~0U : (1U << 8 * static_cast<unsigned>(w)) - 1;
}

bool by_ports(std::uint32_t sbdf, unsigned offset) { return sbdf >> 16 == 0 && offset < 256; }

std::uint16_t select(std::uint32_t sbdf, unsigned offset)
{
    outl(0xcf8, 0x80000000 | (sbdf & 0xffff) << 8 | (offset & 0xfc));
    return static_cast<std::uint16_t>(0xcfc + (offset & 3));
}

volatile void* ecam_register(std::uint32_t sbdf, unsigned offset)
{
    const Acpi& a = acpi();
    const std::uint32_t bus = sbdf >> 8 & 0xff;
    if (ecam == nullptr || sbdf >> 16 != a.ecam_segment || bus < a.ecam_first_bus || bus > a.ecam_last_bus ||
        offset >= 4096)
        return nullptr;
    return ecam + ((std::uint64_t{bus} - a.ecam_first_bus) << 20) + ((sbdf & 0xff) << 12) + offset;
}

} // namespace

void x86::init_pci()
{
    const Acpi& a = acpi();
    if (a.ecam_address == 0) return;
    const std::size_t bytes = (std::size_t{a.ecam_last_bus} - a.ecam_first_bus + 1) << 20;
    const std::uint64_t at = a.ecam_address + (std::uint64_t{a.ecam_first_bus} << 20);
    if (const auto mapped = map_physical(at, bytes, Cache::uncached); mapped.ok()) ecam = mapped.take();
}

std::uint32_t port_in(std::uint16_t port, IoWidth width)
{
    switch (width) {
    case IoWidth::byte: return inb(port);
    case IoWidth::word: return inw(port);
    case IoWidth::dword: return inl(port);
    }
    return ~0U;
}

void port_out(std::uint16_t port, IoWidth width, std::uint32_t value)
{
    switch (width) {
    case IoWidth::byte: return outb(port, static_cast<std::uint8_t>(value));
    case IoWidth::word: return outw(port, static_cast<std::uint16_t>(value));
    case IoWidth::dword: return outl(port, value);
    }
}

std::uint32_t pci_read(std::uint32_t sbdf, unsigned offset, IoWidth width)
{
    if (by_ports(sbdf, offset)) {
        const MachineLock::Guard guard{ports_lock};
        return port_in(select(sbdf, offset), width);
    }
    volatile void* r = ecam_register(sbdf, offset);
    if (r == nullptr) return all_ones(width);
    switch (width) {
    case IoWidth::byte: return *static_cast<volatile std::uint8_t*>(r);
    case IoWidth::word: return *static_cast<volatile std::uint16_t*>(r);
    case IoWidth::dword: return *static_cast<volatile std::uint32_t*>(r);
    }
    return ~0U;
}

void pci_write(std::uint32_t sbdf, unsigned offset, IoWidth width, std::uint32_t value)
{
    if (by_ports(sbdf, offset)) {
        const MachineLock::Guard guard{ports_lock};
        return port_out(select(sbdf, offset), width, value);
    }
    volatile void* r = ecam_register(sbdf, offset);
    if (r == nullptr) return;
    switch (width) {
    case IoWidth::byte: *static_cast<volatile std::uint8_t*>(r) = static_cast<std::uint8_t>(value); break;
    case IoWidth::word: *static_cast<volatile std::uint16_t*>(r) = static_cast<std::uint16_t>(value); break;
    case IoWidth::dword: *static_cast<volatile std::uint32_t*>(r) = value; break;
    }
}

} // namespace hv::arch
