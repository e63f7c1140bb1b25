// SPDX-License-Identifier: MIT
//
// A vCPU on the fake machine, without any frame under mm's rule: page tables are built by hand in fake RAM, so that
// tests of frames and emulation see exactly the memory they set up. Kernel root: identity for `kernel_base`...; user
// root: only `user_base`.... One page each is mapped, plus a kernel stack.
#pragma once
#include "arch/host/machine.hpp"
#include "guest/bounce.hpp"
#include "guest/guest_ptr.hpp"
#include "mm/window.hpp"
#include <gtest/gtest.h>
#include <memory>

namespace hv::guest::test {

inline constexpr std::uint64_t code_va = 0xffff'ffff'8100'0000, stack_va = 0xffff'c900'0000'0000, user_va = 0x40'0000,
                               stack_top = stack_va + page_size;
inline constexpr std::uint64_t handler_va = code_va + 0x800;

class Machine : public ::testing::Test {
protected:
    Machine()
    {
        arch::host::reset(64);
        owner = std::make_unique<mm::MemoryOwner>(DomainId{7}, mm::Privilege::none);
        v = std::make_unique<VcpuState>(VcpuId{0}, *owner, policy);
        v->hot.info = &info;
        v->hot.traps = traps.data();
        v->hot.kernel_mode = 1;
        v->cpu.debug[6] = 0xffff0ff0;
        const std::uint64_t kernel = new_frame(), user = new_frame();
        map(kernel, code_va, 7);
        map(kernel, stack_va, 7);
        const std::uint64_t page = map(kernel, user_va, 7);
        map(user, user_va, 7, page);
        v->hot.kernel_root = kernel << page_shift;
        v->hot.user_root = user << page_shift;
        v->hot.kernel_sp = stack_top;
        v->cpu.bases[PV_SEGBASE_GS_KERNEL] = 0x1000;
        v->cpu.bases[PV_SEGBASE_GS_USER] = 0x2000;
        v->load();
        auto& r = regs();
        r = {};
        r.rip = code_va + 0x57;
        r.cs = 0xe033;
        r.ss = 0xe02b;
        r.rflags = 0x246;
        r.rsp = stack_top - 0x1d8; // not 16-aligned
        for (unsigned i = 0; i < 256; ++i)
            traps[i] = {static_cast<std::uint8_t>(i), PV_TI_IF, 0x10, 0, handler_va + i};
    }
    ~Machine() override
    {
        if (v->loaded()) v->unload();
        v->hot.kernel_root = v->hot.user_root = 0; // they were no references
    }

    std::uint64_t new_frame() { return next_frame++; }

    /// Maps one page (a fresh one unless given) with @p flags; returns its frame.
    std::uint64_t map(std::uint64_t root, std::uint64_t va, std::uint64_t flags, std::uint64_t page = 0)
    {
        std::uint64_t table = root;
        for (unsigned shift = 39; shift > 12; shift -= 9) {
            std::uint64_t& e = mm::FrameWindow<std::uint64_t>{Mfn{table}}[va >> shift & 511];
            if (e == 0) e = new_frame() << page_shift | 7;
            table = e >> page_shift;
        }
        if (page == 0) page = new_frame();
        mm::FrameWindow<std::uint64_t>{Mfn{table}}[va >> 12 & 511] = page << page_shift | flags;
        return page;
    }

    arch::GuestRegs& regs() { return v->regs(); }

    void go_user()
    {
        v->enter_user_mode();
        regs().rip = user_va + 0x10;
        regs().cs = 0x33;
        regs().ss = 0x2b;
        regs().rsp = 0x7ffc'0000'1238;
        regs().rflags = 0x202;
    }

    /// Words at the guest's rsp.
    template <std::size_t N> std::array<std::uint64_t, N> frame()
    {
        std::array<std::uint64_t, N> w{};
        EXPECT_TRUE(In<std::uint64_t>{GuestVa{regs().rsp}}.read_array(w).ok());
        return w;
    }
    template <std::size_t N> void put(std::uint64_t va, const std::uint8_t (&bytes)[N])
    {
        ASSERT_TRUE(copy_to_guest_bytes(GuestVa{va}, std::as_bytes(std::span{bytes})).ok());
    }
    /// Places @p bytes at rip.
    template <std::size_t N> void code(const std::uint8_t (&bytes)[N]) { put(regs().rip, bytes); }

    std::unique_ptr<mm::MemoryOwner> owner;
    DomainPolicy policy;
    pv_vcpu_info info{};
    std::array<pv_trap_info, 256> traps{};
    std::unique_ptr<VcpuState> v;
    std::uint64_t next_frame = 1;
};

} // namespace hv::guest::test
