// SPDX-License-Identifier: MIT
//
// physdev_op (33): interrupt lines, MSIs and PCI devices for the hardware domain; I/O privilege for every domain.
#include "pv-abi/physdev.h"
#include "domain/pirq.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"

namespace hv::hypercall {
namespace {

template <typename T> Result<T> fetch(GuestVa arg) { return guest::In<T>{arg}.read(); }

/// A record that must be there, but tells nothing that is needed.
Result<> note(GuestVa arg, std::size_t bytes)
{
    std::array<std::uint8_t, 16> record{};
    return guest::In<std::uint8_t>{arg}.read_array(std::span{record}.first(bytes));
}

template <typename T> Result<> answer(GuestVa arg, const T& value) { return guest::Out<T>{arg}.write(value); }

Result<> set_iopl(Vcpu& v, GuestVa arg)
{
    const std::uint32_t iopl = TRY(fetch<std::uint32_t>(arg));
    if (iopl > 3) return Error::einval;
    v.iopl = static_cast<std::uint8_t>(iopl);
    return Ok{};
}

Result<> set_iobitmap(Vcpu& v, GuestVa arg)
{
    const auto op = TRY(fetch<pv_physdev_set_iobitmap>(arg));
    if (op.nr_ports > 0x10000 || (op.nr_ports != 0 && !is_guest_va(op.bitmap))) return Error::einval;
    v.port_bitmap = GuestVa{op.bitmap};
    v.port_bitmap_ports = op.nr_ports;
    return Ok{};
}

Result<> setup(const pv_physdev_setup_gsi& op)
{
    if (op.gsi < 0 || op.triggering > 1 || op.polarity > 1) return Error::einval;
    return domain::setup_gsi(static_cast<unsigned>(op.gsi), static_cast<arch::Trigger>(op.triggering),
                             static_cast<arch::Polarity>(op.polarity));
}

bool means_caller(Vcpu& v, std::uint16_t domid) { return domid == PV_DOMID_SELF || DomainId{domid} == v.domain().id(); }

Result<Pirq> map(Vcpu& v, const pv_physdev_map_pirq& op)
{
    if (!means_caller(v, op.domid)) return Error::enosys; // no device is given to another domain
    if (op.type == PV_MAP_PIRQ_TYPE_GSI) {
        if (op.index < 0 || (op.pirq >= 0 && op.pirq != op.index)) return Error::einval;
        return domain::map_gsi(v.domain(), static_cast<unsigned>(op.index));
    }
    if (op.type != PV_MAP_PIRQ_TYPE_MSI && op.type != PV_MAP_PIRQ_TYPE_MSI_SEG) return Error::einval;
    const unsigned segment = op.type == PV_MAP_PIRQ_TYPE_MSI_SEG ? static_cast<unsigned>(op.bus) >> 16 : 0;
    return domain::map_msi(v.domain(), {segment << 16 | (op.bus & 255U) << 8 | (op.devfn & 255U),
                                        static_cast<unsigned>(op.entry_nr), op.table_base});
}

Result<> unmap(Vcpu& v, const pv_physdev_unmap_pirq& op)
{
    if (!means_caller(v, op.domid)) return Error::esrch;
    if (op.pirq < 0) return Error::einval;
    return domain::unmap_msi(v.domain(), Pirq{static_cast<std::uint32_t>(op.pirq)});
}

} // namespace

// Devices are found through configuration space when they are used, so the reports of what exists need no record.
Result<> physdev_op(Vcpu& v, std::uint32_t cmd, GuestVa arg)
{
    if (cmd == PV_PHYSDEVOP_SET_IOPL) return set_iopl(v, arg);
    if (cmd == PV_PHYSDEVOP_SET_IOBITMAP) return set_iobitmap(v, arg);
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    switch (cmd) {
    case PV_PHYSDEVOP_APIC_READ: {
        auto op = TRY(fetch<pv_physdev_apic>(arg));
        op.value = TRY(arch::ioapic_read(op.apic_physbase, op.reg));
        return answer(arg, op);
    }
    case PV_PHYSDEVOP_ALLOC_IRQ_VECTOR: { // the number is all Linux wants; vectors are ours
        auto op = TRY(fetch<pv_physdev_irq>(arg));
        if (op.irq >= domain::max_pirqs) return Error::einval;
        op.vector = op.irq;
        return answer(arg, op);
    }
    case PV_PHYSDEVOP_IRQ_STATUS_QUERY: {
        auto op = TRY(fetch<pv_physdev_irq_status_query>(arg));
        op.flags = TRY(domain::pirq_status(Pirq{op.irq}));
        return answer(arg, op);
    }
    case PV_PHYSDEVOP_SETUP_GSI: return setup(TRY(fetch<pv_physdev_setup_gsi>(arg)));
    case PV_PHYSDEVOP_MAP_PIRQ: {
        auto op = TRY(fetch<pv_physdev_map_pirq>(arg));
        op.pirq = static_cast<std::int32_t>(TRY(map(v, op)).raw());
        return answer(arg, op);
    }
    case PV_PHYSDEVOP_UNMAP_PIRQ: return unmap(v, TRY(fetch<pv_physdev_unmap_pirq>(arg)));
    case PV_PHYSDEVOP_EOI: return domain::pirq_eoi(TRY(fetch<Pirq>(arg)));
    case PV_PHYSDEVOP_PCI_DEVICE_ADD: return note(arg, 12);
    case PV_PHYSDEVOP_PCI_DEVICE_REMOVE:
    case PV_PHYSDEVOP_PREPARE_MSIX:
    case PV_PHYSDEVOP_RELEASE_MSIX: return note(arg, 4);
    case PV_PHYSDEVOP_PCI_MMCFG_RESERVED: return note(arg, 16);
    case PV_PHYSDEVOP_DBGP_OP: return note(arg, 6); // no USB debug port is in use
    default: return Error::enosys;
    }
}

} // namespace hv::hypercall
