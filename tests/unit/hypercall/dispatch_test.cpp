// SPDX-License-Identifier: MIT
//
// Numbers, registers, restarts and multicall.
#include "base/log.hpp"
#include "hypercall/handlers.hpp"
#include "pv-abi/console.h"
#include "pv-abi/mmu.h"
#include "tests/unit/hypercall/calls.hpp"
#include <algorithm>

namespace hv::hypercall::test {

using Dispatch = Calls;

TEST_F(Dispatch, UnknownNumbersAreEnosys)
{
    for (const std::uint64_t n :
         {5ULL + 1, 11ULL, 27ULL, 31ULL, 34ULL, 37ULL, 38ULL, 40ULL, 49ULL, 63ULL, 64ULL, 1ULL << 32 | 17, ~0ULL})
        EXPECT_EQ(call(n), -PV_ENOSYS) << n;
}

TEST_F(Dispatch, EveryEntrySitsAtItsNumber)
{
    unsigned bound = 0;
    for (const Handler h : hypercall_table)
        if (h != &no_such_call) ++bound;
    EXPECT_EQ(bound, 30u);
    for (const unsigned n : {PV_HYPERCALL_MMU_UPDATE, PV_HYPERCALL_IRET, PV_HYPERCALL_SCHED_OP, PV_HYPERCALL_DOMCTL})
        EXPECT_NE(hypercall_table[n], &no_such_call) << n;
}

TEST_F(Dispatch, FirmwareTablesAreToldIfBootFoundThem)
{
    const pv_xenpf_efi_config question{PV_FW_EFI_INFO, PV_FW_EFI_CONFIG_TABLE, 0, 0, 0};
    const auto ask = [&](std::uint32_t type, std::uint32_t index) {
        pv_platform_op op{};
        op.cmd = PV_XENPF_FIRMWARE_INFO;
        op.interface_version = PV_XENPF_INTERFACE_VERSION;
        op.u.efi_config = {type, index, 0, 0, 0};
        return call(PV_HYPERCALL_PLATFORM_OP, put(0, op));
    };
    EXPECT_EQ(ask(question.type, question.index), -PV_ENOSYS); // a BIOS machine
    efi_config = {question.type, question.index, 0x7f9ec018, 12, 0};
    EXPECT_EQ(ask(question.type, question.index), 0);
    EXPECT_EQ(dom0().at<pv_platform_op>(0).u.efi_config.addr, 0x7f9ec018u);
    EXPECT_EQ(dom0().at<pv_platform_op>(0).u.efi_config.nent, 12u);
    for (const std::uint32_t index : {0u, 2u, 3u, 4u, 5u}) // version, vendor, memory, run-time version, option ROMs
        EXPECT_EQ(ask(question.type, index), -PV_ENOSYS) << index;
    EXPECT_EQ(ask(question.type + 1, question.index), -PV_ENOSYS);
    efi_config = {};
}

TEST_F(Dispatch, OtherRegistersSurvive)
{
    auto& r = regs();
    r.rbx = 1, r.rbp = 2, r.r9 = 3, r.r12 = 4, r.r15 = 5;
    const std::uint64_t rsp = r.rsp, rflags = r.rflags;
    EXPECT_EQ(call(PV_HYPERCALL_STACK_SWITCH, 0x18, 0x1234), 0);
    EXPECT_EQ(v().hot.kernel_sp, 0x1234u);
    EXPECT_TRUE(r.rbx == 1 && r.rbp == 2 && r.r9 == 3 && r.r12 == 4 && r.r15 == 5 && r.rsp == rsp &&
                r.rflags == rflags);
    EXPECT_EQ(r.rip, syscall_rip);
}

TEST_F(Dispatch, TheLastCallsAreRemembered)
{
    for (std::uint64_t n = 0; n < 1000; ++n)
        call(64 + n % 100);
    for (unsigned ago = 0; ago < 20; ++ago)
        EXPECT_EQ(v().recent_call(ago), 64 + 99 - ago);
    call(PV_HYPERCALL_STACK_SWITCH);
    EXPECT_EQ(v().recent_call(0), PV_HYPERCALL_STACK_SWITCH);
    EXPECT_EQ(v().recent_call(1), 64 + 99);
}

TEST_F(Dispatch, GuestUserModeNeverReachesAHypercall)
{
    v().hot.user_root = v().hot.kernel_root;
    v().hot.kernel_sp = data_va + page_size;
    v().set_callback(guest::CallbackKind::syscall, {0x7777, 1});
    v().enter_user_mode();
    auto& r = regs();
    r.rax = PV_HYPERCALL_STACK_SWITCH;
    r.rsi = 0xdead;
    r.rip = r.rcx = 0x5000;
    arch::upcall_syscall(r);
    EXPECT_TRUE(v().kernel_mode());
    EXPECT_EQ(r.rip, 0x7777u);
    EXPECT_EQ(r.rax, PV_HYPERCALL_STACK_SWITCH); // the system call's number is its own
    EXPECT_EQ(v().hot.kernel_sp, data_va + page_size);
    v().hot.user_root = 0;
    v().hot.info->evtchn_upcall_mask = 0;
}

TEST_F(Dispatch, PreemptedCallsGoOnWhereTheyStopped)
{
    // A trap table that fills the page, 256 entries, is one run; the next run starts behind it, where nothing is.
    auto* entries = &dom0().at<pv_trap_info>(0);
    std::fill_n(entries, 256, pv_trap_info{9, 0, 0, 0, 0x1000});
    entries[255] = {};
    EXPECT_EQ(call(PV_HYPERCALL_SET_TRAP_TABLE, data_va), 0);
    EXPECT_EQ(runs_, 1u);
    entries[255] = {10, 0, 0, 0, 0x3000};
    EXPECT_EQ(call(PV_HYPERCALL_SET_TRAP_TABLE, data_va), -PV_EFAULT);
    EXPECT_EQ(runs_, 2u);
    EXPECT_EQ(regs().rdi, data_va + page_size);
    EXPECT_EQ(v().hot.traps[10].address, 0x3000u);
}

TEST_F(Dispatch, LongListsOfShortMemoryOperationsAreRunInSlices)
{
    pv_mmuext_op op{};
    op.cmd = PV_MMUEXT_CLEAR_PAGE;
    const Mfn m = domain::test::ok(mm::alloc_domain_frames(*dom0().domain, 0));
    op.arg1.mfn = m.raw();
    constexpr unsigned many = page_size / sizeof op;
    for (unsigned i = 0; i < many; ++i)
        put(i * sizeof op, op);
    EXPECT_EQ(call(PV_HYPERCALL_MMUEXT_OP, data_va, many, 0, PV_DOMID_SELF), 0);
    EXPECT_EQ(runs_, 2u);
    op = {};
    op.cmd = PV_MMUEXT_SET_LDT;
    for (unsigned i = 0; i < 3; ++i)
        put(i * sizeof op, op);
    EXPECT_EQ(call(PV_HYPERCALL_MMUEXT_OP, data_va, 3, 0, PV_DOMID_SELF), 0);
    EXPECT_EQ(runs_, 3u) << "each may look at sixteen pages";
    domain::test::ok(mm::release_domain_frame(*dom0().domain, m));
}

TEST_F(Dispatch, LongConsoleTextIsWrittenWhole)
{
    static std::size_t sixes;
    constexpr std::size_t offset = 0x100, fits = page_size - offset, slice = 4096;
    std::fill_n(&dom0().at<char>(offset), fits, '6');
    static bool added;
    if (!std::exchange(added, true))
        log::add_sink([](std::span<const char> text) { sixes += std::count(text.begin(), text.end(), '6'); });
    sixes = 0;
    EXPECT_EQ(call(PV_HYPERCALL_CONSOLE_IO, PV_CONSOLEIO_WRITE, fits, data_va + offset), 0);
    EXPECT_EQ(sixes, fits);
    // Over the end of the page: what the first slice could not read is the guest's mistake, not a short success.
    EXPECT_EQ(call(PV_HYPERCALL_CONSOLE_IO, PV_CONSOLEIO_WRITE, slice + 1, data_va), -PV_EFAULT);
    EXPECT_EQ(runs_, 2u);
}

class Multicall : public Calls {
protected:
    pv_multicall_entry& entry(unsigned i) { return dom0().at<pv_multicall_entry>(i * sizeof(pv_multicall_entry)); }
    void fill(unsigned i, std::uint64_t op, std::uint64_t a = 0, std::uint64_t b = 0)
    {
        entry(i) = {op, 0xdead, {a, b, 0, 0, 0, 0}};
    }
};

TEST_F(Multicall, RunsInOrderAndReportsEach)
{
    fill(0, PV_HYPERCALL_STACK_SWITCH, 0, 0x1000);
    fill(1, PV_HYPERCALL_SET_SEGMENT_BASE, 7, 0); // fails
    fill(2, 63);                                  // does not exist
    fill(3, PV_HYPERCALL_MULTICALL, data_va, 1);  // may not nest
    fill(4, PV_HYPERCALL_STACK_SWITCH, 0, 0x2000);
    EXPECT_EQ(call(PV_HYPERCALL_MULTICALL, data_va, 5), 0);
    EXPECT_EQ(entry(0).result, 0u);
    EXPECT_EQ(static_cast<std::int64_t>(entry(1).result), -PV_EINVAL);
    EXPECT_EQ(static_cast<std::int64_t>(entry(2).result), -PV_ENOSYS);
    EXPECT_EQ(static_cast<std::int64_t>(entry(3).result), -PV_EINVAL);
    EXPECT_EQ(entry(4).result, 0u);
    EXPECT_EQ(v().hot.kernel_sp, 0x2000u);
}

TEST_F(Multicall, EmptyAndUnreadableLists)
{
    EXPECT_EQ(call(PV_HYPERCALL_MULTICALL, 0, 0), 0);
    EXPECT_EQ(call(PV_HYPERCALL_MULTICALL, 0x10, 1), -PV_EFAULT);
    EXPECT_EQ(call(PV_HYPERCALL_MULTICALL, PV_HYPERVISOR_VIRT_START, 1), -PV_EFAULT);
    EXPECT_EQ(call(PV_HYPERCALL_MULTICALL, ~0ULL - 63, 2), -PV_EFAULT);
}

TEST_F(Multicall, AListThatEndsInNothingRunsUpToThere)
{
    constexpr unsigned last = page_size / sizeof(pv_multicall_entry);
    for (unsigned i = 0; i < last; ++i)
        fill(i, PV_HYPERCALL_STACK_SWITCH, 0, 0x1000 + i);
    EXPECT_EQ(call(PV_HYPERCALL_MULTICALL, data_va, last + 8), -PV_EFAULT);
    EXPECT_EQ(v().hot.kernel_sp, 0x1000 + last - 1);
    fill(last - 3, PV_HYPERCALL_STACK_SWITCH, 0, 0x3333); // also when a block of entries reaches over the end
    fill(last - 1, PV_HYPERCALL_STACK_SWITCH, 0, 0x4444);
    EXPECT_EQ(call(PV_HYPERCALL_MULTICALL, data_va + (last - 3) * sizeof(pv_multicall_entry), 12), -PV_EFAULT);
    EXPECT_EQ(v().hot.kernel_sp, 0x4444u);
    EXPECT_EQ(entry(last - 1).result, 0u);
}

TEST_F(Multicall, IretEndsIt)
{
    const pv_iret_context frame{0x77, 0x88, 0x99, 0, 0x6000, 0xe030, 0x202, data_va + 0x900, 0xe02b};
    regs().rsp = put(0x800, frame);
    fill(0, PV_HYPERCALL_STACK_SWITCH, 0, 0x1000);
    fill(1, PV_HYPERCALL_IRET);
    fill(2, PV_HYPERCALL_STACK_SWITCH, 0, 0x2000);
    EXPECT_EQ(call(PV_HYPERCALL_MULTICALL, data_va, 3), 0x77);
    EXPECT_EQ(regs().rip, 0x6000u);
    EXPECT_EQ(regs().rcx, 0x99u);
    EXPECT_EQ(regs().rsp, data_va + 0x900);
    EXPECT_EQ(entry(1).result, 0xdeadu);
    EXPECT_EQ(v().hot.kernel_sp, 0x1000u);
}

/// As fast.S calls, with a frame of nothing but arguments.
TEST_F(Multicall, IretRunsWithTheWholeFrame)
{
    EXPECT_EQ(static_cast<void*>(&v().hot), static_cast<void*>(&v())); // fast.S takes one for the other
    const pv_iret_context frame{0x77, 0x88, 0x99, 0, 0x6000, 0xe030, 0x202, data_va + 0x900, 0xe02b};
    regs().rsp = put(0x800, frame);
    fill(0, PV_HYPERCALL_STACK_SWITCH, 0, 0x1000);
    fill(1, PV_HYPERCALL_IRET);
    const Handler multicall = hypercall_table[PV_HYPERCALL_MULTICALL];
    EXPECT_EQ(multicall(data_va, 2, 0, v(), 0, 0).error(), Error::restart);
    EXPECT_EQ(v().hot.kernel_sp, 0x1000u);
    EXPECT_EQ(v().recent_call(0), PV_HYPERCALL_MULTICALL);
    EXPECT_EQ(v().recent_call(1), PV_HYPERCALL_IRET);
    regs().rax = v().recent_call(0);
    arch::upcall_hypercall_preempted(regs());
    EXPECT_EQ(regs().rax, 0x77u);
    EXPECT_EQ(regs().rip, 0x6000u);
    EXPECT_EQ(regs().rcx, 0x99u);
    EXPECT_EQ(entry(1).result, 0xdeadu);
}

TEST_F(Multicall, APreemptedEntryIsResumedNotRepeated)
{
    // The trap table reaches to the end of the page, more than one run's worth of nothing behind it: the resumed entry
    // must fail there, at the place it had reached, and the call must go on behind it.
    constexpr std::size_t table_at = 0;
    constexpr unsigned list_at = page_size - 2 * sizeof(pv_multicall_entry);
    auto* traps = &dom0().at<pv_trap_info>(table_at);
    for (unsigned i = 0; i < 256; ++i)
        traps[i] = {static_cast<std::uint8_t>(i), 0, 0, 0, 0x1000};
    // The list itself lies in the last entries; as trap entries they are read too and must be harmless.
    auto* list = &dom0().at<pv_multicall_entry>(list_at);
    list[0] = {PV_HYPERCALL_SET_TRAP_TABLE, 0x1000, {data_va, 0x1000, 0, 0x1000, 0, 0x1000}};
    list[1] = {PV_HYPERCALL_STACK_SWITCH, 0x1000, {0, 0x5678, 0, 0x1000, 0, 0x1000}};
    EXPECT_EQ(call(PV_HYPERCALL_MULTICALL, data_va + list_at, 2), 0);
    EXPECT_EQ(runs_, 2u);
    EXPECT_EQ(list[0].args[0], data_va + page_size); // where it goes on
    EXPECT_EQ(static_cast<std::int64_t>(list[0].result), -PV_EFAULT);
    EXPECT_EQ(v().hot.kernel_sp, 0x5678u);
}

} // namespace hv::hypercall::test
