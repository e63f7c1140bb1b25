// SPDX-License-Identifier: MIT
//
// memory_op: reservations and what the guest may know about memory. Lists of extents are worked off one extent at a
// time; the command word's upper bits say where to go on after a preemption.
#include "pv-abi/memory.h"
#include "domain/grants.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/foreign.hpp"
#include "hypercall/handlers.hpp"
#include "mm/reservation.hpp"
#include "mm/update.hpp"

namespace hv::hypercall {

namespace {

constexpr unsigned command_bits = 6;
constexpr std::uint64_t command_mask = (1U << command_bits) - 1;
constexpr unsigned largest_order = 9;

struct Extents {
    domain::Domain& owner;
    guest::InOut<Mfn> list;
    unsigned order;
    unsigned address_bits;
};

/// Extent @p i is now at @p m; one that cannot be told to the guest is given back.
Result<> tell(const Extents& e, std::uint64_t i, Mfn m)
{
    const Result<> told = e.list.write(m, i);
    if (!told.ok()) TRY(mm::decrease_extent(e.owner, m, e.order));
    return told;
}

Result<> populate(const Extents& e, std::uint64_t i)
{
    const Pfn pfn{TRY(e.list.read(i)).raw()};
    return tell(e, i, TRY(mm::populate_extent(e.owner, pfn, e.order, e.address_bits)));
}

Result<> increase(const Extents& e, std::uint64_t i)
{
    const Mfn m = TRY(mm::alloc_domain_frames(e.owner, e.order, e.address_bits));
    return e.list.null() ? Ok{} : tell(e, i, m);
}

Result<> decrease(const Extents& e, std::uint64_t i)
{
    return mm::decrease_extent(e.owner, TRY(e.list.read(i)), e.order);
}

/// Returns how many extents are done; the first that fails ends it, and so does a request that is not allowed.
Return reservation_op(Vcpu& v, std::uint64_t cmd, GuestVa arg)
{
    const std::uint64_t start = cmd >> command_bits;
    const std::uint64_t op = cmd & command_mask;
    const auto request = guest::In<pv_memory_reservation>{arg}.read();
    if (!request.ok()) return start;
    const pv_memory_reservation r = request.take();
    if (r.nr_extents > (~0ULL >> command_bits) || start > r.nr_extents) return start;
    const unsigned limit = v.domain().is_hardware_domain() ? largest_order : 0;
    if (r.extent_order > limit) return start;
    Result<Subject> found = Subject::resolve(DomainId{r.domid}, v);
    if (!found.ok()) return start;
    const Subject owner = std::move(found).take();
    const Extents e{*owner, guest::InOut<Mfn>{GuestVa{r.extent_start}}, r.extent_order,
                    r.mem_flags & PV_XENMEMF_ADDRESS_BITS_MASK};
    mm::Work work;
    TRY(mm::finish_deferred(*owner, work));
    for (std::uint64_t i = start; i < r.nr_extents; ++i) {
        if (i != start && work.exhausted()) {
            v.set_continuation(i << command_bits | op, arg.raw());
            return Error::restart;
        }
        const Result<> done = op == PV_XENMEM_POPULATE_PHYSMAP       ? populate(e, i)
                              : op == PV_XENMEM_INCREASE_RESERVATION ? increase(e, i)
                                                                     : decrease(e, i);
        if (!done.ok()) return i;
        (void)work.spend(8 << e.order);
    }
    return r.nr_extents;
}

Return of_domain(Vcpu& v, std::uint64_t cmd, GuestVa arg)
{
    const Subject d = TRY(Subject::resolve(TRY(guest::In<DomainId>{arg}.read()), v));
    switch (cmd) {
    case PV_XENMEM_CURRENT_RESERVATION: return d->page_count();
    case PV_XENMEM_MAXIMUM_RESERVATION: return d->max_pages();
    default: return mm::frame_table_end().raw() - 1; // maximum_gpfn of a PV domain: any frame may be its
    }
}

Result<> claim(Vcpu& v, GuestVa arg)
{
    const auto r = TRY(guest::In<pv_memory_reservation>{arg}.read());
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    if (r.extent_start != 0 || r.extent_order != 0 || r.mem_flags != 0) return Error::einval;
    Result<Subject> found = Subject::resolve(DomainId{r.domid}, v);
    if (!found.ok()) return Error::einval;
    const Subject d = std::move(found).take();
    return mm::claim_pages(*d, r.nr_extents);
}

Result<> machphys_mapping(GuestVa arg)
{
    const pv_machphys_mapping m{PV_MACH2PHYS_VIRT_START, PV_MACH2PHYS_VIRT_END, mm::frame_table_end().raw() - 1};
    return guest::Out<pv_machphys_mapping>{arg}.write(m);
}

/// The machine's map for the hardware domain, which gets all of it or einval; what the builder set for others.
Result<> memory_map(Vcpu& v, GuestVa arg)
{
    domain::Domain& d = v.domain();
    const cpu::Guard guard{d.lock()};
    if (!d.is_hardware_domain() && d.memory_map_entries == 0) return Error::enosys;
    auto m = TRY(guest::InOut<pv_memory_map>{arg}.read());
    const std::uint32_t room = m.nr_entries;
    m.nr_entries = std::min(room, d.memory_map_entries);
    TRY(guest::Out<pv_e820_entry>{GuestVa{m.buffer}}.write_array(std::span{d.memory_map}.first(m.nr_entries)));
    if (d.is_hardware_domain() && room < d.memory_map_entries) return Error::einval;
    return guest::Out<pv_memory_map>{arg}.write(m);
}

/// First frames of the 2 MiB extents that hold the machine-to-physical table.
Result<> machphys_frames(Vcpu& v, GuestVa arg)
{
    auto list = TRY(guest::InOut<pv_machphys_mfn_list>{arg}.read());
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    const guest::Out<std::uint64_t> out{GuestVa{list.extent_start}};
    for (list.nr_extents = 0; list.nr_extents < list.max_extents; ++list.nr_extents) {
        const auto m = mm::m2p_extent(list.nr_extents);
        if (!m.ok()) break;
        TRY(out.write(m.take().raw(), list.nr_extents));
    }
    return guest::Out<pv_machphys_mfn_list>{arg}.write(list);
}

Result<> set_memory_map(Vcpu& v, GuestVa arg)
{
    const auto m = TRY(guest::In<pv_foreign_memory_map>{arg}.read());
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    const Subject d = TRY(Subject::resolve(DomainId{m.domid}, v));
    if (m.map.nr_entries > d->memory_map.size()) return Error::einval;
    decltype(d->memory_map) entries{};
    TRY(guest::In<pv_e820_entry>{GuestVa{m.map.buffer}}.read_array(std::span{entries}.first(m.map.nr_entries)));
    const cpu::Guard guard{d->lock()};
    d->memory_map = entries;
    d->memory_map_entries = m.map.nr_entries;
    return Ok{};
}

/// Grant-table frames of another domain, for its builder. A null list asks how many there can be.
Result<> acquire_resource(Vcpu& v, GuestVa arg)
{
    auto r = TRY(guest::InOut<pv_mem_acquire_resource>{arg}.read());
    if (r.pad != 0) return Error::einval;
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    const Subject d = TRY(Subject::resolve(DomainId{r.domid}, v));
    if (r.type != PV_XENMEM_RESOURCE_GRANT_TABLE) return Error::eopnotsupp;
    if (r.id != PV_XENMEM_RESOURCE_GRANT_TABLE_ID_SHARED) return Error::einval;
    domain::GrantTable& grants = d->grants();
    if (r.frame_list == 0) {
        if (r.nr_frames != 0) return Error::einval;
        r.nr_frames = grants.max_frames();
        return guest::Out<pv_mem_acquire_resource>{arg}.write(r);
    }
    if (r.frame >= grants.max_frames() || r.nr_frames > grants.max_frames() - r.frame) return Error::einval;
    const guest::Out<std::uint64_t> out{GuestVa{r.frame_list}};
    for (std::uint32_t i = 0; i < r.nr_frames; ++i) {
        const Mfn m = TRY(grants.frame_mfn(static_cast<std::uint32_t>(r.frame) + i));
        TRY(out.write(m.raw(), i));
    }
    return Ok{};
}

/// Few frames, as many on both sides, both the caller's own.
Result<> check_exchange(const pv_memory_exchange& x, const domain::Domain& d)
{
    constexpr unsigned most = mm::Exchange::most;
    for (const pv_memory_reservation* side : {&x.in, &x.out}) {
        if (side->domid != PV_DOMID_SELF && DomainId{side->domid} != d.id()) return Error::einval;
        if (side->extent_order > largest_order) return Error::eperm;
        if (side->nr_extents == 0 || side->nr_extents > most >> side->extent_order) return Error::einval;
    }
    const bool even = x.in.nr_extents << x.in.extent_order == x.out.nr_extents << x.out.extent_order;
    return even && x.nr_exchanged == 0 ? Result<>{Ok{}} : Error::einval;
}

/// All or nothing: on any error nr_exchanged is 0 and nothing has changed.
Result<> collect(mm::Exchange& e, const pv_memory_exchange& x)
{
    const unsigned bits = x.out.mem_flags & PV_XENMEMF_ADDRESS_BITS_MASK;
    for (unsigned i = 0; i < x.in.nr_extents; ++i) {
        const Mfn first = TRY(guest::In<Mfn>{GuestVa{x.in.extent_start}}.read(i));
        for (unsigned k = 0; k < 1U << x.in.extent_order; ++k)
            TRY(e.give(first + k));
    }
    const guest::InOut<std::uint64_t> out{GuestVa{x.out.extent_start}};
    for (unsigned i = 0; i < x.out.nr_extents; ++i)
        TRY(e.take(x.out.extent_order, bits, Pfn{TRY(out.read(i))}));
    // Told before it is true, because telling can fail and the commit cannot.
    for (unsigned i = 0; i < x.out.nr_extents; ++i)
        TRY(out.write(e.taken(i << x.out.extent_order).raw(), i));
    return Ok{};
}

/// XENMEM_exchange as dom0's swiotlb uses it: at most 2^9 frames a call, so no preemption.
Result<> exchange(Vcpu& v, GuestVa arg)
{
    auto x = TRY(guest::InOut<pv_memory_exchange>{arg}.read());
    domain::Domain& d = v.domain();
    if (!d.is_hardware_domain()) return Error::eperm;
    TRY(check_exchange(x, d));
    mm::Work work;
    TRY(mm::finish_deferred(d, work));
    const auto e = TRY(mm::make_box<mm::Exchange>(d));
    TRY(collect(*e, x));
    x.nr_exchanged = x.in.nr_extents;
    TRY(guest::InOut<pv_memory_exchange>{arg}.write(x));
    e->commit();
    return Ok{};
}

} // namespace

Return memory_op(Vcpu& v, std::uint64_t cmd, GuestVa arg)
{
    const bool hardware = v.domain().is_hardware_domain();
    const std::uint64_t op = cmd & command_mask;
    if (op == PV_XENMEM_POPULATE_PHYSMAP || op == PV_XENMEM_INCREASE_RESERVATION ||
        op == PV_XENMEM_DECREASE_RESERVATION)
        return reservation_op(v, cmd, arg);
    if (cmd != op) return Error::einval;
    switch (op) {
    case PV_XENMEM_MAXIMUM_RAM_PAGE: return mm::frame_table_end().raw() - 1;
    case PV_XENMEM_CURRENT_RESERVATION:
    case PV_XENMEM_MAXIMUM_RESERVATION:
    case PV_XENMEM_MAXIMUM_GPFN: return of_domain(v, op, arg);
    case PV_XENMEM_EXCHANGE: return in_rax(exchange(v, arg));
    case PV_XENMEM_CLAIM_PAGES: return in_rax(claim(v, arg));
    case PV_XENMEM_MACHPHYS_MAPPING: return in_rax(machphys_mapping(arg));
    case PV_XENMEM_MACHPHYS_MFN_LIST: return in_rax(machphys_frames(v, arg));
    case PV_XENMEM_MACHINE_MEMORY_MAP: return hardware ? in_rax(memory_map(v, arg)) : Error::eperm;
    case PV_XENMEM_MEMORY_MAP: return hardware ? Error::enosys : in_rax(memory_map(v, arg));
    case PV_XENMEM_SET_MEMORY_MAP: return in_rax(set_memory_map(v, arg));
    case PV_XENMEM_ACQUIRE_RESOURCE: return in_rax(acquire_resource(v, arg));
    case PV_XENMEM_GET_SHARING_FREED_PAGES:
    case PV_XENMEM_GET_SHARING_SHARED_PAGES: return 0;
    default: return Error::enosys;
    }
}

} // namespace hv::hypercall
