// SPDX-License-Identifier: MIT
//
// Plain ports, and PCI configuration space through cf8/cfc, one pair under a lock.
#include "arch/x86/cpu.hpp"
#include "arch/x86/machine_lock.hpp"

namespace hv::arch {
namespace {
using namespace x86;

MachineLock ports_lock;

bool reachable(std::uint32_t sbdf, unsigned offset) { return sbdf >> 16 == 0 && offset < 256; }

std::uint16_t select(std::uint32_t sbdf, unsigned offset)
{
    outl(0xcf8, 0x80000000 | (sbdf & 0xffff) << 8 | (offset & 0xfc));
    return static_cast<std::uint16_t>(0xcfc + (offset & 3));
}

} // namespace

std::uint32_t port_in(std::uint16_t port, IoWidth width)
{
    return width == IoWidth::byte ? inb(port) : width == IoWidth::word ? inw(port) : inl(port);
}

void port_out(std::uint16_t port, IoWidth width, std::uint32_t value)
{
    if (width == IoWidth::byte) return outb(port, static_cast<std::uint8_t>(value));
    if (width == IoWidth::word) return outw(port, static_cast<std::uint16_t>(value));
    outl(port, value);
}

std::uint32_t pci_read(std::uint32_t sbdf, unsigned offset, IoWidth width)
{
    if (!reachable(sbdf, offset)) return all_ones(width);
    const MachineGuard guard{ports_lock};
    return port_in(select(sbdf, offset), width);
}

void pci_write(std::uint32_t sbdf, unsigned offset, IoWidth width, std::uint32_t value)
{
    if (!reachable(sbdf, offset)) return;
    const MachineGuard guard{ports_lock};
    port_out(select(sbdf, offset), width, value);
}

} // namespace hv::arch
