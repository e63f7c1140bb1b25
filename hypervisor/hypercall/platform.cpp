// SPDX-License-Identifier: MIT
//
// platform_op (7): firmware, wall clock and power, for the hardware domain. The record is copied back where an
// operation has something to tell.
#include "pv-abi/platform.h"
#include "arch/arch.hpp"
#include "domain/domain.hpp"
#include "domain/time.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"

namespace hv::hypercall {
namespace {

Return settime(std::uint64_t seconds, std::uint32_t ns, std::uint64_t system_time)
{
    TRY(domain::set_wallclock({seconds, ns}, system_time));
    return 0;
}

/// Nothing was asked of the BIOS at boot, so there are no EDD, VBE or EFI records to hand on (CONTRACT B.1).
Return firmware_info(pv_xenpf_firmware_info& f)
{
    switch (f.type) {
    case PV_FW_KBD_SHIFT_FLAGS:
        if (f.index != 0) return Error::esrch;
        f.u.kbd_shift_flags = 0;
        return 0;
    case PV_FW_DISK_INFO:
    case PV_FW_DISK_MBR_SIGNATURE:
    case PV_FW_VBEDDC_INFO: return Error::esrch;
    default: return Error::enosys;
    }
}

Return cpu_info(pv_xenpf_pcpuinfo& c)
{
    const std::uint32_t last_cpu = arch::online_cpu_count() - 1;
    c.max_present = last_cpu;
    if (c.xen_cpuid > last_cpu) {
        c.flags = PV_PCPU_FLAGS_INVALID;
        c.apic_id = c.acpi_id = ~0U;
        return 0;
    }
    c.flags = PV_PCPU_FLAGS_ONLINE;
    const arch::CpuName name = arch::cpu_name(CpuId{c.xen_cpuid});
    c.apic_id = name.apic_id;
    c.acpi_id = name.acpi_id;
    return 0;
}

Return cpu_version(pv_xenpf_pcpu_version& c)
{
    if (c.xen_cpuid >= arch::online_cpu_count()) return Error::einval;
    const arch::CpuidLeaf vendor = arch::cpuid(0, 0);
    const std::uint32_t words[3] = {vendor.ebx, vendor.edx, vendor.ecx};
    __builtin_memcpy(c.vendor_id, words, sizeof words);
    const std::uint32_t signature = arch::cpuid(1, 0).eax;
    const std::uint32_t family = signature >> 8 & 15, model = signature >> 4 & 15;
    c.max_present = arch::online_cpu_count() - 1;
    c.family = family == 15 ? family + (signature >> 20 & 255) : family;
    c.model = family >= 6 ? model | (signature >> 16 & 15) << 4 : model;
    c.stepping = signature & 15;
    return 0;
}

Return sleep(const pv_xenpf_enter_acpi_sleep& s)
{
    if (s.flags != 0 || s.sleep_state != 5) return Error::eopnotsupp; // soft off only
    TRY(arch::acpi_sleep({s.val_a, s.val_b, s.sleep_state}));
    return 0;
}

Return run(pv_platform_op& op)
{
    switch (op.cmd) {
    case PV_XENPF_SETTIME32: {
        const pv_xenpf_settime32& t = op.u.settime32;
        return settime(t.secs, t.nsecs, t.system_time);
    }
    case PV_XENPF_SETTIME64: {
        const pv_xenpf_settime64& t = op.u.settime64;
        return t.mbz == 0 ? settime(t.secs, t.nsecs, t.system_time) : Return{Error::einval};
    }
    case PV_XENPF_FIRMWARE_INFO: return firmware_info(op.u.firmware_info);
    case PV_XENPF_GET_CPUINFO: return cpu_info(op.u.pcpu_info);
    case PV_XENPF_GET_CPU_VERSION: return cpu_version(op.u.pcpu_version);
    case PV_XENPF_ENTER_ACPI_SLEEP: return sleep(op.u.enter_acpi_sleep);
    default: return Error::enosys;
    }
}

} // namespace

Return platform_op(Vcpu& v, GuestVa arg)
{
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    const guest::InOut<pv_platform_op> ptr{arg};
    pv_platform_op op = TRY(ptr.read());
    if (op.interface_version != PV_XENPF_INTERFACE_VERSION) return Error::eacces;
    const std::uint64_t result = TRY(run(op));
    TRY(ptr.write(op));
    return result;
}

} // namespace hv::hypercall
