// SPDX-License-Identifier: MIT
//
// Stores of the guest kernel into its own L1 tables, which are mapped read-only: decoded here, validated and applied
// by mm's update engine as one read-modify-write of the entry. See docs/traps.md.
#include "guest/emulate.hpp"
#include "guest/guest_ptr.hpp"
#include "mm/update.hpp"

namespace hv::guest {

namespace {

constexpr std::uint64_t cf = 1, pf = 4, af = 0x10, zf = 0x40, sf = 0x80, of = 0x800;

std::uint64_t value_mask(unsigned size) { return size == 8 ? ~0ULL : (1ULL << (8 * size)) - 1; }

/// ZF, SF and PF of a result.
std::uint64_t result_flags(std::uint64_t value, unsigned size)
{
    value &= value_mask(size);
    return (value == 0 ? zf : 0) | ((value >> (8 * size - 1) & 1) != 0 ? sf : 0) |
           (__builtin_parityll(value & 0xff) == 0 ? pf : 0);
}

/// All arithmetic flags of a - b.
std::uint64_t compare_flags(std::uint64_t a, std::uint64_t b, unsigned size)
{
    const std::uint64_t d = a - b, sign = 8 * size - 1;
    return result_flags(d, size) | ((a & value_mask(size)) < (b & value_mask(size)) ? cf : 0) |
           (((a ^ b ^ d) & 0x10) != 0 ? af : 0) | ((((a ^ b) & (a ^ d)) >> sign & 1) != 0 ? of : 0);
}

std::optional<mm::EntryAccess> access_of(const Instruction& i, const arch::GuestRegs& r)
{
    const std::uint64_t source = i.has_immediate ? i.immediate & value_mask(i.size) : read_operand(r, i, i.reg);
    using mm::EntryOp;
    switch (i.op) {
    case Op::mov_store:
    case Op::mov_store_imm:
    case Op::xchg: return mm::EntryAccess{EntryOp::exchange, i.size, source, 0};
    case Op::cmpxchg: return mm::EntryAccess{EntryOp::compare_exchange, i.size, source, read_operand(r, i, 0)};
    case Op::and_store: return mm::EntryAccess{EntryOp::bit_and, i.size, source, 0};
    case Op::or_store: return mm::EntryAccess{EntryOp::bit_or, i.size, source, 0};
    case Op::btr:
    case Op::bts:
        // A register's bit number may reach beyond the entry; none of ours would. Only whole entries.
        if (i.size != 8 || (!i.has_immediate && source > 63)) return std::nullopt;
        if (i.op == Op::bts) return mm::EntryAccess{EntryOp::bit_or, 8, 1ULL << (source & 63), 0};
        return mm::EntryAccess{EntryOp::bit_and, 8, ~(1ULL << (source & 63)), 0};
    default: return std::nullopt;
    }
}

void set_flags(arch::GuestRegs& r, std::uint64_t which, std::uint64_t values)
{
    r.rflags = (r.rflags & ~which) | (values & which);
}

/// What the instruction leaves in registers and flags, given the old contents.
void write_back(arch::GuestRegs& r, const Instruction& i, const mm::EntryAccess& a, std::uint64_t old)
{
    constexpr std::uint64_t all = cf | pf | af | zf | sf | of;
    switch (i.op) {
    case Op::xchg: write_operand(r, i, i.reg, old); break;
    case Op::cmpxchg:
        set_flags(r, all, compare_flags(a.expected, old, i.size));
        if (old != a.expected) write_operand(r, i, 0, old);
        break;
    case Op::and_store: set_flags(r, all & ~af, result_flags(old & a.operand, i.size)); break;
    case Op::or_store: set_flags(r, all & ~af, result_flags(old | a.operand, i.size)); break;
    case Op::btr: set_flags(r, cf, (old & ~a.operand) != 0 ? cf : 0); break;
    case Op::bts: set_flags(r, cf, (old & a.operand) != 0 ? cf : 0); break;
    default: break;
    }
}

} // namespace

/// mov or xchg of a 64-bit register with memory less than 128 bytes from where a base register points.
extern "C" bool store_page_table_entry(arch::GuestRegs& r, std::uint64_t address, VcpuState& v)
{
    const Result<std::uint32_t> code = load_word_from_guest(GuestVa{r.rip}); // fails if rip is near the end
    const std::uint32_t c = code.take(), mod = c >> 22 & 3, rm = c >> 16 & 7;
    const bool xchg = (c & 0xfff8) == 0x8748;
    if (!code.ok() || (!xchg && (c & 0xfff8) != 0x8948) || mod > 1 || rm == 4 || (mod == 0 && rm == 5)) return false;
    const std::int64_t displacement = mod == 0 ? 0 : static_cast<std::int8_t>(c >> 24);
    const std::uint64_t base = read_gpr(r, rm | (c & 1) << 3);
    if (base + static_cast<std::uint64_t>(displacement) != address || (r.rflags & flags::tf) != 0) return false;
    std::uint64_t& reg = gpr(r, (c >> 19 & 7) | (c & 4) << 1);
    v.count_updates(1);
    const auto old = mm::exchange_l1(v.kernel_root(), GuestVa{address}, reg, v.owner());
    if (!old.ok()) return false;
    if (xchg) reg = old.take();
    r.rip += 3 + mod;
    r.rflags &= ~flags::rf;
    return true;
}

std::optional<Outcome> emulate_page_table_write(VcpuState& v, arch::GuestRegs& r, std::uint64_t address)
{
    const Instruction i = decode(fetch(v).span());
    if (i.op == Op::unknown || !i.memory || i.size == 2) return std::nullopt;
    const bool segment = i.segment != Segment::flat;
    const std::uint64_t at =
        effective_address(i, r, segment ? v.base(PV_SEGBASE_FS) : 0, segment ? v.base(PV_SEGBASE_GS_KERNEL) : 0);
    if (at != address) return std::nullopt; // some other access of the instruction, or it changed under us
    const auto access = access_of(i, r);
    if (!access) return std::nullopt;
    v.count_updates(1);
    const auto old = mm::emulate_l1_access(v.kernel_root(), GuestVa{address}, *access, v.owner());
    if (old.error() == Error::restart) return Outcome::resume; // the guest executes it again
    if (!old.ok()) return std::nullopt;
    write_back(r, i, *access, old.take());
    return retire(v, r, i.length);
}

} // namespace hv::guest
