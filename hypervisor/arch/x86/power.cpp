// SPDX-License-Identifier: MIT
//
// Soft off and reset. Soft off wants the sleep type of \_S5, which lies in the DSDT's bytecode: dom0 passes it when it
// shuts down in order; otherwise the four bytes of the package are read where every compiler puts them.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "base/log.hpp"

namespace hv::arch {
namespace {
using namespace x86;

constexpr std::uint16_t sleep_enable = 1 << 13;
constexpr unsigned sleep_type_shift = 10;

void write_sleep(std::uint16_t a, std::uint16_t b)
{
    if (acpi().pm1a_control != 0) outw(acpi().pm1a_control, a | sleep_enable);
    if (acpi().pm1b_control != 0) outw(acpi().pm1b_control, b | sleep_enable);
}

/// An AML byte constant: Zero, One or BytePrefix n. Returns its length; 0 = none of them.
unsigned byte_constant(const std::uint8_t* p, std::uint16_t& value)
{
    if (p[0] <= 1) return value = p[0], 1;
    if (p[0] == 0x0a) return value = p[1], 2;
    return 0;
}

/// Name (_S5_, Package () { a, b, ... }): 08 "_S5_" 12 length count a b
bool find_s5(const std::uint8_t* p, std::size_t bytes, std::uint16_t& a, std::uint16_t& b)
{
    for (std::size_t at = 1; at + 16 < bytes; ++at) {
        if (__builtin_memcmp(p + at, "_S5_\x12", 5) != 0) continue;
        const std::uint8_t* q = p + at + 5;
        q += 1 + (*q >> 6) + 1; // package length, element count
        const unsigned n = byte_constant(q, a);
        return n != 0 && byte_constant(q + n, b) != 0;
    }
    return false;
}

void power_off_by_dsdt()
{
    if (acpi().dsdt_address == 0) return;
    const auto header = map_physical(acpi().dsdt_address, 8, Cache::write_back);
    if (!header.ok()) return;
    std::uint32_t length = 0;
    __builtin_memcpy(&length, header.take() + 4, sizeof length);
    if (length > 1 << 20) return;
    const auto dsdt = map_physical(acpi().dsdt_address, length, Cache::write_back);
    std::uint16_t a = 0, b = 0;
    if (!dsdt.ok() || !find_s5(reinterpret_cast<const std::uint8_t*>(dsdt.take()), length, a, b)) return;
    write_sleep(static_cast<std::uint16_t>(a << sleep_type_shift), static_cast<std::uint16_t>(b << sleep_type_shift));
}

void wait_a_while()
{
    for (unsigned i = 0; i < 100'000; ++i)
        inb(0x80);
}

void reset_by_acpi()
{
    const Acpi& a = acpi();
    if (a.reset_space == 1) outb(static_cast<std::uint16_t>(a.reset_address), a.reset_value);
    if (a.reset_space == 0)
        if (const auto r = map_physical(a.reset_address, 1, Cache::uncached); r.ok())
            *reinterpret_cast<volatile std::uint8_t*>(r.take()) = a.reset_value;
}

} // namespace

Result<> acpi_sleep(const AcpiSleep& request)
{
    if (request.state != 5) return Error::einval;
    log::info("ACPI soft off");
    write_sleep(request.val_a, request.val_b);
    wait_a_while();
    return Error::eio;
}

void power_off()
{
    log::info("power off");
    power_off_by_dsdt();
    wait_a_while();
    log::error("power off failed: no \\_S5 found; halted");
    halt_forever();
}

// From the orderly to the crude: FADT register, chipset reset port, keyboard controller, triple fault.
void reset()
{
    log::info("reset");
    reset_by_acpi();
    wait_a_while();
    outb(0xcf9, 2);
    outb(0xcf9, 6);
    wait_a_while();
    outb(0x64, 0xfe);
    wait_a_while();
    const TablePointer nothing{};
    asm volatile("lidt %0; int3" : : "m"(nothing));
    halt_forever();
}

} // namespace hv::arch
