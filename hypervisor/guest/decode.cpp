// SPDX-License-Identifier: MIT
//
// See decode.hpp. Encodings: SDM volume 2, chapters 2 and appendix A.
#include "guest/decode.hpp"
#include <array>

namespace hv::guest {

namespace {

/// How an opcode's operands are encoded.
enum class Form : std::uint8_t { bare, modrm, modrm_imm, modrm_imm8, imm8, register_only };
struct Pattern {
    std::uint8_t opcode;
    Op op;
    Form form;
    bool byte_operand;
    std::int8_t extension = -1; ///< ModRM.reg that selects it, or -1.
};

constexpr std::array one_byte{
    Pattern{0x08, Op::or_store, Form::modrm, true},
    Pattern{0x09, Op::or_store, Form::modrm, false},
    Pattern{0x20, Op::and_store, Form::modrm, true},
    Pattern{0x21, Op::and_store, Form::modrm, false},
    Pattern{0x6c, Op::ins, Form::bare, true},
    Pattern{0x6d, Op::ins, Form::bare, false},
    Pattern{0x6e, Op::outs, Form::bare, true},
    Pattern{0x6f, Op::outs, Form::bare, false},
    Pattern{0x80, Op::and_store, Form::modrm_imm8, true, 4},
    Pattern{0x80, Op::or_store, Form::modrm_imm8, true, 1},
    Pattern{0x81, Op::and_store, Form::modrm_imm, false, 4},
    Pattern{0x81, Op::or_store, Form::modrm_imm, false, 1},
    Pattern{0x83, Op::and_store, Form::modrm_imm8, false, 4},
    Pattern{0x83, Op::or_store, Form::modrm_imm8, false, 1},
    Pattern{0x86, Op::xchg, Form::modrm, true},
    Pattern{0x87, Op::xchg, Form::modrm, false},
    Pattern{0x88, Op::mov_store, Form::modrm, true},
    Pattern{0x89, Op::mov_store, Form::modrm, false},
    Pattern{0xc6, Op::mov_store_imm, Form::modrm_imm8, true, 0},
    Pattern{0xc7, Op::mov_store_imm, Form::modrm_imm, false, 0},
    Pattern{0xcd, Op::software_interrupt, Form::imm8, true},
    Pattern{0xe4, Op::in, Form::imm8, true},
    Pattern{0xe5, Op::in, Form::imm8, false},
    Pattern{0xe6, Op::out, Form::imm8, true},
    Pattern{0xe7, Op::out, Form::imm8, false},
    Pattern{0xec, Op::in, Form::bare, true},
    Pattern{0xed, Op::in, Form::bare, false},
    Pattern{0xee, Op::out, Form::bare, true},
    Pattern{0xef, Op::out, Form::bare, false},
    Pattern{0xf4, Op::hlt, Form::bare, false},
    Pattern{0xfa, Op::cli, Form::bare, false},
    Pattern{0xfb, Op::sti, Form::bare, false},
};
constexpr std::array two_byte{
    Pattern{0x06, Op::clts, Form::bare, false},
    Pattern{0x09, Op::wbinvd, Form::bare, false},
    Pattern{0x20, Op::mov_from_cr, Form::register_only, false},
    Pattern{0x21, Op::mov_from_dr, Form::register_only, false},
    Pattern{0x22, Op::mov_to_cr, Form::register_only, false},
    Pattern{0x23, Op::mov_to_dr, Form::register_only, false},
    Pattern{0x30, Op::wrmsr, Form::bare, false},
    Pattern{0x32, Op::rdmsr, Form::bare, false},
    Pattern{0xa2, Op::cpuid, Form::bare, false},
    Pattern{0xab, Op::bts, Form::modrm, false},
    Pattern{0xb0, Op::cmpxchg, Form::modrm, true},
    Pattern{0xb1, Op::cmpxchg, Form::modrm, false},
    Pattern{0xb3, Op::btr, Form::modrm, false},
    Pattern{0xba, Op::bts, Form::modrm_imm8, false, 5},
    Pattern{0xba, Op::btr, Form::modrm_imm8, false, 6},
};

/// A cursor over the bytes; past the end every read fails for good.
class Bytes {
public:
    explicit Bytes(std::span<const std::uint8_t> b) : b_{b.first(b.size() < 15 ? b.size() : 15)} {}
    std::uint8_t next() { return ok(1) ? b_[at_++] : 0; }
    [[nodiscard]] std::uint8_t peek() const { return at_ < b_.size() ? b_[at_] : 0; }
    std::int64_t signed_value(unsigned bytes)
    {
        if (!ok(bytes)) return 0;
        std::uint64_t v = 0;
        for (unsigned i = 0; i < bytes; ++i)
            v |= std::uint64_t{b_[at_ + i]} << (8 * i);
        at_ += bytes;
        const unsigned shift = 64 - 8 * bytes;
        return static_cast<std::int64_t>(v << shift) >> shift;
    }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::size_t position() const { return at_; }

private:
    bool ok(std::size_t n)
    {
        failed_ |= b_.size() - at_ < n;
        return !failed_;
    }
    std::span<const std::uint8_t> b_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

struct Prefixes {
    bool operand16 = false;
    std::uint8_t rex = 0;
    [[nodiscard]] std::uint8_t extend(unsigned bit) const { return static_cast<std::uint8_t>((rex >> bit & 1) << 3); }
};

Prefixes read_prefixes(Bytes& b, Instruction& i)
{
    Prefixes p;
    for (;; b.next()) {
        switch (b.peek()) {
        case 0x66: p.operand16 = true; continue;
        case 0x67: i.short_address = true; continue;
        case 0xf0: i.lock = true; continue;
        case 0xf2:
        case 0xf3: i.repeat = true; continue;
        case 0x64: i.segment = Segment::fs; continue;
        case 0x65: i.segment = Segment::gs; continue;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e: continue; // flat in 64-bit mode
        default: break;
        }
        break;
    }
    if ((b.peek() & 0xf0) == 0x40) p.rex = b.next();
    i.rex = p.rex != 0;
    return p;
}

void read_sib(Bytes& b, Instruction& i, const Prefixes& p, unsigned mod)
{
    const std::uint8_t sib = b.next();
    const auto index = static_cast<std::int8_t>((sib >> 3 & 7) | p.extend(1));
    i.scale = sib >> 6;
    i.index = index == 4 ? std::int8_t{-1} : index;
    if ((sib & 7) == 5 && mod == 0)
        i.displacement = static_cast<std::int32_t>(b.signed_value(4));
    else
        i.base = static_cast<std::int8_t>((sib & 7) | p.extend(0));
}

void read_modrm(Bytes& b, Instruction& i, const Prefixes& p)
{
    const std::uint8_t modrm = b.next();
    const unsigned mod = modrm >> 6, rm = modrm & 7;
    i.reg = static_cast<std::uint8_t>((modrm >> 3 & 7) | p.extend(2));
    i.rm = static_cast<std::uint8_t>(rm | p.extend(0));
    i.memory = mod != 3;
    if (!i.memory) return;
    if (rm == 4)
        read_sib(b, i, p, mod);
    else if (mod == 0 && rm == 5) {
        i.base = Instruction::rip_base;
        i.displacement = static_cast<std::int32_t>(b.signed_value(4));
    } else
        i.base = static_cast<std::int8_t>(i.rm);
    if (mod != 0) i.displacement = static_cast<std::int32_t>(b.signed_value(mod == 1 ? 1 : 4));
}

/// Opcode to the first of its patterns, which are neighbours; 0xff = none.
template <std::size_t N> consteval std::array<std::uint8_t, 256> make_index(const std::array<Pattern, N>& patterns)
{
    std::array<std::uint8_t, 256> index{};
    index.fill(0xff);
    for (std::size_t n = N; n-- > 0;)
        index[patterns[n].opcode] = static_cast<std::uint8_t>(n);
    return index;
}
constexpr auto one_byte_index = make_index(one_byte);
constexpr auto two_byte_index = make_index(two_byte);

template <std::size_t N>
const Pattern* find(const std::array<Pattern, N>& patterns, const std::array<std::uint8_t, 256>& index,
                    std::uint8_t opcode, std::uint8_t modrm)
{
    for (std::size_t n = index[opcode]; n < N && patterns[n].opcode == opcode; ++n)
        if (patterns[n].extension < 0 || patterns[n].extension == (modrm >> 3 & 7)) return &patterns[n];
    return nullptr;
}

/// Moves to and from CR and DR: always registers, whatever the mod field says.
void read_register_modrm(Bytes& b, Instruction& i, const Prefixes& p)
{
    const std::uint8_t modrm = b.next();
    i.reg = static_cast<std::uint8_t>((modrm >> 3 & 7) | p.extend(2));
    i.rm = static_cast<std::uint8_t>((modrm & 7) | p.extend(0));
}

void read_operands(Bytes& b, Instruction& i, const Prefixes& p, Form form)
{
    if (form == Form::register_only)
        read_register_modrm(b, i, p);
    else if (form != Form::bare && form != Form::imm8)
        read_modrm(b, i, p);
    i.has_immediate = form == Form::imm8 || form == Form::modrm_imm8 || form == Form::modrm_imm;
    if (!i.has_immediate) return;
    const unsigned bytes = form != Form::modrm_imm ? 1 : i.size == 2 ? 2 : 4;
    i.immediate = static_cast<std::uint64_t>(b.signed_value(bytes));
}

} // namespace

Instruction decode(std::span<const std::uint8_t> bytes)
{
    Instruction i;
    Bytes b{bytes};
    const Prefixes p = read_prefixes(b, i);
    std::uint8_t opcode = b.next();
    const bool two = opcode == 0x0f;
    if (two) opcode = b.next();
    if (two && opcode == 0x01 && b.peek() == 0xd1) {
        b.next();
        i.op = Op::xsetbv;
        i.length = static_cast<std::uint8_t>(b.position());
        return b.failed() ? Instruction{} : i;
    }
    const Pattern* pattern =
        two ? find(two_byte, two_byte_index, opcode, b.peek()) : find(one_byte, one_byte_index, opcode, b.peek());
    if (pattern == nullptr) return Instruction{};
    const bool port_io = pattern->op >= Op::in && pattern->op <= Op::outs; // never 8 bytes
    i.size = pattern->byte_operand ? 1 : (p.rex & 8) != 0 && !port_io ? 8 : p.operand16 ? 2 : 4;
    read_operands(b, i, p, pattern->form);
    if (b.failed()) return Instruction{};
    i.op = pattern->op;
    i.length = static_cast<std::uint8_t>(b.position());
    return i;
}

std::uint64_t& gpr(arch::GuestRegs& r, unsigned number)
{
    using R = arch::GuestRegs;
    static constexpr std::uint64_t R::*field[] = {&R::rax, &R::rcx, &R::rdx, &R::rbx, &R::rsp, &R::rbp,
                                                  &R::rsi, &R::rdi, &R::r8,  &R::r9,  &R::r10, &R::r11,
                                                  &R::r12, &R::r13, &R::r14, &R::r15};
    return r.*field[number & 15];
}

std::uint64_t read_gpr(const arch::GuestRegs& r, unsigned number)
{
    return gpr(const_cast<arch::GuestRegs&>(r), number); // read only
}

std::uint64_t effective_address(const Instruction& i, const arch::GuestRegs& r, std::uint64_t fs_base,
                                std::uint64_t gs_base)
{
    auto a = static_cast<std::uint64_t>(static_cast<std::int64_t>(i.displacement));
    if (i.base == Instruction::rip_base)
        a += r.rip + i.length;
    else if (i.base >= 0)
        a += read_gpr(r, static_cast<unsigned>(i.base));
    if (i.index >= 0) a += read_gpr(r, static_cast<unsigned>(i.index)) << i.scale;
    if (i.short_address) a = static_cast<std::uint32_t>(a);
    return a + (i.segment == Segment::fs ? fs_base : i.segment == Segment::gs ? gs_base : 0);
}

static constexpr std::uint64_t mask_of(unsigned bytes) { return bytes == 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1; }

/// ah, ch, dh, bh: byte registers 4 to 7 when the instruction has no REX prefix.
static bool is_high_byte(const Instruction& i, unsigned number)
{
    return i.size == 1 && !i.rex && number >= 4 && number < 8;
}

std::uint64_t read_operand(const arch::GuestRegs& r, const Instruction& i, unsigned number)
{
    if (is_high_byte(i, number)) return read_gpr(r, number - 4) >> 8 & 0xff;
    return read_gpr(r, number) & mask_of(i.size);
}

void write_operand(arch::GuestRegs& r, const Instruction& i, unsigned number, std::uint64_t value)
{
    if (is_high_byte(i, number)) {
        std::uint64_t& g = gpr(r, number - 4);
        g = (g & ~0xff00ULL) | (value & 0xff) << 8;
        return;
    }
    std::uint64_t& g = gpr(r, number);
    const std::uint64_t keep = i.size >= 4 ? 0 : ~mask_of(i.size);
    g = (g & keep) | (value & mask_of(i.size));
}

} // namespace hv::guest
