// SPDX-License-Identifier: MIT
// platform_op, domctl and sysctl at their doors: interface versions, unknown commands, bad pointers, domains that do
// not exist, and the few answers stock Linux asks for at boot.
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

long platform(pv_platform_op& op, u32 command)
{
    op.cmd = command;
    op.interface_version = PV_XENPF_INTERFACE_VERSION;
    return hypercall(PV_HYPERCALL_PLATFORM_OP, addr(&op));
}

void check_platform()
{
    pv_platform_op op = {};
    op.u.pcpu_info.xen_cpuid = 0;
    expect_rc(platform(op, PV_XENPF_GET_CPUINFO), 0, "get_cpuinfo");
    expect_eq(op.u.pcpu_info.max_present, 0, "one CPU");
    expect_eq(op.u.pcpu_info.flags & 1, 1, "online");
    op = {};
    op.u.pcpu_info.xen_cpuid = 99;
    long rc = platform(op, PV_XENPF_GET_CPUINFO);
    expect(rc < 0 || (op.u.pcpu_info.flags & PV_PCPU_FLAGS_INVALID) != 0, "an absent CPU is invalid");
    op = {};
    op.u.efi_config = {PV_FW_EFI_INFO, PV_FW_EFI_CONFIG_TABLE, 0, 0, 0};
    expect_rc(platform(op, PV_XENPF_FIRMWARE_INFO), -38, "no EFI on this machine");
    op = {};
    op.u.words[0] = PV_FW_DISK_INFO | 77ULL << 32; // type and index
    rc = platform(op, PV_XENPF_FIRMWARE_INFO);
    expect(rc == -3 || rc == -38, "the end of the disk list");
    op = {};
    expect_rc(platform(op, 99), -38, "an unknown command");
    op.cmd = PV_XENPF_GET_CPUINFO;
    op.interface_version = 0x03000000;
    expect_rc(hypercall(PV_HYPERCALL_PLATFORM_OP, addr(&op)), -13, "a wrong interface version");
    expect_rc(hypercall(PV_HYPERCALL_PLATFORM_OP, 0x1000), -14, "a bad pointer");
}

void check_mca()
{
    u32 words[64] = {PV_MC_PHYSCPUINFO, PV_MCA_INTERFACE_VERSION}; // longer than all its records
    auto* op = reinterpret_cast<pv_mc*>(words);
    op->value = 77;
    expect_rc(hypercall(PV_HYPERCALL_MCA, addr(op)), 0, "the CPUs with machine-check banks");
    expect(op->value <= 1, "are one, or none");
    op->cmd = PV_MC_FETCH;
    op->value = 1; // not urgent
    const u64 room = addr(alloc_page());
    words[6] = static_cast<u32>(room);
    words[7] = static_cast<u32>(room >> 32);
    expect_rc(hypercall(PV_HYPERCALL_MCA, addr(op)), 0, "fetch");
    expect_eq(op->value, PV_MC_NODATA, "nothing has happened");
    op->cmd = 99;
    expect(hypercall(PV_HYPERCALL_MCA, addr(op)) < 0, "an unknown command");
    op->cmd = PV_MC_FETCH;
    op->interface_version = PV_MCA_INTERFACE_VERSION - 1;
    expect_rc(hypercall(PV_HYPERCALL_MCA, addr(op)), -13, "a wrong interface version");
    expect_rc(hypercall(PV_HYPERCALL_MCA, 0x1000), -14, "a bad pointer");
}

void check_domctl()
{
    static pv_domctl op;
    op.interface_version = PV_DOMCTL_INTERFACE_VERSION;
    op.cmd = PV_DOMCTL_GETDOMAININFO;
    op.domain = 0;
    expect_rc(hypercall(PV_HYPERCALL_DOMCTL, addr(&op)), 0, "getdomaininfo of dom0");
    expect_eq(op.u.getdomaininfo.tot_pages, start_info->nr_pages, "its pages");
    op.domain = 77;
    op.cmd = PV_DOMCTL_GETDOMAININFO;
    expect_rc(hypercall(PV_HYPERCALL_DOMCTL, addr(&op)), -3, "a domain that is not there");
    const u32 commands[] = {PV_DOMCTL_DESTROYDOMAIN, PV_DOMCTL_PAUSEDOMAIN,    PV_DOMCTL_UNPAUSEDOMAIN,
                            PV_DOMCTL_MAX_MEM,       PV_DOMCTL_SETVCPUCONTEXT, PV_DOMCTL_MAX_VCPUS};
    for (u32 command : commands) {
        op = {};
        op.interface_version = PV_DOMCTL_INTERFACE_VERSION;
        op.cmd = command;
        op.domain = 77;
        if (!expect_rc(hypercall(PV_HYPERCALL_DOMCTL, addr(&op)), -3, "a domain that is not there")) {
            print("  domctl %lu\n", static_cast<u64>(command));
        }
    }
    op.interface_version = PV_DOMCTL_INTERFACE_VERSION - 1;
    expect_rc(hypercall(PV_HYPERCALL_DOMCTL, addr(&op)), -13, "a wrong interface version");
    op.interface_version = PV_DOMCTL_INTERFACE_VERSION;
    op.cmd = 9999;
    op.domain = 0;
    expect_rc(hypercall(PV_HYPERCALL_DOMCTL, addr(&op)), -38, "an unknown command");
    expect_rc(hypercall(PV_HYPERCALL_DOMCTL, 0xffff830000000000), -14, "a bad pointer");
    op = {};
    op.interface_version = PV_DOMCTL_INTERFACE_VERSION;
    op.cmd = PV_DOMCTL_DESTROYDOMAIN;
    op.domain = 0;
    expect_rc(hypercall(PV_HYPERCALL_DOMCTL, addr(&op)), -22, "a domain cannot destroy itself");
    op.cmd = PV_DOMCTL_PAUSEDOMAIN;
    expect_rc(hypercall(PV_HYPERCALL_DOMCTL, addr(&op)), -22, "nor pause itself");
}

void check_sysctl()
{
    static pv_sysctl op;
    op.interface_version = PV_SYSCTL_INTERFACE_VERSION;
    op.cmd = PV_SYSCTL_PHYSINFO;
    expect_rc(hypercall(PV_HYPERCALL_SYSCTL, addr(&op)), 0, "physinfo");
    expect_eq(op.u.physinfo.nr_cpus, 1, "one CPU");
    expect_eq(op.u.physinfo.nr_nodes, 1, "one node");
    expect(op.u.physinfo.free_pages > 1000 && op.u.physinfo.free_pages < op.u.physinfo.total_pages, "free pages");
    expect_eq(op.u.physinfo.capabilities & 2, 2, "PV");
    op.interface_version = PV_SYSCTL_INTERFACE_VERSION + 1;
    expect_rc(hypercall(PV_HYPERCALL_SYSCTL, addr(&op)), -13, "a wrong interface version");
    op.interface_version = PV_SYSCTL_INTERFACE_VERSION;
    op.cmd = 9999;
    expect_rc(hypercall(PV_HYPERCALL_SYSCTL, addr(&op)), -38, "an unknown command");
    expect_rc(hypercall(PV_HYPERCALL_SYSCTL, 0x8000000000000000), -14, "a bad pointer");
}

} // namespace

void test_main()
{
    install_traps();
    step("platform_op");
    check_platform();
    step("mca");
    check_mca();
    step("domctl");
    check_domctl();
    step("sysctl");
    check_sysctl();
}
