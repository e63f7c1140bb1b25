// SPDX-License-Identifier: MIT
//
// Frames bit by bit, as stock kernels were seen to get them; and what iret takes back.
#include "tests/unit/guest/machine.hpp"

namespace hv::guest::test {

using Bounce = Machine;
using Words7 = std::array<std::uint64_t, 7>;
using Words8 = std::array<std::uint64_t, 8>;

TEST_F(Bounce, KernelPageFaultFrame)
{
    info.evtchn_upcall_mask = 1;
    regs().rcx = 0;
    regs().r11 = 0x7f733;
    regs().rflags = 0x10246; // RF is set by the fault
    const std::uint64_t rsp = regs().rsp, rip = regs().rip;
    ASSERT_EQ(deliver_page_fault(*v, 0xffff'8880'0000'1000, 7), Outcome::resume);
    EXPECT_EQ(regs().rsp, (rsp & ~15ULL) - 64);
    EXPECT_EQ(frame<8>(), (Words8{0, 0x7f733, 3, rip, 0x1'0000'e030, 0x10046, rsp, 0xe02b}));
    EXPECT_EQ(regs().rip, handler_va + 14);
    EXPECT_EQ(regs().cs, 0xe033);
    EXPECT_EQ(regs().ss, 0xe02b);
    EXPECT_EQ(regs().rflags, 0x246u);
    EXPECT_EQ(info.arch.cr2, 0xffff'8880'0000'1000u);
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
}

TEST_F(Bounce, UserPageFaultFrame)
{
    go_user();
    ASSERT_EQ(deliver_page_fault(*v, user_va, 0x10), Outcome::resume);
    EXPECT_TRUE(v->kernel_mode());
    EXPECT_EQ(arch::host::thread_state().root, Maddr{v->hot.kernel_root});
    EXPECT_EQ(arch::read_base(arch::Base::active_gs), 0x1000u);
    EXPECT_EQ(regs().rsp, stack_top - 64);
    EXPECT_EQ(frame<8>(), (Words8{0, 0, 0x14, user_va + 0x10, 0x33, 0x202, 0x7ffc'0000'1238, 0x2b}));
    EXPECT_EQ(info.evtchn_upcall_mask, 1); // the trap was registered with the mask flag
}

TEST_F(Bounce, TrapWithoutErrorCodeAndWithoutMasking)
{
    traps[3].flags = 0;
    const std::uint64_t rsp = regs().rsp, rip = regs().rip;
    ASSERT_EQ(deliver_trap(*v, 3, std::nullopt), Outcome::resume);
    EXPECT_EQ(frame<7>(), (Words7{0, 0, rip, 0xe030, 0x246, rsp, 0xe02b}));
    EXPECT_EQ(info.evtchn_upcall_mask, 0);
}

TEST_F(Bounce, HandlersStartWithCleanFlags)
{
    regs().rflags = 0x202 | 0x100 | 0x4000 | 0x10000 | 0x20000 | 0x40000 | 0x400 | 0x3000 | 0x8d5;
    ASSERT_EQ(deliver_trap(*v, 6, std::nullopt), Outcome::resume);
    EXPECT_EQ(regs().rflags & (0x100 | 0x4000 | 0x10000 | 0x20000 | 0x40000), 0u);
    EXPECT_EQ(regs().rflags & 0x202, 0x202u);
    EXPECT_EQ(frame<7>()[4] & 0x3000, 0u); // IOPL hidden
    EXPECT_NE(frame<7>()[4] & 0x100, 0u);  // TF of the interrupted code is in the frame
}

TEST_F(Bounce, ArchitecturalIoplIsShownOnlyToThoseWhoAsked)
{
    v->iopl = 1;
    policy.vm_assist.store(1ULL << PV_VMASST_TYPE_ARCHITECTURAL_IOPL, Order::relaxed);
    ASSERT_EQ(deliver_trap(*v, 6, std::nullopt), Outcome::resume);
    EXPECT_EQ(frame<7>()[4] & 0x3000, 0x1000u);
}

TEST_F(Bounce, EventCallback)
{
    v->set_callback(CallbackKind::event, {handler_va, 1});
    info.evtchn_upcall_pending = 1;
    ASSERT_TRUE(event_deliverable(*v));
    const std::uint64_t rsp = regs().rsp, rip = regs().rip;
    ASSERT_EQ(deliver_event(*v), Outcome::resume);
    EXPECT_EQ(frame<7>(), (Words7{0, 0, rip, 0xe030, 0x246, rsp, 0xe02b}));
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
    EXPECT_EQ(info.evtchn_upcall_pending, 1); // the guest clears it
    EXPECT_FALSE(event_deliverable(*v));
}

TEST_F(Bounce, SystemCallFrame)
{
    v->set_callback(CallbackKind::syscall, {handler_va, 1});
    go_user();
    regs().rcx = regs().rip;
    regs().rflags = regs().r11 = 0x40f02; // TF, DF, OF, AC of the user
    ASSERT_EQ(deliver_syscall(*v), Outcome::resume);
    EXPECT_EQ(frame<7>(), (Words7{user_va + 0x10, 0x40f02, user_va + 0x10, 0xe033, 0x40f02, 0x7ffc'0000'1238, 0xe02b}));
    EXPECT_EQ(regs().rflags, 0xa02u); // a system call must not start with DF set
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
}

TEST_F(Bounce, SystemCallNobodyWantsIsAnInvalidOpcode)
{
    go_user();
    regs().rip += 2;
    ASSERT_EQ(deliver_syscall(*v), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 6);
    EXPECT_EQ(frame<7>()[2], user_va + 0x10);
}

TEST_F(Bounce, CompatibilitySystemCalls)
{
    v->set_callback(CallbackKind::syscall32, {handler_va + 32, 1});
    go_user();
    ASSERT_EQ(deliver_compat_syscall(*v, arch::CompatEntry::syscall32), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 32);
    EXPECT_EQ(frame<7>()[3], 0xe023u);
    v->enter_user_mode();
    ASSERT_EQ(deliver_compat_syscall(*v, arch::CompatEntry::sysenter), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 13); // not registered: #GP(0)
    EXPECT_EQ(frame<8>()[2], 0u);
}

TEST_F(Bounce, AFaultingReturnIsTheFaultOfWhereItLeads)
{
    v->set_callback(CallbackKind::failsafe, {handler_va, 1});
    go_user();
    ASSERT_EQ(deliver_return_fault(*v, 13, 0x30), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 13);
    EXPECT_EQ(regs().rsp, stack_top - 64);
    EXPECT_EQ(frame<8>()[2], 0x30u);
    EXPECT_EQ(frame<8>()[3], user_va + 0x10);
    ASSERT_EQ(deliver_return_fault(*v, 14, 2), Outcome::resume); // nothing about the hypervisor's own memory
    EXPECT_EQ(regs().rip, handler_va + 13);
    EXPECT_EQ(frame<8>()[2], 0u);
}

TEST_F(Bounce, WhatCannotBeDeliveredCrashesTheGuestOnly)
{
    regs().rsp = 0xffff'8000'0000'1000; // the hypervisor's
    EXPECT_EQ(deliver_trap(*v, 6, std::nullopt), Outcome::crash);
    regs().rsp = 0x7000'0000'0000; // not mapped
    EXPECT_EQ(deliver_trap(*v, 6, std::nullopt), Outcome::crash);
    regs().rsp = 0x10; // wraps
    EXPECT_EQ(deliver_trap(*v, 6, std::nullopt), Outcome::crash);
    regs().rsp = stack_top;
    traps[6].address = 0;
    EXPECT_EQ(deliver_trap(*v, 6, std::nullopt), Outcome::crash);
    EXPECT_EQ(deliver_event(*v), Outcome::crash); // no callback
}

class Iret : public Machine {
protected:
    void push(const pv_iret_context& c)
    {
        regs().rsp = stack_va + 0x100;
        ASSERT_TRUE(Out<pv_iret_context>{GuestVa{regs().rsp}}.write(c).ok());
    }
    pv_iret_context context{1, 2, 3, 0, user_va, 0x33, 0x202, 0x7fff'0000, 0x2b};
};

TEST_F(Iret, ToUserMode)
{
    info.evtchn_upcall_mask = 1;
    push(context);
    ASSERT_EQ(iret(*v), Outcome::resume);
    EXPECT_FALSE(v->kernel_mode());
    EXPECT_EQ(arch::host::thread_state().root, Maddr{v->hot.user_root});
    EXPECT_EQ(arch::read_base(arch::Base::active_gs), 0x2000u);
    EXPECT_EQ(regs().rip, user_va);
    EXPECT_EQ(regs().cs, 0x33);
    EXPECT_EQ(regs().ss, 0x2b);
    EXPECT_EQ(regs().rsp, 0x7fff'0000u);
    EXPECT_EQ(regs().rflags, 0x202u);
    EXPECT_EQ(regs().rax, 1u);
    EXPECT_EQ(regs().r11, 2u);
    EXPECT_EQ(regs().rcx, 3u);
    EXPECT_EQ(info.evtchn_upcall_mask, 0);
}

TEST_F(Iret, ToKernelModeForcesRing3AndMasks)
{
    context.cs = 0x1'0000'e030; // with a saved mask byte, as a handler hands it back
    context.ss = 0x18;
    context.rflags = 0x46;
    push(context);
    ASSERT_EQ(iret(*v), Outcome::resume);
    EXPECT_TRUE(v->kernel_mode());
    EXPECT_EQ(regs().cs, 0xe033);
    EXPECT_EQ(regs().ss, 0x1b);
    EXPECT_EQ(regs().rflags, 0x246u); // the real IF stays on
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
}

TEST_F(Iret, FlagsAreWhatRing3MayHave)
{
    context.rflags = ~0ULL;
    push(context);
    ASSERT_EQ(iret(*v), Outcome::resume);
    EXPECT_EQ(regs().rflags, 0x254fd7u); // no IOPL, VM, VIF, VIP, no reserved bit
}

TEST_F(Iret, FromASystemCallRegistersAreAsAfterSysret)
{
    context.flags = PV_VGCF_IN_SYSCALL;
    push(context);
    ASSERT_EQ(iret(*v), Outcome::resume);
    EXPECT_EQ(regs().rcx, user_va);
    EXPECT_EQ(regs().r11, 0x202u);
}

TEST_F(Iret, ImpossibleReturnsCrash)
{
    push(context);
    v->hot.user_root = 0;
    EXPECT_EQ(iret(*v), Outcome::crash);
    EXPECT_TRUE(v->kernel_mode());
    regs().rsp = 0xffff'8000'0000'0000;
    EXPECT_EQ(iret(*v), Outcome::crash);
}

} // namespace hv::guest::test
