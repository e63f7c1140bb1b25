// SPDX-License-Identifier: MIT
//
// Port I/O of guests. The hardware domain reaches the hardware except for what the hypervisor keeps (PICs, PIT
// channel 0, the console UART) and what it must share by latch (CMOS index, PCI address). Other domains find no
// device anywhere: all ones, writes dropped, never a fault. Latches are per domain and atomic; any CPU.
#include "guest/emulate.hpp"
#include "guest/flags.hpp"
#include "guest/guest_ptr.hpp"

namespace hv::guest {

namespace {

using arch::IoWidth;
constexpr std::uint16_t pic = 0x20, second_pic = 0xa0; // command; mask is the next one
constexpr std::uint16_t pit_channel0 = 0x40, pit_command = 0x43, cmos_index = 0x70, cmos_data = 0x71;
constexpr std::uint16_t uart_first = 0x3f8, uart_last = 0x3ff, pci_address = 0xcf8, pci_data = 0xcfc;

/// Ports that are not, or not simply, the hardware's.
bool is_kept(std::uint32_t port)
{
    return (port & ~1U) == pic || (port & ~1U) == second_pic || port == pit_channel0 || port == pit_command ||
           port == cmos_index || port == cmos_data || (port >= uart_first && port <= uart_last);
}

bool all_hardware(std::uint32_t port, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; ++i)
        if (is_kept(port + i)) return false;
    return true;
}

void select_cmos(PortLatches& l) { arch::port_out(cmos_index, IoWidth::byte, l.cmos_index.load(Order::relaxed)); }

std::uint8_t read_byte(PortLatches& l, std::uint16_t port)
{
    switch (port) {
    case pic:
    case second_pic: return 0; // no request is ever pending
    case pic + 1: return l.pic_mask[0].load(Order::relaxed);
    case second_pic + 1: return l.pic_mask[1].load(Order::relaxed);
    case cmos_data: select_cmos(l); break;
    default:
        if (is_kept(port)) return 0xff; // nothing there, or write-only
    }
    return static_cast<std::uint8_t>(arch::port_in(port, IoWidth::byte));
}

/// The PIT's command with channels 0 and 1 taken out; 0xff = nothing left of it.
std::uint8_t channel2_command(std::uint8_t value)
{
    constexpr std::uint8_t read_back = 3, channel2 = 2, channel2_bit = 8, other_bits = 6;
    if (value >> 6 == channel2) return value;
    return value >> 6 == read_back && (value & channel2_bit) != 0 ? value & ~other_bits : 0xff;
}

void write_byte(PortLatches& l, std::uint16_t port, std::uint8_t value)
{
    switch (port) {
    case pic + 1: l.pic_mask[0].store(value, Order::relaxed); return;
    case second_pic + 1: l.pic_mask[1].store(value, Order::relaxed); return;
    case pit_command:
        value = channel2_command(value);
        if (value == 0xff) return;
        break;
    case cmos_index: l.cmos_index.store(value & 0x7f, Order::relaxed); return; // NMI stays enabled
    case cmos_data: select_cmos(l); break;
    default:
        if (is_kept(port)) return;
    }
    arch::port_out(port, IoWidth::byte, value);
}

/// One access, in or out; returns what was read. Through cfc..cff it is one to configuration space, as the domain's
/// own latch directs it.
std::uint32_t hardware_io(PortLatches& l, std::uint16_t port, IoWidth width, bool in, std::uint32_t value)
{
    const unsigned bytes = static_cast<unsigned>(width), byte = port & 3;
    if (port == pci_address && width == IoWidth::dword)
        return in ? l.pci_address.load(Order::relaxed) : l.pci_address.exchange(value, Order::relaxed);
    if (port - byte == pci_data) {
        const std::uint32_t a = l.pci_address.load(Order::relaxed), sbdf = a >> 8 & 0xffff, offset = (a & 0xfc) | byte;
        if (a >> 31 == 0 || byte + bytes > 4) return ~0U;
        if (in) return arch::pci_read(sbdf, offset, width);
        arch::pci_write(sbdf, offset, width, value);
    } else if (all_hardware(port, bytes)) {
        if (in) return arch::port_in(port, width);
        arch::port_out(port, width, value);
    } else {
        std::uint32_t got = 0;
        for (unsigned shift = 0; shift < 8 * bytes; shift += 8, ++port) {
            if (in) got |= std::uint32_t{read_byte(l, port)} << shift;
            if (!in) write_byte(l, port, static_cast<std::uint8_t>(value >> shift));
        }
        return got;
    }
    return 0;
}

std::uint32_t port_in(VcpuState& v, std::uint16_t port, IoWidth width)
{
    const bool real = v.policy().hardware_domain;
    return arch::all_ones(width) & (real ? hardware_io(v.policy().ports, port, width, true, 0) : ~0U);
}

void port_out(VcpuState& v, std::uint16_t port, IoWidth width, std::uint32_t value)
{
    if (v.policy().hardware_domain) hardware_io(v.policy().ports, port, width, false, value);
}

/// The guest's own bitmap lies in its kernel's address space; unreadable means refused.
bool bitmap_allows(VcpuState& v, std::uint16_t port, unsigned bytes)
{
    if (std::uint32_t{port} + bytes > v.port_bitmap_ports) return false;
    const bool user = !v.kernel_mode();
    if (user) v.enter_kernel_mode();
    std::array<std::uint8_t, 2> bits{0xff, 0xff};
    const std::size_t wanted = port % 8 + bytes > 8 ? 2 : 1;
    const bool read = In<std::uint8_t>{v.port_bitmap}.read_array(std::span{bits}.first(wanted), port / 8).ok();
    if (user) v.enter_user_mode();
    const unsigned mask = ((1U << bytes) - 1) << (port % 8);
    return read && ((bits[0] | unsigned{bits[1]} << 8) & mask) == 0;
}

bool allowed(VcpuState& v, std::uint16_t port, unsigned bytes)
{
    return v.iopl >= (v.kernel_mode() ? 1 : 3) || bitmap_allows(v, port, bytes);
}

/// One element of ins or outs; false: a fault at @p at was hit before any port was touched.
bool string_step(VcpuState& v, const Instruction& i, std::uint16_t port, GuestVa at)
{
    const auto width = static_cast<IoWidth>(i.size);
    std::uint32_t value = 0;
    const auto bytes = std::as_writable_bytes(std::span{&value, 1}).first(i.size);
    if (i.op == Op::outs) {
        if (!copy_from_guest_bytes(bytes, at).ok()) return false;
        port_out(v, port, width, value);
        return true;
    }
    // What the port yields cannot be given back: make sure first that it has a place to go.
    if (!clear_guest_bytes(at, i.size).ok()) return false;
    value = port_in(v, port, width);
    return copy_to_guest_bytes(at, bytes).ok();
}

/// Runs at most a bounded number of elements; the guest executes the instruction again for the rest.
Outcome string_io(VcpuState& v, const Instruction& i, std::uint16_t port)
{
    constexpr std::uint64_t elements_per_run = 256;
    arch::GuestRegs& r = v.regs();
    const bool in = i.op == Op::ins;
    const std::uint64_t width_mask = i.short_address ? 0xffffffffULL : ~0ULL;
    std::uint64_t& pointer = in ? r.rdi : r.rsi;
    const bool override = !in && i.segment != Segment::flat;
    const std::uint64_t base = !override ? 0
                               : i.segment == Segment::fs
                                   ? v.base(PV_SEGBASE_FS)
                                   : v.base(v.kernel_mode() ? PV_SEGBASE_GS_KERNEL : PV_SEGBASE_GS_USER);
    const std::uint64_t count = i.repeat ? r.rcx & width_mask : 1;
    const std::uint64_t todo = count < elements_per_run ? count : elements_per_run;
    for (std::uint64_t n = 0; n < todo; ++n) {
        const std::uint64_t at = base + (pointer & width_mask);
        if (!string_step(v, i, port, GuestVa{at})) {
            constexpr std::uint32_t write_access = 2;
            return deliver_page_fault(v, at, in ? write_access : 0);
        }
        pointer = (pointer + ((r.rflags & flags::df) != 0 ? 0 - std::uint64_t{i.size} : i.size)) & width_mask;
        if (i.repeat) r.rcx = (r.rcx - 1) & width_mask;
    }
    return todo == count ? retire(v, i.length) : Outcome::resume;
}

} // namespace

std::optional<Outcome> emulate_port_io(VcpuState& v, const Instruction& i)
{
    arch::GuestRegs& r = v.regs();
    const auto port = static_cast<std::uint16_t>(i.has_immediate ? i.immediate & 0xff : r.rdx);
    if (!allowed(v, port, i.size)) return std::nullopt;
    if (i.op == Op::ins || i.op == Op::outs) return string_io(v, i, port);
    const auto width = static_cast<IoWidth>(i.size);
    if (i.op == Op::out)
        port_out(v, port, width, static_cast<std::uint32_t>(read_operand(r, i, 0)));
    else
        write_operand(r, i, 0, port_in(v, port, width));
    return retire(v, i.length);
}

} // namespace hv::guest
