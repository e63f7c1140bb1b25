// SPDX-License-Identifier: MIT
//
// See domain/pirq.hpp. Layouts: PCI Local Bus Specification 3.0, 6.8.
#include "domain/pirq.hpp"
#include "mm/frame.hpp"

namespace hv::domain {
namespace {

using arch::IoWidth;

constexpr std::uint8_t id_msi = 5, id_msix = 0x11;
constexpr unsigned capabilities_pointer = 0x34, status_offset = 6, bar_offset = 0x10, control_offset = 2;
constexpr std::uint32_t has_capabilities = 1U << 4;
constexpr std::uint32_t msi_64bit = 1U << 7, msi_maskable = 1U << 8, msi_vectors_mask = 7U << 4;
constexpr std::uint32_t msix_table_size_mask = 0x7ff;

/// One programmed message, by pirq.
struct Programmed {
    std::uint32_t sbdf = 0, entry = 0;
    unsigned capability = 0;                  ///< 0: nothing.
    volatile std::uint32_t* vector = nullptr; ///< MSI-X: the table entry. Null: plain MSI.
};

/// A page of some device's MSI-X table; mappings are for good, so each page is mapped once.
struct TablePage {
    std::uint64_t address = 0;
    volatile std::uint32_t* mapped = nullptr;
};

cpu::SpinLock programmed_lock{cpu::Rank::control};
std::array<Programmed, max_pirqs> programmed; // guarded by programmed_lock, as the next
std::array<TablePage, 128> table_pages;

std::uint32_t read(std::uint32_t sbdf, unsigned offset, IoWidth width) { return arch::pci_read(sbdf, offset, width); }

/// Offset of capability @p id, 0 if the device has none.
unsigned find_capability(std::uint32_t sbdf, std::uint8_t id)
{
    if (read(sbdf, 0, IoWidth::word) == 0xffff) return 0;
    if ((read(sbdf, status_offset, IoWidth::word) & has_capabilities) == 0) return 0;
    unsigned at = read(sbdf, capabilities_pointer, IoWidth::byte) & 0xfcU;
    for (unsigned steps = 0; at >= 0x40 && steps < 48; ++steps) {
        const std::uint32_t header = read(sbdf, at, IoWidth::word);
        if ((header & 0xff) == id) return at;
        at = header >> 8 & 0xfcU;
    }
    return 0;
}

/// Masks or unmasks the single vector of an MSI capability that can.
void mask_msi(const Programmed& p, bool masked)
{
    const std::uint32_t control = read(p.sbdf, p.capability + control_offset, IoWidth::word);
    if ((control & msi_maskable) == 0) return;
    const unsigned at = p.capability + ((control & msi_64bit) != 0 ? 0x10 : 0xc);
    const std::uint32_t bits = read(p.sbdf, at, IoWidth::dword);
    arch::pci_write(p.sbdf, at, IoWidth::dword, masked ? bits | 1U : bits & ~1U);
}

void write_msi(const Programmed& p, arch::MsiMessage m)
{
    const std::uint32_t control = read(p.sbdf, p.capability + control_offset, IoWidth::word);
    const bool wide = (control & msi_64bit) != 0;
    arch::pci_write(p.sbdf, p.capability + control_offset, IoWidth::word, control & ~msi_vectors_mask);
    arch::pci_write(p.sbdf, p.capability + 4, IoWidth::dword, static_cast<std::uint32_t>(m.address));
    if (wide) arch::pci_write(p.sbdf, p.capability + 8, IoWidth::dword, static_cast<std::uint32_t>(m.address >> 32));
    arch::pci_write(p.sbdf, p.capability + (wide ? 12 : 8), IoWidth::word, m.data);
    mask_msi(p, false);
}

void write_msix(const Programmed& p, arch::MsiMessage m)
{
    p.vector[3] = 1; // masked while it changes
    p.vector[0] = static_cast<std::uint32_t>(m.address);
    p.vector[1] = static_cast<std::uint32_t>(m.address >> 32);
    p.vector[2] = m.data;
    p.vector[3] = 0;
}

/// What @p bar of the device decodes; 0 for a register that is not memory.
std::uint64_t bar_address(std::uint32_t sbdf, unsigned bar)
{
    const std::uint32_t low = read(sbdf, bar_offset + 4 * bar, IoWidth::dword);
    if ((low & 1) != 0) return 0;
    const bool wide = (low & 6) == 4 && bar < 5;
    const std::uint64_t high = wide ? read(sbdf, bar_offset + 4 * bar + 4, IoWidth::dword) : 0;
    return high << 32 | (low & ~0xfU);
}

Result<volatile std::uint32_t*> map_table(std::uint64_t address)
{
    const std::uint64_t page = address & ~(page_size - 1);
    for (TablePage& t : table_pages) {
        if (t.mapped == nullptr) t = {page, TRY(arch::map_device(page, page_size))};
        if (t.address == page) return t.mapped + address % page_size / sizeof(std::uint32_t);
    }
    return Error::enomem;
}

/// The MSI-X table entry's address; it must be where the device says and not in memory.
Result<volatile std::uint32_t*> map_vector(const MsiRequest& r, unsigned capability)
{
    const std::uint32_t control = read(r.sbdf, capability + control_offset, IoWidth::word);
    if (r.entry > (control & msix_table_size_mask)) return Error::einval;
    const std::uint32_t where = read(r.sbdf, capability + 4, IoWidth::dword);
    const unsigned bar = where & 7;
    if (bar > 5 || bar_address(r.sbdf, bar) != r.table_base) return Error::einval;
    const std::uint64_t at = r.table_base + (where & ~7U) + std::uint64_t{16} * r.entry;
    const Mfn frame = mfn_of(Maddr{at});
    if (mm::is_ram(frame) || arch::is_private_device_frame(frame)) return Error::einval;
    return map_table(at);
}

Result<Programmed> prepare(const MsiRequest& r)
{
    Programmed p{r.sbdf, r.table_base == 0 ? 0 : r.entry, 0, nullptr};
    p.capability = find_capability(r.sbdf, r.table_base == 0 ? id_msi : id_msix);
    if (p.capability == 0) return Error::enodev;
    for (const Programmed& other : programmed)
        if (other.capability == p.capability && other.sbdf == p.sbdf && other.entry == p.entry) return Error::ebusy;
    if (r.table_base != 0) p.vector = TRY(map_vector(r, p.capability));
    return p;
}

} // namespace

Result<Pirq> map_msi(Domain& d, MsiRequest request)
{
    const cpu::Guard guard{programmed_lock};
    const Programmed p = TRY(prepare(request));
    const Pirq pirq = TRY(allocate_msi_pirq(d));
    const Result<arch::MsiMessage> message = arch::msi_allocate(pirq.raw());
    if (!message.ok()) {
        TRY(unmap_pirq(d, pirq));
        return message.error();
    }
    programmed[pirq.raw()] = p;
    p.vector != nullptr ? write_msix(p, message.take()) : write_msi(p, message.take());
    return pirq;
}

Result<> unmap_msi(Domain& d, Pirq pirq)
{
    const cpu::Guard guard{programmed_lock};
    TRY(unmap_pirq(d, pirq));
    Programmed& p = programmed[pirq.raw()];
    if (p.capability == 0) return Ok{};
    if (p.vector != nullptr)
        p.vector[3] = 1;
    else
        mask_msi(p, true);
    p = Programmed{};
    return Ok{};
}

} // namespace hv::domain
