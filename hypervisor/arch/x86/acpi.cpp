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
};

constexpr std::uint32_t header_bytes = 36, largest_table = 1 << 20;

bool sums_to_zero(const std::byte* p, std::size_t n)
{
    std::uint8_t sum = 0;
    for (std::size_t i = 0; i < n; ++i)
        sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t>(p[i]));
    return sum == 0;
}

const std::byte* map_table(std::uint64_t pa, std::size_t bytes)
{
    const auto p = map_physical(pa, bytes, Cache::write_back);
    return p.ok() ? p.take() : nullptr;
}

/// A whole table, or one of length 0 when it is absent or broken.
Table open_table(std::uint64_t pa)
{
    const std::byte* header = pa == 0 ? nullptr : map_table(pa, header_bytes);
    if (header == nullptr) return {};
    const auto length = Table{header, header_bytes}.get<std::uint32_t>(4);
    if (length < header_bytes || length > largest_table) {
        log::warning("ACPI: table at {x} has length {}, skipped", pa, length);
        return {};
    }
    const std::byte* whole = map_table(pa, length);
    if (whole == nullptr || !sums_to_zero(whole, length)) {
        log::warning("ACPI: table at {x} has a wrong checksum, skipped", pa);
        return {};
    }
    return {whole, length};
}

std::uint64_t scan_for_rsdp(std::uint64_t from, std::size_t bytes)
{
    const std::byte* p = map_table(from, bytes);
    for (std::size_t at = 0; p != nullptr && at + 20 <= bytes; at += 16)
        if (__builtin_memcmp(p + at, "RSD PTR ", 8) == 0 && sums_to_zero(p + at, 20)) return from + at;
    return 0;
}

std::uint64_t find_rsdp()
{
    std::uint64_t ebda = 0;
    if (const std::byte* word = map_table(0x40e, 2)) ebda = std::uint64_t{Table{word, 2}.get<std::uint16_t>(0)} << 4;
    std::uint64_t found = ebda >= 0x80000 && ebda < 0xa0000 ? scan_for_rsdp(ebda, 1024) : 0;
    return found != 0 ? found : scan_for_rsdp(0xe0000, 0x20000);
}

void add_ioapic(const Table& t, std::uint32_t at)
{
    if (tables.ioapic_count == tables.ioapics.size()) return;
    tables.ioapics[tables.ioapic_count++] = {t.get<std::uint32_t>(at + 4), t.get<std::uint8_t>(at + 2),
                                             t.get<std::uint32_t>(at + 8)};
}

void add_override(const Table& t, std::uint32_t at)
{
    const auto isa = t.get<std::uint8_t>(at + 3);
    const auto flags = t.get<std::uint16_t>(at + 8);
    if (isa >= tables.isa.size()) return;
    tables.isa[isa] = {true, t.get<std::uint32_t>(at + 4), (flags >> 2 & 3) == 3 ? Trigger::level : Trigger::edge,
                       (flags & 3) == 3 ? Polarity::low : Polarity::high};
}

void add_cpu(CpuName name, std::uint32_t flags)
{
    if ((flags & 1) != 0 && tables.cpu_count < tables.cpus.size()) tables.cpus[tables.cpu_count++] = name;
}

void read_madt(const Table& t)
{
    for (std::uint32_t at = header_bytes + 8; at + 2 <= t.length;) {
        const auto type = t.get<std::uint8_t>(at), length = t.get<std::uint8_t>(at + 1);
        if (length < 2 || at + length > t.length) break;
        switch (type) {
        case 0:
            add_cpu({t.get<std::uint8_t>(at + 3), t.get<std::uint8_t>(at + 2)}, t.get<std::uint32_t>(at + 4));
            break;
        case 1: add_ioapic(t, at); break;
        case 2: add_override(t, at); break;
        case 9:
            add_cpu({t.get<std::uint32_t>(at + 4), t.get<std::uint32_t>(at + 12)}, t.get<std::uint32_t>(at + 8));
            break;
        default: break;
        }
        at += length;
    }
}

void read_fadt(const Table& t)
{
    const auto flags = t.get<std::uint32_t>(112);
    tables.dsdt_address = t.get<std::uint64_t>(140) != 0 ? t.get<std::uint64_t>(140) : t.get<std::uint32_t>(40);
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
    const std::byte* p = rsdp == 0 ? nullptr : map_table(rsdp, header_bytes);
    if (p == nullptr) {
        log::warning("ACPI: no RSDP; one CPU, no IOAPIC");
        return;
    }
    const Table root_pointer{p, header_bytes};
    const bool extended = root_pointer.get<std::uint8_t>(15) >= 2 && root_pointer.get<std::uint64_t>(24) != 0;
    const Table root = open_table(extended ? root_pointer.get<std::uint64_t>(24) : root_pointer.get<std::uint32_t>(16));
    const std::uint32_t step = extended ? 8 : 4;
    for (std::uint32_t at = header_bytes; at + step <= root.length; at += step)
        read_table(extended ? root.get<std::uint64_t>(at) : root.get<std::uint32_t>(at));
    log::info("ACPI: {} CPUs, {} IOAPICs, PM timer {x}, HPET {x}", tables.cpu_count, tables.ioapic_count,
              tables.pm_timer, tables.hpet_address);
}

} // namespace hv::arch
