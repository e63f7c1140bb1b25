// SPDX-License-Identifier: MIT
//
// The decoder against encodings made by hand from the manual and seen in stock kernels.
#include "guest/decode.hpp"
#include <gtest/gtest.h>
#include <vector>

namespace hv::guest::test {

struct Case {
    const char* text;
    std::vector<std::uint8_t> bytes;
    Op op;
    unsigned size;
    std::uint64_t address; ///< Expected effective address; 0 = not a memory operand.
};

/// Register n holds 0x1000 * (n + 1); rip is 0x100000.
static arch::GuestRegs numbered()
{
    arch::GuestRegs r{};
    for (unsigned n = 0; n < 16; ++n)
        gpr(r, n) = 0x1000 * (n + 1);
    r.rip = 0x100000;
    return r;
}

static const std::vector<Case> cases{
    {"xchg %rcx,(%rbx)", {0x48, 0x87, 0x0b}, Op::xchg, 8, 0x4000},
    {"xchg %rax,(%rbx)", {0x48, 0x87, 0x03}, Op::xchg, 8, 0x4000},
    {"xchg %rax,0(%rbp)", {0x48, 0x87, 0x45, 0x00}, Op::xchg, 8, 0x6000},
    {"xchg %rsi,0(%rbp)", {0x48, 0x87, 0x75, 0x00}, Op::xchg, 8, 0x6000},
    {"mov %rax,(%r12)", {0x49, 0x89, 0x04, 0x24}, Op::mov_store, 8, 0xd000},
    {"mov %rax,(%r13,%r14,8)", {0x4b, 0x89, 0x44, 0xf5, 0x00}, Op::mov_store, 8, 0xe000 + 0xf000 * 8},
    {"mov %eax,disp32", {0x89, 0x04, 0x25, 0x00, 0x00, 0x00, 0x81}, Op::mov_store, 4, 0xffff'ffff'8100'0000},
    {"mov %rax,8(%rip)", {0x48, 0x89, 0x05, 0x08, 0, 0, 0}, Op::mov_store, 8, 0x100000 + 7 + 8},
    {"movq $-1,(%rdi)", {0x48, 0xc7, 0x07, 0xff, 0xff, 0xff, 0xff}, Op::mov_store_imm, 8, 0x8000},
    {"movb $5,-8(%rdi)", {0xc6, 0x47, 0xf8, 0x05}, Op::mov_store_imm, 1, 0x7ff8},
    {"lock andb $0xfd,(%r12)", {0xf0, 0x41, 0x80, 0x24, 0x24, 0xfd}, Op::and_store, 1, 0xd000},
    {"lock orq $2,(%rax)", {0xf0, 0x48, 0x83, 0x08, 0x02}, Op::or_store, 8, 0x1000},
    {"and %rdx,(%rsi)", {0x48, 0x21, 0x16}, Op::and_store, 8, 0x7000},
    {"lock btr $5,(%rdi)", {0xf0, 0x48, 0x0f, 0xba, 0x37, 0x05}, Op::btr, 8, 0x8000},
    {"lock bts $1,(%rdi)", {0xf0, 0x48, 0x0f, 0xba, 0x2f, 0x01}, Op::bts, 8, 0x8000},
    {"lock btr %rax,(%rdi)", {0xf0, 0x48, 0x0f, 0xb3, 0x07}, Op::btr, 8, 0x8000},
    {"lock cmpxchg %rdx,(%r8)", {0xf0, 0x49, 0x0f, 0xb1, 0x10}, Op::cmpxchg, 8, 0x9000},
    {"mov %ax,(%rdi)", {0x66, 0x89, 0x07}, Op::mov_store, 2, 0x8000},
    {"mov %eax,%fs:(%rdi)", {0x64, 0x89, 0x07}, Op::mov_store, 4, 0x8000 + 0x77000000},
    {"mov %eax,%gs:(%rdi)", {0x65, 0x89, 0x07}, Op::mov_store, 4, 0x8000 + 0x66000000},
    {"mov %eax,(%edi)", {0x67, 0x89, 0x07}, Op::mov_store, 4, 0x8000},
    {"in $0x60,%al", {0xe4, 0x60}, Op::in, 1, 0},
    {"in (%dx),%ax", {0x66, 0xed}, Op::in, 2, 0},
    {"rex.w in (%dx),%eax", {0x48, 0xed}, Op::in, 4, 0},
    {"out %al,(%dx)", {0xee}, Op::out, 1, 0},
    {"rep insw", {0xf3, 0x66, 0x6d}, Op::ins, 2, 0},
    {"rep outsb", {0xf3, 0x6e}, Op::outs, 1, 0},
    {"cli", {0xfa}, Op::cli, 4, 0},
    {"sti", {0xfb}, Op::sti, 4, 0},
    {"hlt", {0xf4}, Op::hlt, 4, 0},
    {"clts", {0x0f, 0x06}, Op::clts, 4, 0},
    {"wbinvd", {0x0f, 0x09}, Op::wbinvd, 4, 0},
    {"mov %cr2,%rdi", {0x0f, 0x20, 0xd7}, Op::mov_from_cr, 4, 0},
    {"mov %rax,%cr4", {0x0f, 0x22, 0xe0}, Op::mov_to_cr, 4, 0},
    {"mov %cr8,%rax", {0x44, 0x0f, 0x20, 0xc0}, Op::mov_from_cr, 4, 0},
    {"mov %cr0,%rax, mod 0", {0x0f, 0x20, 0x00}, Op::mov_from_cr, 4, 0},
    {"wrmsr", {0x0f, 0x30}, Op::wrmsr, 4, 0},
    {"rdmsr", {0x0f, 0x32}, Op::rdmsr, 4, 0},
    {"xsetbv", {0x0f, 0x01, 0xd1}, Op::xsetbv, 4, 0},
    {"cpuid", {0x0f, 0xa2}, Op::cpuid, 4, 0},
    {"int $0x80", {0xcd, 0x80}, Op::software_interrupt, 1, 0},
};

TEST(Decode, KnownInstructions)
{
    const arch::GuestRegs r = numbered();
    for (const Case& c : cases) {
        const Instruction i = decode(c.bytes);
        EXPECT_EQ(i.op, c.op) << c.text;
        EXPECT_EQ(i.length, c.bytes.size()) << c.text;
        EXPECT_EQ(i.size, c.size) << c.text;
        EXPECT_EQ(i.memory, c.address != 0) << c.text;
        const std::uint64_t address = c.address != 0 ? effective_address(i, r, 0x77000000, 0x66000000) : 0;
        EXPECT_EQ(address, c.address) << c.text;
    }
}

TEST(Decode, EveryTruncationIsUnknown)
{
    for (const Case& c : cases)
        for (std::size_t n = 0; n < c.bytes.size(); ++n)
            EXPECT_EQ(decode(std::span{c.bytes}.first(n)).op, Op::unknown) << c.text << " cut to " << n;
}

TEST(Decode, TrailingBytesDoNotCount)
{
    for (Case c : cases) {
        const std::size_t length = c.bytes.size();
        c.bytes.resize(15, 0xcc);
        EXPECT_EQ(decode(c.bytes).length, length) << c.text;
    }
}

TEST(Decode, WhatNobodyEmulatesIsUnknown)
{
    const std::vector<std::vector<std::uint8_t>> others{{0x90},
                                                        {0x8b, 0x07},
                                                        {0x0f, 0x01, 0xf8},
                                                        {0x0f, 0x01, 0x17},
                                                        {0x0f, 0x00, 0xd8},
                                                        {0x0f, 0xc7, 0x0f},
                                                        {0xc7, 0x4f, 0x01, 1, 0, 0, 0},
                                                        {0x80, 0x3f, 0x01},
                                                        {0x0f, 0xba, 0x27, 0x05},
                                                        {0x0f, 0x33},
                                                        {0xcc},
                                                        {}};
    for (const auto& bytes : others)
        EXPECT_EQ(decode(bytes).op, Op::unknown);
}

TEST(Decode, MoreThanFifteenBytesIsUnknown)
{
    std::vector<std::uint8_t> bytes(14, 0x66);
    bytes.push_back(0xfa);
    EXPECT_EQ(decode(bytes).op, Op::cli);
    bytes.insert(bytes.begin(), 0x66);
    EXPECT_EQ(decode(bytes).op, Op::unknown);
}

TEST(Decode, OperandsFollowTheRulesOfWidth)
{
    arch::GuestRegs r{};
    r.rax = 0x1122334455667788;
    r.rdx = 0;
    const Instruction byte_high = decode(std::vector<std::uint8_t>{0x86, 0x27});      // xchg %ah,(%rdi)
    const Instruction byte_spl = decode(std::vector<std::uint8_t>{0x40, 0x86, 0x27}); // xchg %spl,(%rdi)
    EXPECT_EQ(read_operand(r, byte_high, byte_high.reg), 0x77u);
    r.rsp = 0x99;
    EXPECT_EQ(read_operand(r, byte_spl, byte_spl.reg), 0x99u);
    write_operand(r, byte_high, byte_high.reg, 0xab);
    EXPECT_EQ(r.rax, 0x112233445566ab88u);
    const Instruction word = decode(std::vector<std::uint8_t>{0x66, 0x87, 0x07});
    write_operand(r, word, 0, 0x1234);
    EXPECT_EQ(r.rax, 0x1122334455661234u);
    const Instruction dword = decode(std::vector<std::uint8_t>{0x87, 0x07});
    write_operand(r, dword, 0, 0xdeadbeef);
    EXPECT_EQ(r.rax, 0xdeadbeefu); // the upper half is cleared
}

} // namespace hv::guest::test
