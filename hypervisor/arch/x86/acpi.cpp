// SPDX-License-Identifier: MIT
//
// Reads the static ACPI tables the hypervisor needs (RSDP, RSDT/XSDT, MADT, FADT, HPET; ACPI 6 section 5.2). Boot
// CPU, once. The firmware is trusted, yet lengths are checked: a broken table is reported and skipped, never followed.
#include "arch/x86/bringup.hpp"
#include "base/log.hpp"

namespace hv::arch {
namespace {
using namespace x86;

Acpi tables;

struct Table {
    const std::byte* bytes;
    std::uint32_t length;

    template <typename T> [[nodiscard]] T get(std::uint32_t offset) const
    {
        T v{};
        if (offset + sizeof(T) <= length) __builtin_memcpy(&v, bytes + offset, sizeof v);
        return v;
    }
    [[nodiscard]] bool is(const char* signature) const { return __builtin_memcmp(bytes, signature, 4) == 0; }
    [[nodiscard]] Table part(std::uint32_t from, std::uint32_t size) const { return {bytes + from, size}; }
    [[nodiscard]] bool sums_to_zero() const
    {
        unsigned sum = 0;
        for (std::uint32_t i = 0; i < length; ++i)
            sum += get<std::uint8_t>(i);
        return sum % 256 == 0;
    }
};

constexpr std::uint32_t header_bytes = 36, largest_table = 1 << 20;

/// Of length 0 if there is nothing at 0 or no room for the mapping.
Table map_table(std::uint64_t pa, std::uint32_t bytes)
{
    const auto p = pa == 0 ? Error::enoent : map_physical(pa, bytes, Cache::write_back);
    return p.ok() ? Table{p.take(), bytes} : Table{};
}

/// A whole table, or one of length 0 when it is absent or broken.
Table open_table(std::uint64_t pa)
{
    const Table header = map_table(pa, header_bytes);
    if (header.length == 0) return {};
    const auto length = header.get<std::uint32_t>(4);
    if (length < header_bytes || length > largest_table) {
        log::warning("ACPI: table at {x} has length {}, skipped", pa, length);
        return {};
    }
    const Table whole = map_table(pa, length);
    if (whole.length != 0 && whole.sums_to_zero()) return whole;
    log::warning("ACPI: table at {x} has a wrong checksum, skipped", pa);
    return {};
}

std::uint64_t scan_for_rsdp(std::uint64_t from, std::uint32_t bytes)
{
    const Table area = map_table(from, bytes);
    for (std::uint32_t at = 0; at + 20 <= area.length; at += 16)
        if (__builtin_memcmp(area.bytes + at, "RSD PTR ", 8) == 0 && area.part(at, 20).sums_to_zero()) return from + at;
    return 0;
}

std::uint64_t find_rsdp()
{
    const std::uint64_t ebda = std::uint64_t{map_table(0x40e, 2).get<std::uint16_t>(0)} << 4;
    const std::uint64_t found = ebda >= 0x80000 && ebda < 0xa0000 ? scan_for_rsdp(ebda, 1024) : 0;
    return found != 0 ? found : scan_for_rsdp(0xe0000, 0x20000);
}

void add_ioapic(const Table& entry)
{
    if (tables.ioapic_count == tables.ioapics.size()) return;
    tables.ioapics[tables.ioapic_count++] = {entry.get<std::uint32_t>(4), entry.get<std::uint32_t>(8)};
}

void add_override(const Table& entry)
{
    const auto isa = entry.get<std::uint8_t>(3);
    const auto flags = entry.get<std::uint16_t>(8);
    if (isa >= tables.isa.size()) return;
    tables.isa[isa] = {true, entry.get<std::uint32_t>(4), (flags >> 2 & 3) == 3 ? Trigger::level : Trigger::edge,
                       (flags & 3) == 3 ? Polarity::low : Polarity::high};
}

void add_cpu(CpuName name, std::uint32_t flags)
{
    for (unsigned i = 0; i < tables.cpu_count; ++i)
        if (tables.cpus[i].apic_id == name.apic_id) return; // as a local APIC and as an x2APIC
    if ((flags & 1) != 0 && tables.cpu_count < tables.cpus.size()) tables.cpus[tables.cpu_count++] = name;
}

void read_madt(const Table& t)
{
    for (std::uint32_t at = header_bytes + 8; at + 2 <= t.length;) {
        const auto type = t.get<std::uint8_t>(at), length = t.get<std::uint8_t>(at + 1);
        if (length < 2 || at + length > t.length) break;
        const Table e = t.part(at, length);
        switch (type) {
        case 0: add_cpu({e.get<std::uint8_t>(3), e.get<std::uint8_t>(2)}, e.get<std::uint32_t>(4)); break;
        case 1: add_ioapic(e); break;
        case 2: add_override(e); break;
        case 9: add_cpu({e.get<std::uint32_t>(4), e.get<std::uint32_t>(12)}, e.get<std::uint32_t>(8)); break;
        default: break;
        }
        at += length;
    }
}

void read_fadt(const Table& t)
{
    const auto flags = t.get<std::uint32_t>(112);
    tables.pm1a_control = static_cast<std::uint16_t>(t.get<std::uint32_t>(64));
    tables.pm1b_control = static_cast<std::uint16_t>(t.get<std::uint32_t>(68));
    tables.pm_timer = static_cast<std::uint16_t>(t.get<std::uint32_t>(76));
    tables.reset_space = (flags & 1 << 10) != 0 ? t.get<std::uint8_t>(116) : 0xff;
    tables.reset_address = t.get<std::uint64_t>(120);
    tables.reset_value = t.get<std::uint8_t>(128);
}

void read_table(std::uint64_t pa)
{
    const Table t = open_table(pa);
    if (t.length == 0) return;
    if (t.is("APIC")) read_madt(t);
    if (t.is("FACP")) read_fadt(t);
    if (t.is("HPET")) tables.hpet_address = t.get<std::uint64_t>(44);
}

} // namespace

const Acpi& x86::acpi() { return tables; }

void x86::init_acpi(std::uint64_t rsdp)
{
    tables.reset_space = 0xff;
    if (rsdp == 0) rsdp = find_rsdp();
    const Table root_pointer = map_table(rsdp, header_bytes);
    if (root_pointer.length == 0) return log::warning("ACPI: no RSDP; one CPU, no IOAPIC");
    const bool extended = root_pointer.get<std::uint8_t>(15) >= 2 && root_pointer.get<std::uint64_t>(24) != 0;
    const Table root = open_table(extended ? root_pointer.get<std::uint64_t>(24) : root_pointer.get<std::uint32_t>(16));
    const std::uint32_t step = extended ? 8 : 4;
    for (std::uint32_t at = header_bytes; at + step <= root.length; at += step)
        read_table(extended ? root.get<std::uint64_t>(at) : root.get<std::uint32_t>(at));
    log::info("ACPI: {} CPUs, {} IOAPICs, PM timer {x}, HPET {x}", tables.cpu_count, tables.ioapic_count,
              tables.pm_timer, tables.hpet_address);
}

} // namespace hv::arch
