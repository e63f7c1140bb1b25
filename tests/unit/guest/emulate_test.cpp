// SPDX-License-Identifier: MIT
//
// Privileged instructions of the guest kernel: what each does, and which remain faults.
#include "guest/emulate.hpp"
#include "guest/triage.hpp"
#include "tests/unit/guest/machine.hpp"

namespace hv::guest::test {

class Emulate : public Machine {
protected:
    /// Raises @p vector with @p error at rip.
    Outcome trap(unsigned vector, std::uint32_t error = 0, std::uint64_t address = 0)
    {
        regs().entry_vector = vector;
        regs().error_code = error;
        return handle_trap(*v, regs(), address);
    }
    /// Runs the instruction; true if it was emulated, false if the guest got #GP(0).
    template <std::size_t N> bool emulates(const std::uint8_t (&bytes)[N])
    {
        const std::uint64_t rip = regs().rip;
        code(bytes);
        EXPECT_EQ(trap(13), Outcome::resume);
        if (regs().rip == rip + N) return true;
        EXPECT_EQ(regs().rip, handler_va + 13);
        EXPECT_EQ(frame<8>()[2], 0u);
        EXPECT_EQ(frame<8>()[3], rip);
        return false;
    }
    void msr(std::uint32_t index, std::uint64_t value)
    {
        regs().rcx = index;
        regs().rax = static_cast<std::uint32_t>(value);
        regs().rdx = value >> 32;
    }
    [[nodiscard]] std::uint64_t edx_eax() { return regs().rdx << 32 | regs().rax; }

