// SPDX-License-Identifier: MIT
//
// The emulators behind triage.hpp. Each answers nothing when the trap is not its own and then has changed nothing:
// the caller gives the fault to the guest. All work on the vCPU loaded on this CPU.
#pragma once
#include "guest/bounce.hpp"
#include "guest/decode.hpp"
#include "guest/flags.hpp"

namespace hv::guest {

/// The bytes at rip that could be read, at most one instruction's worth.
struct Fetched {
    std::array<std::uint8_t, max_instruction_bytes> bytes;
    std::size_t count;
    [[nodiscard]] std::span<const std::uint8_t> span() const { return {bytes.data(), count}; }
};
Fetched fetch(VcpuState& v);
Outcome deliver_single_step(VcpuState& v);
/// The instruction is done: steps over it, single-steps if the guest asked for that.
inline Outcome retire(VcpuState& v, arch::GuestRegs& r, unsigned length)
{
    r.rip += length;
    r.rflags &= ~flags::rf;
    return (r.rflags & flags::tf) == 0 ? Outcome::resume : deliver_single_step(v);
}
inline Outcome retire(VcpuState& v, unsigned length) { return retire(v, v.regs(), length); }

/// A write by the guest kernel that faulted at @p address, if it hit one of its L1 tables. @p r are its registers.
std::optional<Outcome> emulate_page_table_write(VcpuState& v, arch::GuestRegs& r, std::uint64_t address);
/// Its common way, called by fast.S with what is at rip. Null: nothing has been done. Else the operand, the only
/// register that may have changed; stepping over the instruction is left.
extern "C" std::uint64_t* store_page_table_entry(arch::GuestRegs& r, std::uint64_t address, std::uint32_t code,
                                                 VcpuState& v);
/// An instruction that raised #GP(0), which the guest gets if it is none of ours. @p r are its registers.
Outcome emulate_privileged(VcpuState& v, arch::GuestRegs& r);
/// in, out, ins, outs.
std::optional<Outcome> emulate_port_io(VcpuState& v, const Instruction& i);
/// The model-specific registers a guest kernel may name. Anything else is einval, which becomes #GP(0): stock kernels
/// read through accessors that survive it.
Result<std::uint64_t> read_guest_msr(VcpuState& v, std::uint32_t index);
Result<> write_guest_msr(VcpuState& v, std::uint32_t index, std::uint64_t value);
/// Would a CPU that has the components @p supported load @p x into XCR0? They must come with what they build on: SSE
/// with x87, AVX with SSE, the three parts of AVX-512 with each other and AVX. Anything else faults (SDM volume
/// 1, 13.3).
bool xcr0_ok(std::uint64_t x, std::uint64_t supported);
/// CPUID with the vCPU's registers; does not move rip.
void emulate_cpuid(VcpuState& v);

} // namespace hv::guest
