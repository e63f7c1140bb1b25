// SPDX-License-Identifier: MIT
//
// See decode.hpp. Encodings: SDM volume 2, chapters 2 and appendix A.
#include "guest/decode.hpp"
#include <array>
#include <cstddef>

namespace hv::guest {

namespace {

/// How an opcode's operands are encoded.
enum class Form : std::uint8_t { bare, modrm, modrm_imm, modrm_imm8, imm8, register_only };
/// Of a pair, the table has the opcode for bytes; the next one does the same to wider operands.
enum class Sizes : std::uint8_t { wide, byte, pair };
struct Pattern {
    std::uint16_t opcode; ///< 0fxx of two-byte ones.
    Op op;
    Form form;
    Sizes sizes;
    std::int8_t extension = -1; ///< ModRM.reg that selects it, or -1.
    [[nodiscard]] constexpr bool covers(unsigned o) const { return o - opcode <= (sizes == Sizes::pair ? 1U : 0U); }
};

constexpr std::array patterns{
    Pattern{0x08, Op::or_store, Form::modrm, Sizes::pair},
    Pattern{0x20, Op::and_store, Form::modrm, Sizes::pair},
    Pattern{0x6c, Op::ins, Form::bare, Sizes::pair},
    Pattern{0x6e, Op::outs, Form::bare, Sizes::pair},
    Pattern{0x80, Op::and_store, Form::modrm_imm, Sizes::pair, 4},
    Pattern{0x80, Op::or_store, Form::modrm_imm, Sizes::pair, 1},
    Pattern{0x83, Op::and_store, Form::modrm_imm8, Sizes::wide, 4},
    Pattern{0x83, Op::or_store, Form::modrm_imm8, Sizes::wide, 1},
    Pattern{0x86, Op::xchg, Form::modrm, Sizes::pair},
    Pattern{0x88, Op::mov_store, Form::modrm, Sizes::pair},
    Pattern{0xc6, Op::mov_store_imm, Form::modrm_imm, Sizes::pair, 0},
    Pattern{0xcd, Op::software_interrupt, Form::imm8, Sizes::byte},
    Pattern{0xe4, Op::in, Form::imm8, Sizes::pair},
    Pattern{0xe6, Op::out, Form::imm8, Sizes::pair},
    Pattern{0xec, Op::in, Form::bare, Sizes::pair},
    Pattern{0xee, Op::out, Form::bare, Sizes::pair},
    Pattern{0xf4, Op::hlt, Form::bare, Sizes::wide},
    Pattern{0xfa, Op::cli, Form::bare, Sizes::wide},
    Pattern{0xfb, Op::sti, Form::bare, Sizes::wide},
    Pattern{0x0f01, Op::xsetbv, Form::modrm, Sizes::wide, 2},
    Pattern{0x0f06, Op::clts, Form::bare, Sizes::wide},
    Pattern{0x0f09, Op::wbinvd, Form::bare, Sizes::wide},
    Pattern{0x0f20, Op::mov_from_cr, Form::register_only, Sizes::wide},
    Pattern{0x0f21, Op::mov_from_dr, Form::register_only, Sizes::wide},
    Pattern{0x0f22, Op::mov_to_cr, Form::register_only, Sizes::wide},
    Pattern{0x0f23, Op::mov_to_dr, Form::register_only, Sizes::wide},
    Pattern{0x0f30, Op::wrmsr, Form::bare, Sizes::wide},
    Pattern{0x0f32, Op::rdmsr, Form::bare, Sizes::wide},
    Pattern{0x0fa2, Op::cpuid, Form::bare, Sizes::wide},
    Pattern{0x0fab, Op::bts, Form::modrm, Sizes::wide},
    Pattern{0x0fb0, Op::cmpxchg, Form::modrm, Sizes::pair},
    Pattern{0x0fb3, Op::btr, Form::modrm, Sizes::wide},
    Pattern{0x0fba, Op::bts, Form::modrm_imm8, Sizes::wide, 5},
    Pattern{0x0fba, Op::btr, Form::modrm_imm8, Sizes::wide, 6},
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
        __builtin_memcpy(&v, &b_[at_], bytes);
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

/// Moves to and from CR and DR name registers, whatever the mod field says.
void read_modrm(Bytes& b, Instruction& i, const Prefixes& p, Form form)
{
    const std::uint8_t modrm = b.next();
    const unsigned mod = modrm >> 6, rm = modrm & 7;
    i.reg = static_cast<std::uint8_t>((modrm >> 3 & 7) | p.extend(2));
    i.rm = static_cast<std::uint8_t>(rm | p.extend(0));
    i.memory = mod != 3 && form != Form::register_only;
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

/// Opcode, two-byte ones behind the others, to the first of its patterns, which are neighbours; 0xff = none.
constexpr auto index = [] {
    std::array<std::uint8_t, 512> first{};
    first.fill(0xff);
    for (std::size_t n = patterns.size(); n-- > 0;)
        for (unsigned o = 0; o < first.size(); ++o)
            if (patterns[n].covers(o < 256 ? o : o - 256 + 0x0f00)) first[o] = static_cast<std::uint8_t>(n);
    return first;
}();

const Pattern* find(unsigned opcode, std::uint8_t modrm)
{
    for (std::size_t n = index[opcode < 256 ? opcode : opcode - 0x0f00 + 256];
         n < patterns.size() && patterns[n].covers(opcode); ++n)
        if (patterns[n].extension < 0 || patterns[n].extension == (modrm >> 3 & 7)) return &patterns[n];
    return nullptr;
}

void read_operands(Bytes& b, Instruction& i, const Prefixes& p, Form form)
{
    if (form != Form::bare && form != Form::imm8) read_modrm(b, i, p, form);
    i.has_immediate = form == Form::imm8 || form == Form::modrm_imm8 || form == Form::modrm_imm;
    if (!i.has_immediate) return;
    const unsigned bytes = form != Form::modrm_imm || i.size == 1 ? 1 : i.size == 2 ? 2 : 4;
    i.immediate = static_cast<std::uint64_t>(b.signed_value(bytes));
}

} // namespace

Instruction decode(std::span<const std::uint8_t> bytes)
{
    Instruction i;
    Bytes b{bytes};
    const Prefixes p = read_prefixes(b, i);
    unsigned opcode = b.next();
    if (opcode == 0x0f) opcode = 0x0f00 | b.next();
    const Pattern* const pattern = find(opcode, b.peek());
    if (pattern == nullptr) return Instruction{};
    const bool port_io = pattern->op >= Op::in && pattern->op <= Op::outs; // never 8 bytes
    const bool byte = pattern->sizes != Sizes::wide && opcode == pattern->opcode;
    i.size = byte ? 1 : (p.rex & 8) != 0 && !port_io ? 8 : p.operand16 ? 2 : 4;
    read_operands(b, i, p, pattern->form);
    if (b.failed() || (pattern->op == Op::xsetbv && (i.memory || i.rm != 1))) return Instruction{}; // d1, no other
    i.op = pattern->op;
    i.length = static_cast<std::uint8_t>(b.position());
    return i;
}

std::uint64_t& gpr(arch::GuestRegs& r, unsigned number)
{
    using R = arch::GuestRegs;
    static constexpr std::uint8_t at[] = {offsetof(R, rax), offsetof(R, rcx), offsetof(R, rdx), offsetof(R, rbx),
                                          offsetof(R, rsp), offsetof(R, rbp), offsetof(R, rsi), offsetof(R, rdi),
                                          offsetof(R, r8),  offsetof(R, r9),  offsetof(R, r10), offsetof(R, r11),
                                          offsetof(R, r12), offsetof(R, r13), offsetof(R, r14), offsetof(R, r15)};
    return *reinterpret_cast<std::uint64_t*>(reinterpret_cast<std::byte*>(&r) + at[number & 15]);
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
