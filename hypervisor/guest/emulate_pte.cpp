// SPDX-License-Identifier: MIT
//
// Stores of the guest kernel into its own L1 tables, which are mapped read-only: decoded here, validated and applied
// by mm's update engine as one read-modify-write of the entry. See docs/traps.md.
#include "guest/emulate.hpp"
#include "guest/guest_ptr.hpp"
#include "mm/level1.hpp"

namespace hv::guest {

namespace {

constexpr std::uint64_t cf = 1, pf = 4, af = 0x10, zf = 0x40, sf = 0x80, of = 0x800;

/// ZF, SF and PF of a result.
std::uint64_t result_flags(std::uint64_t value, unsigned size)
{
    value &= mask_of(size);
    return (value == 0 ? zf : 0) | ((value >> (8 * size - 1) & 1) != 0 ? sf : 0) |
           (__builtin_parityll(value & 0xff) == 0 ? pf : 0);
}

/// All arithmetic flags of a - b.
std::uint64_t compare_flags(std::uint64_t a, std::uint64_t b, unsigned size)
{
    const std::uint64_t d = a - b, sign = 8 * size - 1;
    return result_flags(d, size) | ((a & mask_of(size)) < (b & mask_of(size)) ? cf : 0) |
           (((a ^ b ^ d) & 0x10) != 0 ? af : 0) | ((((a ^ b) & (a ^ d)) >> sign & 1) != 0 ? of : 0);
}

/// What the instruction makes of an entry whose bytes from bit @p shift on it names.
std::optional<mm::EntryAccess> access_of(const Instruction& i, const arch::GuestRegs& r, unsigned shift)
{
    const std::uint64_t source = i.has_immediate ? i.immediate & mask_of(i.size) : read_operand(r, i, i.reg);
    const std::uint64_t others = ~(mask_of(i.size) << shift), set = source << shift, bit = 1ULL << (source & 63);
    switch (i.op) {
    case Op::mov_store:
    case Op::mov_store_imm:
    case Op::xchg: return mm::EntryAccess{others, set};
    case Op::cmpxchg: return mm::EntryAccess{others, set, ~others, read_operand(r, i, 0) << shift};
    case Op::and_store: return mm::EntryAccess{others | set, 0};
    case Op::or_store: return mm::EntryAccess{~0ULL, set};
    case Op::btr:
    case Op::bts:
        // A register's bit number may reach beyond the entry; none of ours would. Only whole entries.
        if (i.size != 8 || (!i.has_immediate && source > 63)) return std::nullopt;
        return i.op == Op::bts ? mm::EntryAccess{~0ULL, bit} : mm::EntryAccess{~bit, 0};
    default: return std::nullopt;
    }
}

/// What the instruction leaves in registers and flags, given the old entry.
void write_back(arch::GuestRegs& r, const Instruction& i, const mm::EntryAccess& a, std::uint64_t old, unsigned shift)
{
    constexpr std::uint64_t all = cf | pf | af | zf | sf | of;
    const auto set = [&r](std::uint64_t which, std::uint64_t to) { r.rflags = (r.rflags & ~which) | (to & which); };
    const std::uint64_t seen = old >> shift & mask_of(i.size), expected = read_operand(r, i, 0);
    switch (i.op) {
    case Op::xchg: write_operand(r, i, i.reg, seen); break;
    case Op::cmpxchg:
        set(all, compare_flags(expected, seen, i.size));
        if (seen != expected) write_operand(r, i, 0, seen);
        break;
    case Op::and_store:
    case Op::or_store: set(all & ~af, result_flags(((old & a.keep) | a.set) >> shift, i.size)); break;
    case Op::btr:
    case Op::bts: set(cf, (old & (~a.keep | a.set)) != 0 ? cf : 0); break;
    default: break;
    }
}

} // namespace

/// mov or xchg of a 64-bit register with memory less than 128 bytes from where a base register points.
extern "C" std::uint64_t* store_page_table_entry(arch::GuestRegs& r, std::uint64_t address, std::uint32_t code,
                                                 VcpuState& v)
{
    constexpr std::uint32_t byte_displacement = 1 << 22, other_mod = 1 << 23, is_mov = 0x800;
    const std::uint32_t opcode = code & 0xfff8, rm = code >> 16 & 7;
    if ((opcode != 0x8748 && opcode != 0x8948) || (code & other_mod) != 0 || rm == 4) [[unlikely]]
        return nullptr;
    std::uint64_t target = read_gpr(r, rm | (code & 1) << 3);
    if ((code & byte_displacement) != 0)
        target += static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(code) >> 24));
    else if (rm == 5) [[unlikely]]
        return nullptr;
    if (target != address || (r.rflags & flags::tf) != 0) [[unlikely]]
        return nullptr;
    std::uint64_t& reg = gpr(r, (code >> 19 & 7) | (code & 4) << 1);
    const auto leaf = mm::level1::walk(v.kernel_root(), GuestVa{address}, 0);
    std::uint64_t value = reg, at = (leaf.take() & mm::pte::frame_mask) | address % page_size;
    if (!leaf.ok() || !mm::level1::exchange(v.owner(), at, value)) [[unlikely]]
        return nullptr;
    v.count_updates(1);
    if ((code & is_mov) == 0) reg = value;
    return &reg;
}

std::optional<Outcome> emulate_page_table_write(VcpuState& v, arch::GuestRegs& r, std::uint64_t address)
{
    const Instruction i = decode(fetch(v).span());
    const auto offset = static_cast<unsigned>(address % 8);
    if (i.op == Op::unknown || !i.memory || i.size == 2 || offset + i.size > 8) return std::nullopt;
    const std::uint64_t at = effective_address(i, r, v.base(PV_SEGBASE_FS), v.base(PV_SEGBASE_GS_KERNEL));
    if (at != address) return std::nullopt; // some other access of the instruction, or it changed under us
    const auto access = access_of(i, r, offset * 8);
    if (!access) return std::nullopt;
    const auto old = mm::emulate_l1_access(v.kernel_root(), GuestVa{address}, *access, v.owner());
    if (old.error() == Error::restart) return Outcome::resume; // the guest executes it again
    if (!old.ok()) return std::nullopt;
    v.count_updates(1);
    write_back(r, i, *access, old.take(), offset * 8);
    return retire(v, r, i.length);
}

} // namespace hv::guest
