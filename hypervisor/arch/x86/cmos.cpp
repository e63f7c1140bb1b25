// SPDX-License-Identifier: MIT
//
// The CMOS clock, read once at boot on the boot CPU.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"

namespace hv::arch {
namespace {

std::uint64_t wallclock;

std::uint8_t cmos(std::uint8_t index)
{
    outb(0x70, index);
    return inb(0x71);
}

struct Reading {
    std::uint8_t second, minute, hour, day, month, year;
    bool operator==(const Reading&) const = default;
};

Reading read_fields()
{
    for (unsigned i = 0; i < 10000 && (cmos(0xa) & 0x80) != 0; ++i) // update in progress
        relax();
    return {cmos(0), cmos(2), cmos(4), cmos(7), cmos(8), cmos(9)};
}

std::uint64_t seconds_since_1970(const Reading& r)
{
    const std::uint8_t mode = cmos(0xb);
    const auto binary = [mode](std::uint8_t v) { return (mode & 4) != 0 ? v : (v >> 4) * 10U + (v & 15); };
    const std::uint64_t year = 2000 + binary(r.year), month = binary(r.month);
    unsigned hour = binary(r.hour & 0x7f);
    if ((mode & 2) == 0) hour = hour % 12 + ((r.hour & 0x80) != 0 ? 12 : 0);
    // Days since 1970 with the year starting in March, so that the leap day comes last.
    const std::uint64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    const std::uint64_t days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + binary(r.day) - 1 - 719468;
    return ((days * 24 + hour) * 60 + binary(r.minute)) * 60 + binary(r.second);
}

} // namespace

void x86::read_wallclock()
{
    Reading r = read_fields();
    for (unsigned i = 0; i < 5; ++i) {
        const Reading again = read_fields();
        if (again == r) break;
        r = again;
    }
    wallclock = seconds_since_1970(r);
}

std::uint64_t boot_wallclock_seconds() { return wallclock; }

} // namespace hv::arch
