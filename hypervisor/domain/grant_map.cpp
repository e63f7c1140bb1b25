// SPDX-License-Identifier: MIT
//
// See domain/grant_map.hpp. A mapping record owns one reference to the frame (a writable one unless read-only) beside
// those of the page-table entry, so a mapper that overwrites the entry by itself changes no count here.
#include "domain/grant_map.hpp"
#include "mm/pte.hpp"
#include "mm/update.hpp"
#include "mm/window.hpp"

namespace hv::domain {
namespace {

constexpr std::uint8_t has_pte_address = 32; ///< In Mapping::flags: host_addr named the entry, not the page.
constexpr unsigned first_software_bit = 9;
constexpr std::uint32_t software_bits = 7;

Result<mm::L1Slot> find_slot(Vcpu& v, std::uint64_t host_addr, bool is_entry)
{
    if (is_entry) return mm::l1_slot_at(Maddr{host_addr}, v.domain());
    return mm::find_l1(v.kernel_root(), GuestVa{host_addr});
}

Maddr address_of(mm::L1Slot s) { return maddr_of(s.table) + 8 * s.index; }

GrantAccess access_of(const Mapping& m)
{
    return (m.flags & Mapping::writable) != 0 ? GrantAccess::read_write : GrantAccess::read_only;
}

/// Installs the page-table entry; @p m then says where it is.
GrantStatus map_host(Vcpu& v, const MapRequest& r, const GrantedFrame& frame, Mapping& m)
{
    const bool is_entry = (r.flags & PV_GNTMAP_CONTAINS_PTE) != 0;
    const Result<mm::L1Slot> slot = find_slot(v, r.host_addr, is_entry);
    if (!slot.ok()) return GrantStatus::general_error;
    const std::uint64_t software = std::uint64_t{r.flags >> PV_GNTMAP_GUEST_AVAIL0 & software_bits}
                                   << first_software_bit;
    if (!mm::install_grant_pte(slot.take(), {access_of(m), software | mm::pte::no_execute}, frame.page, v.domain())
             .ok())
        return GrantStatus::general_error;
    m.slot = address_of(slot.take());
    m.flags |= Mapping::host | (is_entry ? has_pte_address : 0);
    return GrantStatus::okay;
}

/// Does the entry still say what was installed?
bool still_maps(mm::L1Slot slot, const Mapping& m)
{
    const mm::FrameWindow<std::uint64_t> w{slot.table};
    const std::uint64_t entry = shared::load(&w[slot.index]);
    return mm::pte::is_present(entry) && mm::pte::frame_of(entry) == m.frame &&
           mm::pte::is_writable(entry) == (access_of(m) == GrantAccess::read_write);
}

GrantStatus unmap_host(Vcpu& v, std::uint64_t host_addr, const Mapping& m)
{
    const Result<mm::L1Slot> slot = find_slot(v, host_addr, (m.flags & has_pte_address) != 0);
    if (!slot.ok() || address_of(slot.take()) != m.slot) return GrantStatus::general_error;
    if (!still_maps(slot.take(), m)) return GrantStatus::general_error;
    if (!mm::remove_grant_pte(slot.take(), m.frame, v.domain()).ok()) return GrantStatus::general_error;
    return GrantStatus::okay;
}

/// The frame goes first: once the granter sees the grant unused, it may want to use the frame in another way.
void let_go(Mapping& m)
{
    if (access_of(m) == GrantAccess::read_write)
        mm::WritableRef::adopt(m.frame).reset();
    else
        mm::PageRef::adopt(m.frame).reset();
    m.granter->grants().end_use(m.ref, access_of(m));
}

/// The record keeps one reference: a writable one is a plain one too.
void keep(GrantedFrame& frame)
{
    if (frame.writable)
        (void)frame.writable.release();
    else
        (void)frame.page.release();
}

} // namespace

MapResult map_grant(Vcpu& v, const MapRequest& r)
{
    if ((r.flags & (PV_GNTMAP_HOST_MAP | PV_GNTMAP_DEVICE_MAP)) == 0) return {GrantStatus::bad_ref};
    DomainRef granter = find_domain(r.granter);
    if (!granter || granter->is_dying()) return {GrantStatus::bad_domain};
    Maptrack& track = v.domain().grants().maptrack;
    const Result<GrantHandle> handle = track.allocate();
    if (!handle.ok()) return {GrantStatus::no_device_space};

    Mapping m;
    if ((r.flags & PV_GNTMAP_READONLY) == 0) m.flags |= Mapping::writable;
    GrantedFrame frame;
    GrantTable& table = granter->grants();
    GrantStatus status = table.begin_use(r.ref, v.domain().id(), access_of(m), frame);
    if (status != GrantStatus::okay) {
        track.free(handle.take());
        return {status};
    }
    if ((r.flags & PV_GNTMAP_HOST_MAP) != 0) status = map_host(v, r, frame, m);
    if (status != GrantStatus::okay) {
        frame = GrantedFrame{};
        table.end_use(r.ref, access_of(m));
        track.free(handle.take());
        return {status};
    }
    if ((r.flags & PV_GNTMAP_DEVICE_MAP) != 0) m.flags |= Mapping::device;
    m.frame = frame.page.mfn();
    m.ref = r.ref;
    m.granter = std::move(granter);
    keep(frame);
    const Maddr bus = maddr_of(m.frame);
    track.publish(handle.take(), std::move(m));
    return {GrantStatus::okay, handle.take(), bus};
}

GrantStatus begin_unmap(Vcpu& v, const UnmapRequest& r, Unmapping& u)
{
    Maptrack& track = v.domain().grants().maptrack;
    Mapping* const m = track.claim(r.handle);
    if (m == nullptr) return GrantStatus::bad_handle;
    GrantStatus status = GrantStatus::okay;
    std::uint8_t removed = 0;
    if (r.bus_addr != 0 && (m->flags & Mapping::device) != 0) {
        removed = Mapping::device;
        if (Maddr{r.bus_addr} != maddr_of(m->frame)) status = GrantStatus::general_error;
    }
    if (status == GrantStatus::okay && r.host_addr != 0 && (m->flags & Mapping::host) != 0) {
        removed |= Mapping::host;
        status = unmap_host(v, r.host_addr, *m);
    }
    if (status != GrantStatus::okay) {
        track.unclaim(*m);
        return status;
    }
    u = {m, r.handle, removed};
    return GrantStatus::okay;
}

void finish_unmap(Maptrack& t, const Unmapping& u)
{
    if (u.mapping == nullptr) return;
    Mapping& m = *u.mapping;
    m.flags &= static_cast<std::uint8_t>(~u.removed);
    if ((m.flags & (Mapping::host | Mapping::device)) != 0) return t.unclaim(m);
    let_go(m);
    t.free(u.handle);
}

void drop_mapping(Maptrack& t, GrantHandle h)
{
    Mapping* const m = t.claim(h);
    if (m == nullptr) return;
    let_go(*m);
    t.free(h);
}

} // namespace hv::domain