    static constexpr std::uint8_t rdmsr[] = {0x0f, 0x32}, wrmsr[] = {0x0f, 0x30}, xsetbv[] = {0x0f, 0x01, 0xd1};
};

TEST_F(Emulate, SegmentBasesThroughMsrs)
{
    msr(0xc0000101, 0xffff'ffff'8304'4000);
    EXPECT_TRUE(emulates(wrmsr));
    EXPECT_EQ(arch::read_base(arch::Base::active_gs), 0xffff'ffff'8304'4000u);
    msr(0xc0000102, 0x5000);
    EXPECT_TRUE(emulates(wrmsr));
    EXPECT_EQ(v->base(PV_SEGBASE_GS_USER), 0x5000u);
    msr(0xc0000100, 0x6000);
    EXPECT_TRUE(emulates(wrmsr));
    EXPECT_EQ(arch::host::hardware().bases[0], 0x6000u);
    regs().rcx = 0xc0000102;
    EXPECT_TRUE(emulates(rdmsr));
    EXPECT_EQ(edx_eax(), 0x5000u);
    msr(0xc0000101, 0x8000'0000'0000'0000); // not canonical
    EXPECT_FALSE(emulates(wrmsr));
}

TEST_F(Emulate, MsrsOfTheAllowList)
{
    regs().rcx = 0x277;
    EXPECT_TRUE(emulates(rdmsr));
    EXPECT_EQ(edx_eax(), arch::pat_layout);
    regs().rcx = 0x1b;
    EXPECT_TRUE(emulates(rdmsr));
    EXPECT_EQ(edx_eax(), 0xfee00900u);
    for (const std::uint32_t inert :
         {0x179U, 0x17aU, 0x400U, 0x47fU, 0xc0010000U, 0xc0010007U, 0xc0000103U, 0xc0010055U}) {
        msr(inert, 0x1234);
        EXPECT_TRUE(emulates(wrmsr)) << inert;
        EXPECT_TRUE(emulates(rdmsr)) << inert;
        EXPECT_EQ(edx_eax(), 0u) << inert;
    }
    arch::host::state().planted_msrs[0x8b] = 0x6500000065;
    regs().rcx = 0x8b;
    EXPECT_TRUE(emulates(rdmsr));
    EXPECT_EQ(edx_eax(), 0x6500000065u);
}

TEST_F(Emulate, OtherMsrsFault)
{
    arch::host::state().planted_msrs[0x38d] = 1;
    for (const std::uint32_t index :
         {0x38dU, 0x48U, 0x49U, 0x10aU, 0x6e0U, 0xc0000081U, 0xc0000082U, 0x174U, 0x40000000U, 0x480U}) {
        const auto saved = regs();
        regs().rcx = index;
        EXPECT_FALSE(emulates(rdmsr)) << std::hex << index;
        regs() = saved;
        msr(index, 0);
        EXPECT_FALSE(emulates(wrmsr)) << std::hex << index;
        regs() = saved;
    }
}

TEST_F(Emulate, ChangingPatOrEferFaults)
{
    msr(0x277, arch::pat_layout);
    EXPECT_TRUE(emulates(wrmsr));
    msr(0x277, 0);
    EXPECT_FALSE(emulates(wrmsr));
}

TEST_F(Emulate, ControlRegisters)
{
    const std::uint8_t read_cr0[] = {0x0f, 0x20, 0xc0}, read_cr2[] = {0x0f, 0x20, 0xd7},
                       read_cr3[] = {0x0f, 0x20, 0xd8}, read_cr4[] = {0x0f, 0x20, 0xe0},
                       write_cr0[] = {0x0f, 0x22, 0xc0}, write_cr4[] = {0x0f, 0x22, 0xe0},
                       read_cr8[] = {0x44, 0x0f, 0x20, 0xc0}, clts[] = {0x0f, 0x06};
    EXPECT_TRUE(emulates(read_cr0));
    EXPECT_EQ(regs().rax, 0x80050033u);
    regs().rax |= 8;
    EXPECT_TRUE(emulates(write_cr0));
    EXPECT_EQ(v->cpu.task_switched, arch::TaskSwitched::set);
    EXPECT_EQ(arch::host::hardware().task_switched, arch::TaskSwitched::set);
    EXPECT_TRUE(emulates(read_cr0));
    EXPECT_EQ(regs().rax, 0x8005003bu);
    EXPECT_TRUE(emulates(clts));
    EXPECT_EQ(arch::host::hardware().task_switched, arch::TaskSwitched::clear);
    info.arch.cr2 = 0x1234;
    EXPECT_TRUE(emulates(read_cr2));
    EXPECT_EQ(regs().rdi, 0x1234u);
    EXPECT_TRUE(emulates(read_cr3));
    EXPECT_EQ(regs().rax, v->hot.kernel_root);
    regs().rax = ~0ULL;
    EXPECT_TRUE(emulates(write_cr4));
    EXPECT_TRUE(emulates(read_cr4));
    EXPECT_EQ(regs().rax, 0x4066cu);       // what is fixed and what may be set; never PGE, PSE, SMAP, FSGSBASE
    regs().rax = 0x80050033 & ~0x10000ULL; // WP off
    EXPECT_FALSE(emulates(write_cr0));
    EXPECT_FALSE(emulates(read_cr8));
}

TEST_F(Emulate, XsetbvChecksWhatItLoads)
{
    msr(0, 7);
    code(xsetbv);
    EXPECT_EQ(trap(13), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 6); // CR4.OSXSAVE is not set: #UD
    v->virtual_cr4 = 0x40000;
    for (const std::uint64_t good : {1ULL, 3ULL, 7ULL}) {
        msr(0, good);
        EXPECT_TRUE(emulates(xsetbv)) << good;
        EXPECT_EQ(arch::host::hardware().xcr0, good);
    }
    for (const std::uint64_t bad : {0ULL, 2ULL, 5ULL, 9ULL, 0xe7ULL, 1ULL << 62 | 1}) {
        const auto saved = regs();
        msr(0, bad);
        EXPECT_FALSE(emulates(xsetbv)) << bad;
        regs() = saved;
    }
    EXPECT_EQ(arch::host::hardware().xcr0, 7u);
    msr(1, 7);
    EXPECT_FALSE(emulates(xsetbv));
}

TEST(Xcr0, OnlyWhatTheProcessorWouldTake)
{
    for (std::uint64_t x = 0; x < 512; ++x) { // by component: what each needs, as the manual's list of faults has it
        const auto has = [x](unsigned n) { return (x >> n & 1) != 0; };
        const bool avx512 = has(5) || has(6) || has(7), all512 = has(5) && has(6) && has(7);
        const bool loads =
            has(0) && (!has(2) || has(1)) && (!avx512 || (all512 && has(2))) && !has(3) && !has(4) && !has(8);
        EXPECT_EQ(xcr0_ok(x, 0xe7), loads) << x;
        EXPECT_EQ(xcr0_ok(x, 7), loads && x <= 7) << x;
        EXPECT_EQ(xcr0_ok(x, 3), loads && x <= 3) << x;
    }
    EXPECT_FALSE(xcr0_ok(1ULL << 63 | 0xe7, 0xe7));
}

TEST_F(Emulate, InterruptFlagAndCacheInstructionsDoNothing)
{
    for (const std::uint8_t op : {0xfa, 0xfb}) {
        const std::uint8_t bytes[] = {op};
        EXPECT_TRUE(emulates(bytes));
        EXPECT_EQ(info.evtchn_upcall_mask, 0);
    }
    const std::uint8_t wbinvd[] = {0x0f, 0x09};
    EXPECT_TRUE(emulates(wbinvd));
}

TEST_F(Emulate, TheRestFaults)
{
    const std::uint8_t hlt[] = {0xf4}, invd[] = {0x0f, 0x08}, swapgs[] = {0x0f, 0x01, 0xf8},
                       lgdt[] = {0x0f, 0x01, 0x10}, rdpmc[] = {0x0f, 0x33}, ltr[] = {0x0f, 0x00, 0xd8},
                       lock_cli[] = {0xf0, 0xfa};
    EXPECT_FALSE(emulates(hlt));
    EXPECT_FALSE(emulates(invd));
    EXPECT_FALSE(emulates(swapgs));
    EXPECT_FALSE(emulates(lgdt));
    EXPECT_FALSE(emulates(rdpmc));
    EXPECT_FALSE(emulates(ltr));
    EXPECT_FALSE(emulates(lock_cli));
}

TEST_F(Emulate, UserModeGetsTheFault)
{
    go_user();
    for (const auto& bytes : {rdmsr, wrmsr}) {
        const auto saved = regs();
        EXPECT_FALSE(emulates({bytes[0], bytes[1]}));
        regs() = saved;
        v->enter_user_mode();
    }
    const std::uint8_t cli[] = {0xfa};
    EXPECT_FALSE(emulates(cli));
}

TEST_F(Emulate, DebugRegisters)
{
    const std::uint8_t write_dr0[] = {0x0f, 0x23, 0xc0}, read_dr0[] = {0x0f, 0x21, 0xc3},
                       write_dr7[] = {0x0f, 0x23, 0xf8}, read_dr4[] = {0x0f, 0x21, 0xe0};
    regs().rax = user_va;
    EXPECT_TRUE(emulates(write_dr0));
    EXPECT_EQ(arch::host::hardware().debug[0], user_va);
    EXPECT_TRUE(emulates(read_dr0));
    EXPECT_EQ(regs().rbx, user_va);
    regs().rax = 0xffff'8000'0000'0000; // the hypervisor's
    auto saved = regs();
    EXPECT_FALSE(emulates(write_dr0));
    regs() = saved;
    regs().rax = 0x20001; // an I/O breakpoint
    saved = regs();
    EXPECT_FALSE(emulates(write_dr7));
    regs() = saved;
    for (const std::uint64_t dr7 : {0x2001ULL, 1ULL << 32}) { // general detect; reserved
        regs().rax = dr7;
        saved = regs();
        EXPECT_FALSE(emulates(write_dr7));
        regs() = saved;
    }
    regs().rax = 0x1001; // reserved, and ignored
    EXPECT_TRUE(emulates(write_dr7));
    EXPECT_EQ(arch::host::hardware().debug[7], 0x401u);
    EXPECT_FALSE(emulates(read_dr4));
}

TEST_F(Emulate, SingleStepOverAnEmulatedInstruction)
{
    const std::uint8_t cli[] = {0xfa};
    const std::uint64_t rip = regs().rip;
    code(cli);
    regs().rflags |= 0x100;
    ASSERT_EQ(trap(13), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 1);
    EXPECT_EQ(frame<7>()[2], rip + 1);
    EXPECT_NE(v->debug_register(6) & 0x4000, 0u);
}

TEST_F(Emulate, FetchStopsAtTheEndOfThePage)
{
    regs().rip = code_va + page_size - 1;
    const std::uint8_t cli[] = {0xfa};
    EXPECT_TRUE(emulates(cli)); // the next page is not mapped
    EXPECT_EQ(fetch(*v).count, 0u);
}

using Triage = Emulate;

TEST_F(Triage, CpuidPrefixWorksInBothModes)
{
    const std::uint8_t request[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};
    regs().rax = 0x40000000;
    std::uint64_t rip = regs().rip;
    code(request);
    ASSERT_EQ(trap(6), Outcome::resume);
    EXPECT_EQ(regs().rip, rip + 7);
    EXPECT_EQ(regs().rbx, 0x566e6558u);
    go_user();
    rip = regs().rip;
    regs().rax = 0x40000001;
    code(request);
    ASSERT_EQ(trap(6), Outcome::resume);
    EXPECT_EQ(regs().rip, rip + 7);
    EXPECT_EQ(regs().rax, 0x40011u);
    EXPECT_FALSE(v->kernel_mode());
}

TEST_F(Triage, OtherInvalidOpcodesAreTheGuests)
{
    const std::uint8_t nearly[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa3};
    code(nearly);
    ASSERT_EQ(trap(6), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 6);
}

TEST_F(Triage, PageFaultsCarryTheGuestsOwnPrivilege)
{
    struct Row {
        bool user;
        std::uint32_t hardware, guest;
    };
    for (const Row& row :
         {Row{false, 4, 0}, Row{false, 7, 3}, Row{true, 4, 4}, Row{true, 7, 7}, Row{true, 0x15, 0x15}}) {
        v->enter_kernel_mode();
        regs().rip = code_va;
        regs().rsp = stack_top;
        regs().cs = 0xe033;
        if (row.user) go_user();
        ASSERT_EQ(trap(14, row.hardware, 0xdead000), Outcome::resume);
        EXPECT_EQ(frame<8>()[2], row.guest);
        EXPECT_EQ(info.arch.cr2, 0xdead000u);
    }
}

TEST_F(Triage, SoftwareInterruptsObeyTheHandlersDpl)
{
    const std::uint8_t int80[] = {0xcd, 0x80};
    struct Row {
        bool user;
        std::uint8_t dpl;
        bool allowed;
    };
    for (const Row& row :
         {Row{true, 3, true}, Row{true, 1, false}, Row{true, 0, false}, Row{false, 0, false}, Row{false, 1, true}}) {
        v->enter_kernel_mode();
        regs().rip = code_va;
        regs().rsp = stack_top;
        regs().cs = 0xe033;
        if (row.user) go_user();
        const std::uint64_t rip = regs().rip;
        traps[0x80].flags = row.dpl;
        code(int80);
        // As a fault, with an error code this machine garbles.
        ASSERT_EQ(trap(13, 0x80 * 16 + 2), Outcome::resume);
        EXPECT_EQ(regs().rip, handler_va + (row.allowed ? 0x80 : 13));
        if (row.allowed)
            EXPECT_EQ(frame<7>()[2], rip + 2);
        else {
            EXPECT_EQ(frame<8>()[2], 0x80u * 8 + 2);
            EXPECT_EQ(frame<8>()[3], rip);
        }
    }
}

TEST_F(Triage, SoftwareInterruptThroughAnOpenGate)
{
    traps[0x80].flags = 3;
    go_user();
    const std::uint64_t rip = regs().rip += 2; // the CPU has stepped over it
    ASSERT_EQ(trap(0x80), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 0x80);
    EXPECT_EQ(frame<7>()[2], rip);
    traps[0x80].flags = 0;
    go_user();
    regs().rip += 2;
    ASSERT_EQ(trap(0x80), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 13);
    EXPECT_EQ(frame<8>()[3], rip - 2);
}

TEST_F(Triage, SoftwareInterruptWithoutHandlerIsAProtectionFault)
{
    traps[0x81] = {};
    const std::uint8_t int81[] = {0xcd, 0x81};
    code(int81);
    ASSERT_EQ(trap(13, 0x81 * 8 + 2), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 13);
}

TEST_F(Triage, DeviceNotAvailableOnlyForTheGuestsOwnTs)
{
    const std::uint64_t rip = regs().rip;
    ASSERT_EQ(trap(7), Outcome::resume);
    EXPECT_EQ(regs().rip, rip);
    v->set_task_switched(arch::TaskSwitched::set);
    ASSERT_EQ(trap(7), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 7);
    EXPECT_EQ(v->cpu.task_switched, arch::TaskSwitched::clear);
    EXPECT_EQ(arch::host::hardware().task_switched, arch::TaskSwitched::clear);
}

/// A vCPU switch leaves dr0 to dr3 alone while no breakpoint is in force: they may be another vCPU's.
TEST_F(Triage, BreakpointsComeIntoForceWithTheirAddresses)
{
    ASSERT_TRUE(v->set_debug_register(0, user_va).ok());
    arch::host::hardware().debug[0] = 0x1234;
    ASSERT_TRUE(v->set_debug_register(7, 1).ok());
    EXPECT_EQ(arch::host::hardware().debug[0], user_va);
    EXPECT_EQ(arch::host::hardware().debug[7], 0x401u);
}

TEST_F(Triage, DebugTrapsRecordDr6)
{
    arch::host::hardware().debug[6] = 0xffff4ff1;
    ASSERT_EQ(trap(1), Outcome::resume);
    EXPECT_EQ(regs().rip, handler_va + 1);
    EXPECT_EQ(v->debug_register(6), 0xffff4ff1u);
}

TEST_F(Triage, ErrorCodesGoWhereTheArchitecturePutsThem)
{
    for (unsigned vector = 0; vector < 32; ++vector) {
        if (vector == 6 || vector == 7 || vector == 13 || vector == 14) continue; // have tests of their own
        regs().rip = code_va;
        regs().rsp = stack_top;
        ASSERT_EQ(trap(vector, 0x18), Outcome::resume);
        const bool with = vector == 8 || (vector >= 10 && vector <= 12) || vector == 17 || vector == 21;
        EXPECT_EQ(regs().rsp, stack_top - (with ? 64 : 56)) << vector;
        EXPECT_EQ(frame<7>()[2], with ? 0x18u : code_va) << vector;
    }
}

} // namespace hv::guest::test
