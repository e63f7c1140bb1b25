// SPDX-License-Identifier: MIT
//
// physdev_op (33): interrupt lines, MSIs and PCI devices for the hardware domain; I/O privilege for every domain.
#include "pv-abi/physdev.h"
#include "domain/msi.hpp"
#include "domain/pirq.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"

namespace hv::hypercall {
namespace {

using domain::Domain;

template <typename T> Result<T> fetch(GuestVa arg) { return guest::In<T>{arg}.read(); }

template <typename T> Return answer(GuestVa arg, const T& value)
{
    TRY(guest::Out<T>{arg}.write(value));
    return 0;
}

Return set_iopl(Vcpu& v, GuestVa arg)
{
    const auto op = TRY(fetch<pv_physdev_set_iopl>(arg));
    if (op.iopl > 3) return Error::einval;
    v.iopl = static_cast<std::uint8_t>(op.iopl);
    return 0;
}

Return set_iobitmap(Vcpu& v, GuestVa arg)
{
    const auto op = TRY(fetch<pv_physdev_set_iobitmap>(arg));
    if (op.nr_ports > 0x10000 || (op.nr_ports != 0 && !is_guest_va(op.bitmap))) return Error::einval;
    v.port_bitmap = GuestVa{op.bitmap};
    v.port_bitmap_ports = op.nr_ports;
    return 0;
}

Return apic_read(GuestVa arg)
{
    auto op = TRY(fetch<pv_physdev_apic>(arg));
    op.value = TRY(arch::ioapic_read(op.apic_physbase, op.reg));
    return answer(arg, op);
}

Return setup(GuestVa arg)
{
    const auto op = TRY(fetch<pv_physdev_setup_gsi>(arg));
    if (op.gsi < 0 || op.triggering > 1 || op.polarity > 1) return Error::einval;
    TRY(domain::setup_gsi(static_cast<unsigned>(op.gsi), static_cast<arch::Trigger>(op.triggering),
                          static_cast<arch::Polarity>(op.polarity)));
    return 0;
}

bool means_caller(Vcpu& v, std::uint16_t domid) { return domid == PV_DOMID_SELF || DomainId{domid} == v.domain().id(); }

Return map(Vcpu& v, GuestVa arg)
{
    auto op = TRY(fetch<pv_physdev_map_pirq>(arg));
    if (!means_caller(v, op.domid)) return Error::enosys; // no device is given to another domain
    switch (op.type) {
    case PV_MAP_PIRQ_TYPE_GSI:
        if (op.index < 0 || (op.pirq >= 0 && op.pirq != op.index)) return Error::einval;
        op.pirq = static_cast<std::int32_t>(TRY(domain::map_gsi(v.domain(), static_cast<unsigned>(op.index))).raw());
        break;
    case PV_MAP_PIRQ_TYPE_MSI:
    case PV_MAP_PIRQ_TYPE_MSI_SEG: {
        const unsigned segment = op.type == PV_MAP_PIRQ_TYPE_MSI_SEG ? static_cast<unsigned>(op.bus) >> 16 : 0;
        const domain::MsiRequest request{segment << 16 | (op.bus & 255U) << 8 | (op.devfn & 255U),
                                         static_cast<unsigned>(op.entry_nr), op.table_base};
        op.pirq = static_cast<std::int32_t>(TRY(domain::map_msi(v.domain(), request)).raw());
        break;
    }
    default: return Error::einval;
    }
    return answer(arg, op);
}

Return unmap(Vcpu& v, GuestVa arg)
{
    const auto op = TRY(fetch<pv_physdev_unmap_pirq>(arg));
    if (!means_caller(v, op.domid)) return Error::esrch;
    if (op.pirq < 0) return Error::einval;
    TRY(domain::unmap_msi(v.domain(), Pirq{static_cast<std::uint32_t>(op.pirq)}));
    return 0;
}

Return status(GuestVa arg)
{
    auto op = TRY(fetch<pv_physdev_irq_status_query>(arg));
    op.flags = TRY(domain::pirq_status(Pirq{op.irq}));
    return answer(arg, op);
}

Return alloc_vector(GuestVa arg) // the number is all Linux wants; vectors are ours
{
    auto op = TRY(fetch<pv_physdev_irq>(arg));
    if (op.irq >= domain::max_pirqs) return Error::einval;
    op.vector = op.irq;
    return answer(arg, op);
}

Return hardware_op(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    switch (cmd) {
    case PV_PHYSDEVOP_APIC_READ: return apic_read(arg);
    case PV_PHYSDEVOP_ALLOC_IRQ_VECTOR: return alloc_vector(arg);
    case PV_PHYSDEVOP_IRQ_STATUS_QUERY: return status(arg);
    case PV_PHYSDEVOP_SETUP_GSI: return setup(arg);
    case PV_PHYSDEVOP_MAP_PIRQ: return map(v, arg);
    case PV_PHYSDEVOP_UNMAP_PIRQ: return unmap(v, arg);
    case PV_PHYSDEVOP_EOI: {
        const auto op = TRY(fetch<pv_physdev_eoi>(arg));
        TRY(domain::pirq_eoi(Pirq{op.irq}));
        return 0;
    }
    case PV_PHYSDEVOP_PIRQ_EOI_GMFN_V1:
    case PV_PHYSDEVOP_PIRQ_EOI_GMFN_V2: {
        const auto op = TRY(fetch<pv_physdev_pirq_eoi_gmfn>(arg));
        TRY(domain::set_eoi_page(v.domain(), Mfn{op.gmfn}));
        return 0;
    }
    case PV_PHYSDEVOP_GET_FREE_PIRQ: {
        auto op = TRY(fetch<pv_physdev_get_free_pirq>(arg));
        op.pirq = TRY(domain::free_pirq()).raw();
        return answer(arg, op);
    }
    case PV_PHYSDEVOP_MANAGE_PCI_ADD:
    case PV_PHYSDEVOP_MANAGE_PCI_REMOVE: TRY(fetch<pv_physdev_manage_pci>(arg)); return 0;
    case PV_PHYSDEVOP_MANAGE_PCI_ADD_EXT: TRY(fetch<pv_physdev_manage_pci_ext>(arg)); return 0;
    case PV_PHYSDEVOP_PCI_DEVICE_ADD: TRY(fetch<pv_physdev_pci_device_add>(arg)); return 0;
    case PV_PHYSDEVOP_PCI_DEVICE_REMOVE:
    case PV_PHYSDEVOP_PREPARE_MSIX:
    case PV_PHYSDEVOP_RELEASE_MSIX: TRY(fetch<pv_physdev_pci_device>(arg)); return 0;
    case PV_PHYSDEVOP_PCI_MMCFG_RESERVED: TRY(fetch<pv_physdev_pci_mmcfg_reserved>(arg)); return 0;
    case PV_PHYSDEVOP_DBGP_OP: TRY(fetch<pv_physdev_dbgp_op>(arg)); return 0; // no USB debug port is in use
    default: return Error::enosys;
    }
}

} // namespace

// Devices are found through configuration space when they are used, so the reports of what exists need no record.
Return physdev_op(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    if (cmd == PV_PHYSDEVOP_SET_IOPL) return set_iopl(v, arg);
    if (cmd == PV_PHYSDEVOP_SET_IOBITMAP) return set_iobitmap(v, arg);
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    return hardware_op(v, cmd, arg);
}

} // namespace hv::hypercall
