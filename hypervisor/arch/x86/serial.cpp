// SPDX-License-Identifier: MIT
//
// 16550 console on com1: polled output with the FIFO kept full, interrupt-driven input into a small ring (overflow
// drops the newest). Boot CPU initialises; output may come from any CPU (the log calls its sinks line by line).
#include "arch/x86/bringup.hpp"
#include "arch/x86/cpu.hpp"
#include "base/log.hpp"

namespace hv::arch {
namespace {

constexpr unsigned fifo_bytes = 16;
enum Register : std::uint16_t { data, interrupt_enable, fifo_control, line_control, modem_control, line_status };
constexpr std::uint8_t has_input = 1, transmitter_empty = 0x20;

std::uint16_t base; // 0: no serial console
std::array<char, 256> ring;
std::uint32_t ring_in, ring_out;

void put(char c)
{
    static unsigned room;
    while (room == 0)
        room = (inb(base + line_status) & transmitter_empty) != 0 ? fifo_bytes : (relax(), 0);
    outb(base + data, static_cast<std::uint8_t>(c));
    --room;
}

void write(std::span<const char> text)
{
    for (const char c : text) {
        if (c == '\n') put('\r');
        put(c);
    }
}

void drain_fifo()
{
    while ((inb(base + line_status) & has_input) != 0) {
        const auto c = static_cast<char>(inb(base + data));
        if (ring_in - ring_out < ring.size()) ring[ring_in++ % ring.size()] = c;
    }
}

} // namespace

void x86::init_serial(std::uint16_t port, std::uint32_t baud)
{
    outb(port + interrupt_enable, 0);
    if (baud != 0) {
        const std::uint32_t divisor = 115200 / baud;
        outb(port + line_control, 0x80);
        outb(port + data, static_cast<std::uint8_t>(divisor));
        outb(port + interrupt_enable, static_cast<std::uint8_t>(divisor >> 8));
    }
    outb(port + line_control, 3);                // 8n1
    outb(port + fifo_control, 7);                // on, cleared, interrupt at the first byte
    outb(port + modem_control, 0xb);             // DTR RTS OUT2
    if (inb(port + line_status) == 0xff) return; // nothing there
    base = port;
    log::add_sink(write);
}

void x86::init_serial_interrupt()
{
    if (base == 0) return;
    const std::uint32_t isa = base == 0x3f8 || base == 0x3e8 ? 4 : 3;
    if (!route_own_isa_interrupt(isa, VectorUse::serial)) {
        log::warning("com1: no interrupt line, input is off");
        return;
    }
    drain_fifo();
    outb(base + interrupt_enable, 1);
}

void x86::handle_serial_interrupt()
{
    drain_fifo();
    if (ring_in != ring_out) upcall_console_input();
}

ConsoleInput console_read()
{
    if (base != 0 && ring_in == ring_out) drain_fifo();
    if (ring_in == ring_out) return {};
    return {true, ring[ring_out++ % ring.size()]};
}

} // namespace hv::arch
