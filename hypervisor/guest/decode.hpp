// SPDX-License-Identifier: MIT
//
// The one instruction decoder: prefixes, REX, ModRM, SIB, displacement and immediate of exactly the instructions the
// emulators know. Pure function over a copy of the bytes; anything else is `unknown`.
#pragma once
#include "arch/guest_state.hpp"
#include <span>

namespace hv::guest {

enum class Op : std::uint8_t {
    unknown,
    // stores into page tables
    mov_store,
    mov_store_imm,
    xchg,
    cmpxchg,
    and_store,
    or_store,
    btr,
    bts,
    // port I/O; string forms read or write memory
    in,
    out,
    ins,
    outs,
    // privileged
    cli,
    sti,
    hlt,
    clts,
    wbinvd,
    mov_from_cr,
    mov_to_cr,
    mov_from_dr,
    mov_to_dr,
    rdmsr,
    wrmsr,
    xsetbv,
    cpuid,
    software_interrupt
};

enum class Segment : std::uint8_t { flat, fs, gs };

inline constexpr std::size_t max_instruction_bytes = 15;

struct Instruction {
    Op op = Op::unknown;
    std::uint8_t length = 0;
    std::uint8_t size = 0; ///< Operand bytes: 1, 2, 4 or 8.
    bool lock = false, repeat = false, rex = false;
    bool short_address = false; ///< Prefix 67: addresses and counts are 32 bits wide.
    Segment segment = Segment::flat;
    std::uint8_t reg = 0;       ///< ModRM.reg with REX.R: register operand, CR or DR number.
    bool memory = false;        ///< The other operand is memory, else register `rm`.
    bool has_immediate = false; ///< The source is `immediate`, not `reg` (port, mask, bit or value).
    std::uint8_t rm = 0;
    std::int8_t base = -1, index = -1; ///< Register numbers; -1 = none. rip_base: the next instruction's address.
    static constexpr std::int8_t rip_base = 16;
    std::uint8_t scale = 0; ///< Shift.
    std::int32_t displacement = 0;
    std::uint64_t immediate = 0; ///< Sign-extended.
};

/// @p bytes start at the instruction; fewer than it needs, or an instruction nobody here emulates: Op::unknown.
Instruction decode(std::span<const std::uint8_t> bytes);

/// Linear address of the memory operand. @p fs_base and @p gs_base are those in force.
std::uint64_t effective_address(const Instruction& i, const arch::GuestRegs& r, std::uint64_t fs_base,
                                std::uint64_t gs_base);

/// General register @p number (0 = rax ... 15) as 64 bits.
std::uint64_t& gpr(arch::GuestRegs& r, unsigned number);
std::uint64_t read_gpr(const arch::GuestRegs& r, unsigned number);
constexpr std::uint64_t mask_of(unsigned bytes) { return bytes == 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1; }
/// Operand of @p i.size bytes in register @p number, with the byte registers ah..bh where there is no REX.
std::uint64_t read_operand(const arch::GuestRegs& r, const Instruction& i, unsigned number);
/// Writes as the CPU does: 4-byte writes clear the upper half, narrower ones merge.
void write_operand(arch::GuestRegs& r, const Instruction& i, unsigned number, std::uint64_t value);

} // namespace hv::guest
