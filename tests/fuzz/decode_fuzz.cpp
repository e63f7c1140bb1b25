// SPDX-License-Identifier: MIT
//
// libFuzzer: the decoder on any bytes. What it accepts lies within the bytes, does not depend on what follows, and its
// operands stay within their widths.
#include "guest/decode.hpp"
#include <cstring>

using namespace hv::guest;

static void check(bool ok)
{
    if (!ok) __builtin_trap();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    hv::arch::GuestRegs r{};
    constexpr std::size_t context = sizeof(std::uint64_t) * 15;
    if (size < context) return 0;
    std::memcpy(static_cast<void*>(&r), data, context);
    const std::span bytes{data + context, size - context};

    const Instruction i = decode(bytes);
    if (i.op == Op::unknown) {
        check(i.length == 0);
        return 0;
    }
    check(i.length != 0 && i.length <= bytes.size() && i.length <= max_instruction_bytes);
    const Instruction alone = decode(bytes.first(i.length));
    check(alone.op == i.op && alone.length == i.length && alone.displacement == i.displacement);
    check(decode(bytes.first(i.length - 1U)).op == Op::unknown);
    check(i.size == 0 || i.size == 1 || i.size == 2 || i.size == 4 || i.size == 8);
    check(i.reg < 16 && i.rm < 16 && i.scale < 4 && i.index != 4 && i.base <= Instruction::rip_base);
    const std::uint64_t at = effective_address(i, r, 0, 0);
    check(!i.short_address || at >> 32 == 0);
    if (i.size == 0) return 0;
    const std::uint64_t limit = i.size == 8 ? ~0ULL : (1ULL << (8 * i.size)) - 1;
    const std::uint64_t before = read_operand(r, i, i.reg);
    check(before <= limit);
    write_operand(r, i, i.reg, ~before);
    check(read_operand(r, i, i.reg) == (~before & limit));
    return 0;
}
