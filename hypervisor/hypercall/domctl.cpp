// SPDX-License-Identifier: MIT
//
// domctl (36), sysctl (35), platform_op (7) and mca (48): what the hardware domain asks of domains, of the hypervisor
// and of the machine. Of firmware facts it knows EFI's configuration tables; nothing was asked of the BIOS at boot.
#include "domain/control.hpp"
#include "domain/time.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"
#include "hypercall/page.hpp"
#include "mm/window.hpp"

namespace hv::hypercall {
namespace {

/// The record is copied in whole, worked on, and copied back on success.
template <typename Op, typename F> Result<> control(Vcpu& v, GuestVa arg, std::uint32_t version, F&& run)
{
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    const guest::InOut<Op> ptr{arg};
    Op op = TRY(ptr.read());
    if (op.interface_version != version) return Error::eacces;
    TRY(run(op));
    return ptr.write(op);
}

Atomic<bool> busy; ///< One domctl at a time: what two did to one domain would mix. The other runs again.

/// hypercall_init: a page of the domain's becomes its hypercall page.
Result<> init_page(const pv_domctl& op)
{
    const domain::DomainRef d = domain::find_domain(DomainId{op.domain});
    if (!d) return Error::esrch;
    const mm::WritableRef page = TRY(mm::get_writable(Mfn{op.u.hypercall_init}, *d));
    const mm::FrameWindow<std::byte> w{page.mfn()};
    fill_page(w.span());
    return Ok{};
}

Result<> cpu_info(pv_xenpf_pcpuinfo& c)
{
    const std::uint32_t last = arch::online_cpu_count() - 1;
    const bool online = c.xen_cpuid <= last;
    const arch::CpuName name = online ? arch::cpu_name(CpuId{c.xen_cpuid}) : arch::CpuName{~0U, ~0U};
    const std::uint32_t flags = online ? PV_PCPU_FLAGS_ONLINE : PV_PCPU_FLAGS_INVALID;
    c = {c.xen_cpuid, last, flags, name.apic_id, name.acpi_id};
    return Ok{};
}

Result<> firmware(pv_xenpf_efi_config& c)
{
    if (efi_config.nent == 0 || c.type != efi_config.type || c.index != efi_config.index) return Error::enosys;
    c = efi_config;
    return Ok{};
}

Result<> sleep(const pv_xenpf_enter_acpi_sleep& s)
{
    if (s.flags != 0 || s.sleep_state != 5) return Error::eopnotsupp; // soft off only
    return arch::acpi_soft_off(s.val_a, s.val_b);
}

Result<> platform(pv_platform_op& op)
{
    switch (op.cmd) {
    case PV_XENPF_SETTIME64: {
        const pv_xenpf_settime64& t = op.u.settime64;
        return t.mbz == 0 ? domain::set_wallclock({t.secs, t.nsecs}, t.system_time) : Error::einval;
    }
    case PV_XENPF_FIRMWARE_INFO: return firmware(op.u.efi_config);
    case PV_XENPF_GET_CPUINFO: return cpu_info(op.u.pcpu_info);
    case PV_XENPF_ENTER_ACPI_SLEEP: return sleep(op.u.enter_acpi_sleep);
    default: return Error::enosys;
    }
}

/// The domain sees no banks, on no CPU.
Result<> machine_check(pv_mc& op)
{
    if (op.cmd != PV_MC_FETCH && op.cmd != PV_MC_PHYSCPUINFO) return Error::enosys;
    op.value = op.cmd == PV_MC_FETCH ? PV_MC_NODATA : 0;
    return Ok{};
}

} // namespace

Result<> domctl(Vcpu& v, GuestVa arg)
{
    return control<pv_domctl>(v, arg, PV_DOMCTL_INTERFACE_VERSION, [&](pv_domctl& op) -> Result<> {
        if (op.cmd == PV_DOMCTL_HYPERCALL_INIT) return init_page(op);
        if (busy.exchange(true, Order::acquire)) return Error::restart;
        const Result<> done = domain::control_domain(v, op);
        busy.store(false, Order::release);
        return done;
    });
}

Result<> sysctl(Vcpu& v, GuestVa arg)
{
    return control<pv_sysctl>(v, arg, PV_SYSCTL_INTERFACE_VERSION, &domain::control_system);
}

Result<> platform_op(Vcpu& v, GuestVa arg)
{
    return control<pv_platform_op>(v, arg, PV_XENPF_INTERFACE_VERSION, &platform);
}

Result<> mca(Vcpu& v, GuestVa arg) { return control<pv_mc>(v, arg, PV_MCA_INTERFACE_VERSION, &machine_check); }

} // namespace hv::hypercall
