// SPDX-License-Identifier: MIT
//
// See triage.hpp. One function a kind of trap; docs/traps.md has a section for each.
#include "guest/triage.hpp"
#include "guest/emulate.hpp"
#include "guest/guest_ptr.hpp"
#include "pv-abi/version.h"

namespace hv::guest {

namespace {

constexpr unsigned debug = 1, invalid_opcode = 6, device_not_available = 7, general_protection = 13, page_fault = 14;
constexpr std::uint32_t idt_error = 2;
constexpr std::uint32_t with_error =
    1U << 8 | 1U << 10 | 1U << 11 | 1U << 12 | 1U << 13 | 1U << 14 | 1U << 17 | 1U << 21;

[[gnu::noinline]] Outcome on_page_fault(VcpuState& v, arch::GuestRegs& r, std::uint64_t address)
{
    constexpr std::uint32_t present = 1, write = 2, reserved_or_fetch = 8 | 16;
    const std::uint32_t error = r.error_code;
    const bool write_protection = (error & (present | write | reserved_or_fetch)) == (present | write);
    if (write_protection && v.kernel_mode())
        if (const auto done = emulate_page_table_write(v, r, address)) return *done;
    return deliver_page_fault(v, address, error);
}

/// `int n`: permitted by the handler's DPL as for a kernel in ring 1 and user code in ring 3.
Outcome software_interrupt(VcpuState& v, std::uint8_t vector, unsigned length)
{
    const unsigned ring = !v.kernel_mode() ? 3 : v.policy().sees_iopl() ? 0 : 1;
    const pv_trap_info& t = v.hot.traps[vector];
    if ((t.flags & PV_TI_DPL_MASK) < ring || t.address == 0)
        return deliver_trap(v, general_protection, vector * 8U + idt_error);
    v.regs().rip += length;
    return deliver_trap(v, vector, std::nullopt);
}

/// The instruction names the vector; some machines garble it in the error code.
Outcome on_interrupt_refused(VcpuState& v, std::uint32_t error)
{
    const Instruction i = decode(fetch(v).span());
    if (i.op != Op::software_interrupt) return deliver_trap(v, general_protection, error);
    return software_interrupt(v, static_cast<std::uint8_t>(i.immediate), i.length);
}

/// ud2, the letters "xen", cpuid: a CPUID that traps everywhere, also from user mode.
bool is_cpuid_request(const Fetched& f)
{
    constexpr std::array<std::uint8_t, 7> request{PV_EMULATE_PREFIX, 0x0f, 0xa2};
    return f.count >= request.size() && __builtin_memcmp(f.bytes.data(), request.data(), request.size()) == 0;
}

Outcome on_invalid_opcode(VcpuState& v)
{
    if (!is_cpuid_request(fetch(v))) return deliver_trap(v, invalid_opcode, std::nullopt);
    emulate_cpuid(v);
    return retire(v, 7);
}

/// Only the guest's own TS is a reason; it is cleared so that the handler need not ask.
Outcome on_device_not_available(VcpuState& v)
{
    if (v.cpu.task_switched == arch::TaskSwitched::clear) {
        arch::set_task_switched(arch::TaskSwitched::clear);
        return Outcome::resume;
    }
    v.set_task_switched(arch::TaskSwitched::clear);
    return deliver_trap(v, device_not_available, std::nullopt);
}

[[gnu::noinline]] Outcome other_trap(VcpuState& v, arch::GuestRegs& r, unsigned vector)
{
    const std::uint32_t error = r.error_code;
    switch (vector) {
    case general_protection:
        if ((error & idt_error) != 0) return on_interrupt_refused(v, error);
        break;
    case invalid_opcode: return on_invalid_opcode(v);
    case device_not_available: return on_device_not_available(v);
    case debug: v.cpu.debug[6] = arch::read_debug_status(); break;
    default: break;
    }
    if (vector >= 32) { // a gate that user code may use: rip is already behind the instruction
        r.rip -= 2;
        return software_interrupt(v, static_cast<std::uint8_t>(vector), 2);
    }
    return deliver_trap(v, vector, (with_error >> vector & 1) != 0 ? std::optional{error} : std::nullopt);
}

} // namespace

Outcome handle_trap(VcpuState& v, arch::GuestRegs& r, std::uint64_t fault_address)
{
    const unsigned vector = r.entry_vector;
    if (vector == page_fault) return on_page_fault(v, r, fault_address);
    if (vector == general_protection && r.error_code == 0) return emulate_privileged(v, r);
    return other_trap(v, r, vector);
}

} // namespace hv::guest
