// SPDX-License-Identifier: MIT
//
// Segments, descriptor tables, debug registers, TS, VM assists.
#include "tests/unit/hypercall/calls.hpp"

namespace hv::hypercall::test {

using Segments = Calls;

TEST_F(Segments, BasesGoToTheHardware)
{
    EXPECT_EQ(call(PV_HYPERCALL_SET_SEGMENT_BASE, PV_SEGBASE_FS, 0x1000), 0);
    EXPECT_EQ(call(PV_HYPERCALL_SET_SEGMENT_BASE, PV_SEGBASE_GS_USER, 0x2000), 0);
    EXPECT_EQ(call(PV_HYPERCALL_SET_SEGMENT_BASE, PV_SEGBASE_GS_KERNEL, 0xffff'8880'0000'0000), 0);
    EXPECT_EQ(arch::read_base(arch::Base::fs), 0x1000u);
    EXPECT_EQ(arch::read_base(arch::Base::inactive_gs), 0x2000u);
    EXPECT_EQ(arch::read_base(arch::Base::active_gs), 0xffff'8880'0000'0000u);
    EXPECT_EQ(call(PV_HYPERCALL_SET_SEGMENT_BASE, PV_SEGBASE_GS_USER_SEL, 0), 0);
    EXPECT_EQ(arch::read_base(arch::Base::inactive_gs), 0u);
    for (const std::uint64_t which : {0, 1, 2})
        EXPECT_EQ(call(PV_HYPERCALL_SET_SEGMENT_BASE, which, 1ULL << 63), -PV_EINVAL);
    EXPECT_EQ(call(PV_HYPERCALL_SET_SEGMENT_BASE, 4, 0), -PV_EINVAL);
}

TEST_F(Segments, GdtFramesBecomeDescriptorPages)
{
    const Mfn table = domain::test::ok(mm::alloc_domain_frames(v().domain(), 0));
    {
        const mm::FrameWindow<std::uint64_t> w{table};
        w[1] = 0x00cf9b000000ffff; // code, DPL 0
        w[2] = 0x00cf93000000ffff; // data, DPL 0
    }
    EXPECT_EQ(call(PV_HYPERCALL_SET_GDT, put(0, table.raw()), 16), 0);
    EXPECT_EQ(arch::host::hardware().gdt_entries, 16u);
    EXPECT_EQ(arch::host::hardware().gdt_frames[0], table);
    const mm::FrameWindow<std::uint64_t> w{table};
    EXPECT_EQ(w[1], 0x00cffb000000ffffu);
    EXPECT_FALSE(mm::get_writable(table, v().owner()).ok());

    const std::uint64_t at = maddr_of(table).raw();
    EXPECT_EQ(call(PV_HYPERCALL_UPDATE_DESCRIPTOR, at + 15 * 8, 0x0040'f500'0000'0000), 0);
    EXPECT_EQ(w[15], 0x0040'f500'0000'0000u);
    EXPECT_EQ(call(PV_HYPERCALL_UPDATE_DESCRIPTOR, at + 4, 0), -PV_EINVAL);
    EXPECT_EQ(call(PV_HYPERCALL_UPDATE_DESCRIPTOR, at + 8, 0x0000'ec00'0000'0000), -PV_EINVAL); // call gate
    EXPECT_EQ(call(PV_HYPERCALL_UPDATE_DESCRIPTOR, at + 8, 0x0000'8900'0000'0067), -PV_EINVAL); // TSS
    EXPECT_EQ(call(PV_HYPERCALL_UPDATE_DESCRIPTOR, at + 8, 0x0000'8200'0000'0067), -PV_EINVAL); // LDT
    EXPECT_EQ(w[1], 0x00cffb000000ffffu);
    EXPECT_EQ(call(PV_HYPERCALL_UPDATE_DESCRIPTOR, 1ULL << 50, 0), -PV_EINVAL);
    EXPECT_EQ(call(PV_HYPERCALL_UPDATE_DESCRIPTOR, maddr_of(dom0().root).raw() + 8, 0), -PV_EINVAL); // a page table

    EXPECT_EQ(call(PV_HYPERCALL_SET_GDT, 0, 0), 0);
    EXPECT_TRUE(mm::get_writable(table, v().owner()).ok());
    EXPECT_TRUE(mm::release_domain_frame(v().domain(), table).ok());
}

TEST_F(Segments, BadGdtsLeaveTheOldOne)
{
    const Mfn good = domain::test::ok(mm::alloc_domain_frames(v().domain(), 0));
    EXPECT_EQ(call(PV_HYPERCALL_SET_GDT, put(0, good.raw()), 16), 0);
    EXPECT_EQ(call(PV_HYPERCALL_SET_GDT, 0x10, 16), -PV_EFAULT);
    EXPECT_EQ(call(PV_HYPERCALL_SET_GDT, data_va, 7169), -PV_EINVAL);
    EXPECT_EQ(call(PV_HYPERCALL_SET_GDT, put(0, dom0().data.raw()), 16), -PV_EINVAL); // mapped writable
    EXPECT_EQ(call(PV_HYPERCALL_SET_GDT, put(0, dom0().root.raw()), 16), -PV_EINVAL); // a page table
    EXPECT_EQ(call(PV_HYPERCALL_SET_GDT, put(0, ~0ULL), 16), -PV_EINVAL);
    EXPECT_EQ(arch::host::hardware().gdt_frames[0], good);
    EXPECT_EQ(arch::host::hardware().gdt_entries, 16u);
    EXPECT_EQ(call(PV_HYPERCALL_SET_GDT, 0, 0), 0);
    EXPECT_TRUE(mm::release_domain_frame(v().domain(), good).ok());
}

using Registers = Calls;

TEST_F(Registers, DebugRegisters)
{
    EXPECT_EQ(call(PV_HYPERCALL_SET_DEBUGREG, 0, 0x400000), 0);
    EXPECT_EQ(call(PV_HYPERCALL_GET_DEBUGREG, 0), 0x400000);
    EXPECT_EQ(call(PV_HYPERCALL_SET_DEBUGREG, 0, PV_HYPERVISOR_VIRT_START), -PV_EPERM);
    EXPECT_EQ(call(PV_HYPERCALL_SET_DEBUGREG, 0, 1ULL << 63), -PV_EPERM);
    EXPECT_EQ(call(PV_HYPERCALL_SET_DEBUGREG, 8, 0), -PV_ENODEV);
    EXPECT_EQ(call(PV_HYPERCALL_GET_DEBUGREG, 8), -PV_ENODEV);
    EXPECT_EQ(call(PV_HYPERCALL_SET_DEBUGREG, 7, 1ULL << 32), -PV_EINVAL);
    EXPECT_EQ(call(PV_HYPERCALL_SET_DEBUGREG, 7, 1 << 13), -PV_EPERM);
    EXPECT_EQ(call(PV_HYPERCALL_SET_DEBUGREG, 7, 0x20001), -PV_EPERM);
    EXPECT_EQ(call(PV_HYPERCALL_SET_DEBUGREG, 6, 0), 0);
    EXPECT_EQ(call(PV_HYPERCALL_GET_DEBUGREG, 6), 0xffff0ff0);
    EXPECT_EQ(call(PV_HYPERCALL_SET_DEBUGREG, 7, 0), 0);
    EXPECT_EQ(call(PV_HYPERCALL_GET_DEBUGREG, 7), 0x400);
}

TEST_F(Registers, TaskSwitched)
{
    EXPECT_EQ(call(PV_HYPERCALL_FPU_TASKSWITCH, 1), 0);
    EXPECT_EQ(arch::host::hardware().task_switched, arch::TaskSwitched::set);
    EXPECT_EQ(call(PV_HYPERCALL_FPU_TASKSWITCH, 0), 0);
    EXPECT_EQ(arch::host::hardware().task_switched, arch::TaskSwitched::clear);
}

TEST_F(Registers, VmAssists)
{
    for (const unsigned type : {0U, 2U, 3U, 4U, 5U, 32U}) {
        EXPECT_EQ(call(PV_HYPERCALL_VM_ASSIST, PV_VMASST_CMD_ENABLE, type), 0) << type;
        EXPECT_NE(v().policy().vm_assist.load(Order::relaxed) & 1ULL << type, 0u);
        EXPECT_EQ(call(PV_HYPERCALL_VM_ASSIST, PV_VMASST_CMD_DISABLE, type), 0);
        EXPECT_EQ(v().policy().vm_assist.load(Order::relaxed) & 1ULL << type, 0u);
    }
    for (const std::uint64_t type : {1ULL, 6ULL, 31ULL, 33ULL, 63ULL, 64ULL, 0xffffffffULL})
        EXPECT_EQ(call(PV_HYPERCALL_VM_ASSIST, PV_VMASST_CMD_ENABLE, type), -PV_EINVAL) << type;
    EXPECT_EQ(call(PV_HYPERCALL_VM_ASSIST, 2, 0), -PV_ENOSYS);
    EXPECT_EQ(call(PV_HYPERCALL_VM_ASSIST, 7, 0), -PV_ENOSYS);
}

} // namespace hv::hypercall::test
