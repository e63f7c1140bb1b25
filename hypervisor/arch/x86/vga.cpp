// SPDX-License-Identifier: MIT
//
// VGA text console, 80 by 25, output only. The hardware domain takes the screen over when it starts: from the first
// guest entry on nothing is written here. Registered on the boot CPU.
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "base/log.hpp"

namespace hv::arch {
namespace {

constexpr unsigned columns = 80, rows = 25;
constexpr std::uint16_t blank = 0x0720;

volatile std::uint16_t* cells; // null: not in use
unsigned cursor;

void scroll()
{
    for (unsigned i = 0; i < columns * rows; ++i)
        cells[i] = i < columns * (rows - 1) ? cells[i + columns] : blank;
    cursor -= columns;
}

void put(char c)
{
    if (c == '\n')
        cursor += columns - cursor % columns;
    else if (c == '\r')
        cursor -= cursor % columns;
    else
        cells[cursor++] = static_cast<std::uint16_t>(blank & 0xff00) | static_cast<std::uint8_t>(c);
    if (cursor >= columns * rows) scroll();
}

void write(std::span<const char> text)
{
    if (cells == nullptr) return;
    for (const char c : text)
        put(c);
    outw(0x3d4, static_cast<std::uint16_t>(0xe | (cursor & 0xff00))); // index and value at once
    outw(0x3d4, static_cast<std::uint16_t>(0xf | cursor << 8));
}

} // namespace

void x86::init_vga(std::byte* screen)
{
    cells = reinterpret_cast<volatile std::uint16_t*>(screen);
    if (cursor != 0) return; // remapped
    for (unsigned i = 0; i < columns * rows; ++i)
        cells[i] = blank;
    log::add_sink(write);
}

void x86::release_vga() { cells = nullptr; }

} // namespace hv::arch
