// SPDX-License-Identifier: MIT
//
// See domain/grant_map.hpp. A mapping record owns one reference to the frame (a writable one unless read-only) beside
// those of the page-table entry, so a mapper that overwrites the entry by itself changes no count here.
#include "domain/grant_map.hpp"
#include "mm/pte.hpp"
#include "mm/update.hpp"

namespace hv::domain {
namespace {

constexpr std::uint8_t has_pte_address = 32; ///< In Mapping::flags: host_addr named the entry, not the page.
constexpr unsigned first_software_bit = 9;
constexpr std::uint32_t software_bits = 7;

/// The frame goes first: once the granter sees the grant unused, it may want to use the frame in another way.
[[gnu::always_inline]] inline void let_go(const Mapping& m)
{
    mm::HeldFrame{m.frame, m.access()}.reset();
    m.granter->grants().end_use(m.ref, m.access());
}

} // namespace

/// The table that maps @p host_addr becomes the one at hand.
[[gnu::noinline]] Result<> GrantMapper::find_table(std::uint64_t host_addr)
{
    table_ = TRY(mm::find_l1(v_.kernel_root(), GuestVa{host_addr})).table();
    region_ = host_addr >> 21;
    return Ok{};
}

[[gnu::always_inline]] inline Result<mm::L1Slot> GrantMapper::find_slot(std::uint64_t host_addr, bool is_entry)
{
    if (is_entry) return mm::l1_slot_at(Maddr{host_addr}, v_.domain());
    if (host_addr >> 21 != region_) TRY(find_table(host_addr));
    return mm::L1Slot{table_, mm::pte::index_of(host_addr, 1)};
}

/// Installs the page-table entry; @p m then says where it is.
GrantStatus GrantMapper::map_host(const MapRequest& r, Domain& granter, const mm::HeldFrame& frame, Mapping& m)
{
    const mm::L1Slot none{};
    const Result<mm::L1Slot> found = find_slot(r.host_addr, (r.flags & PV_GNTMAP_CONTAINS_PTE) != 0);
    const mm::L1Slot slot = found.ok() ? found.take() : none;
    const std::uint64_t software = std::uint64_t{r.flags >> PV_GNTMAP_GUEST_AVAIL0 & software_bits}
                                   << first_software_bit;
    const mm::GrantEntry entry{frame.access(), software | mm::pte::no_execute};
    if (!found.ok() || !mm::install_grant_pte(slot, entry, frame.mfn(), {v_.domain(), granter}).ok())
        return GrantStatus::general_error;
    m.slot = slot.address();
    return GrantStatus::okay;
}

GrantStatus GrantMapper::unmap_host(std::uint64_t host_addr, const Mapping& m)
{
    const Result<mm::L1Slot> slot = find_slot(host_addr, m.has(has_pte_address));
    if (!slot.ok() || slot.take().address() != m.slot) return GrantStatus::general_error;
    const Result<> removed = mm::remove_grant_pte(slot.take(), m.frame, m.access(), v_.domain());
    return removed.ok() ? GrantStatus::okay : GrantStatus::general_error;
}

MapResult GrantMapper::map(const MapRequest& r)
{
    if ((r.flags & (PV_GNTMAP_HOST_MAP | PV_GNTMAP_DEVICE_MAP)) == 0) return {GrantStatus::bad_ref};
    Domain* const granter = granters_.find(r.granter);
    if (granter == nullptr) return {GrantStatus::bad_domain};
    GrantHandle handle{};
    Mapping* const record = track_.allocate(handle);
    if (record == nullptr) return {GrantStatus::no_device_space};

    Mapping& m = *record;
    mm::HeldFrame frame;
    const GrantAccess access = (r.flags & PV_GNTMAP_READONLY) != 0 ? GrantAccess::read_only : GrantAccess::read_write;
    GrantStatus status = granter->grants().begin_use(r.ref, v_.domain().id(), access, frame);
    const bool began = status == GrantStatus::okay, on_host = (r.flags & PV_GNTMAP_HOST_MAP) != 0;
    if (began && on_host) status = map_host(r, *granter, frame, m);
    if (status != GrantStatus::okay) [[unlikely]] {
        frame.reset();
        if (began) granter->grants().end_use(r.ref, access);
        track_.free(handle, m);
        return {status};
    }
    std::uint8_t flags = access == GrantAccess::read_write ? Mapping::writable : 0;
    if (on_host) flags |= Mapping::host;
    if ((r.flags & PV_GNTMAP_CONTAINS_PTE) != 0) flags |= has_pte_address;
    if ((r.flags & PV_GNTMAP_DEVICE_MAP) != 0) flags |= Mapping::device;
    m.frame = frame.release();
    m.ref = r.ref;
    m.granter = DomainRef{granter};
    const Maddr bus = maddr_of(m.frame);
    Maptrack::publish(m, flags);
    return {GrantStatus::okay, handle, bus};
}

GrantStatus GrantMapper::begin_unmap(const UnmapRequest& r, Unmapping& u)
{
    Mapping* const m = track_.claim(r.handle);
    if (m == nullptr) return GrantStatus::bad_handle;
    GrantStatus status = GrantStatus::okay;
    std::uint8_t removed = 0;
    if (r.bus_addr != 0 && m->has(Mapping::device)) {
        removed = Mapping::device;
        if (Maddr{r.bus_addr} != maddr_of(m->frame)) status = GrantStatus::general_error;
    }
    if (status == GrantStatus::okay && r.host_addr != 0 && m->has(Mapping::host)) {
        removed |= Mapping::host;
        status = unmap_host(r.host_addr, *m);
    }
    if (status != GrantStatus::okay) [[unlikely]] {
        Maptrack::unclaim(*m, m->flags.load(Order::relaxed));
        return status;
    }
    u = {m, r.handle.raw(), removed};
    return GrantStatus::okay;
}

void finish_unmap(Maptrack& t, const Unmapping& u)
{
    Mapping& m = *u.mapping;
    const std::uint8_t left = m.flags.load(Order::relaxed) & ~u.removed;
    if ((left & (Mapping::host | Mapping::device)) != 0) return Maptrack::unclaim(m, left);
    let_go(m);
    t.free(GrantHandle{u.handle}, m);
}

void drop_mapping(Maptrack& t, GrantHandle h)
{
    Mapping* const m = t.claim(h);
    if (m == nullptr) return;
    let_go(*m);
    t.free(h, *m);
}

} // namespace hv::domain
