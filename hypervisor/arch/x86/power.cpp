// SPDX-License-Identifier: MIT
//
// Soft off and reset. The sleep type of soft off lies in the DSDT's bytecode, which dom0 reads and this file does not.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "base/log.hpp"

namespace hv::arch {
namespace {
using namespace x86;

constexpr std::uint16_t sleep_enable = 1 << 13;

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

Result<> acpi_soft_off(std::uint16_t a, std::uint16_t b)
{
    log::info("ACPI soft off");
    if (acpi().pm1a_control != 0) outw(acpi().pm1a_control, a | sleep_enable);
    if (acpi().pm1b_control != 0) outw(acpi().pm1b_control, b | sleep_enable);
    wait_a_while();
    return Error::eio;
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
