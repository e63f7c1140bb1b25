// SPDX-License-Identifier: MIT
//
// grant_table_op (20): batches of operations, each with its own status; the call itself fails only for a list that
// cannot be read or written. Long batches are run in slices. Version 2, transfer, swap and cache_flush are left out.
#include "pv-abi/grant.h"
#include "domain/grant_copy.hpp"
#include "domain/grant_map.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"
#include "mm/tlb.hpp"

namespace hv::hypercall {
namespace {

using domain::GrantStatus;

constexpr std::uint32_t slice = 32; ///< Operations between two chances to be interrupted.

std::int16_t raw(GrantStatus s) { return static_cast<std::int16_t>(s); }

/// What is left of a batch after @p done operations.
template <typename T>
Return next_slice(Vcpu& v, std::uint32_t cmd, GuestVa list, std::uint32_t count, std::uint32_t done)
{
    if (done == count) return 0;
    v.set_continuation(std::uint64_t{cmd}, list.raw() + done * sizeof(T), std::uint64_t{count - done});
    return Error::restart;
}

/// Element @p i of a list of whole words, fetched once.
template <typename T> Result<GuestVa> fetch(GuestVa list, std::uint32_t i, T& op)
{
    const GuestVa at = list + std::uint64_t{i} * sizeof op;
    TRY(guest::load_from_guest(std::span{&op, 1}, at));
    return at;
}

Return map(Vcpu& v, GuestVa list, std::uint32_t count)
{
    domain::GrantMapper mapper{v};
    const std::uint32_t now = count < slice ? count : slice;
    for (std::uint32_t i = 0; i < now; ++i) {
        pv_gnttab_map_grant_ref op;
        const GuestVa at = TRY(fetch(list, i, op));
        const domain::MapResult r = mapper.map({op.host_addr, op.flags, op.ref, DomainId{op.dom}});
        op.status = raw(r.status);
        if (r.status == GrantStatus::okay) {
            op.handle = r.handle.raw();
            op.dev_bus_addr = r.bus_address.raw();
        }
        TRY(guest::store_to_guest(at, op));
    }
    return next_slice<pv_gnttab_map_grant_ref>(v, PV_GNTTABOP_MAP_GRANT_REF, list, count, now);
}

/// The flush sits between the entries' removal and the granters' learning of it, also when the list turns out bad.
class UnmapSlice {
public:
    explicit UnmapSlice(Vcpu& v) : v_{v}, mapper_{v} {}
    UnmapSlice(const UnmapSlice&) = delete;
    UnmapSlice& operator=(const UnmapSlice&) = delete;
    ~UnmapSlice()
    {
        if (flush_) mm::flush_owner(v_.domain());
        for (std::uint32_t i = 0; i < used_; ++i)
            domain::finish_unmap(v_.domain().grants().maptrack, begun_[i]);
    }
    GrantStatus add(const domain::UnmapRequest& r)
    {
        const GrantStatus status = mapper_.begin_unmap(r, begun_[used_]);
        if (status != GrantStatus::okay) return status;
        if ((begun_[used_++].removed & domain::Mapping::host) != 0) flush_ = true;
        return status;
    }

private:
    Vcpu& v_;
    domain::GrantMapper mapper_;
    std::array<domain::Unmapping, slice> begun_;
    std::uint32_t used_ = 0;
    bool flush_ = false;
};

Return unmap(Vcpu& v, GuestVa list, std::uint32_t count)
{
    const std::uint32_t now = count < slice ? count : slice;
    {
        UnmapSlice work{v};
        for (std::uint32_t i = 0; i < now; ++i) {
            pv_gnttab_unmap_grant_ref op;
            const GuestVa at = TRY(fetch(list, i, op));
            op.status = raw(work.add({op.host_addr, op.dev_bus_addr, GrantHandle{op.handle}}));
            TRY(guest::store_to_guest(at, op));
        }
    }
    return next_slice<pv_gnttab_unmap_grant_ref>(v, PV_GNTTABOP_UNMAP_GRANT_REF, list, count, now);
}

domain::CopyEnd copy_end(const pv_gnttab_copy_ptr& p, bool is_ref)
{
    return {DomainId{p.domid}, is_ref, is_ref ? p.u.ref : p.u.gmfn, p.offset};
}

Return copy(Vcpu& v, GuestVa list, std::uint32_t count)
{
    domain::GrantCopier copier{v};
    const std::uint32_t now = count < slice ? count : slice;
    for (std::uint32_t i = 0; i < now; ++i) {
        pv_gnttab_copy op;
        const GuestVa at = TRY(fetch(list, i, op));
        op.status = raw(copier.copy(copy_end(op.source, (op.flags & PV_GNTCOPY_SOURCE_GREF) != 0),
                                    copy_end(op.dest, (op.flags & PV_GNTCOPY_DEST_GREF) != 0), op.len));
        TRY(guest::store_to_guest(at, op));
    }
    return next_slice<pv_gnttab_copy>(v, PV_GNTTABOP_COPY, list, count, now);
}

struct Target {
    GrantStatus status;
    domain::DomainRef domain;
};
/// Whose table is meant: the caller's, or any for the hardware domain.
Target find_target(Vcpu& v, std::uint16_t id)
{
    Result<domain::DomainRef> found = domain::resolve(DomainId{id}, v);
    if (!found.ok()) return {GrantStatus::bad_domain, {}};
    domain::DomainRef d = std::move(found).take();
    if (d.get() != &v.domain() && !v.domain().is_hardware_domain()) return {GrantStatus::permission_denied, {}};
    return {GrantStatus::okay, std::move(d)};
}

GrantStatus list_frames(domain::GrantTable& table, const pv_gnttab_setup_table& op)
{
    if (op.nr_frames > table.max_frames()) return GrantStatus::general_error;
    const guest::Out<std::uint64_t> list{GuestVa{op.frame_list}};
    for (std::uint32_t i = 0; i < op.nr_frames; ++i) {
        const Result<Mfn> mfn = table.frame_mfn(i);
        if (!mfn.ok()) return GrantStatus::general_error;
        if (!list.write(mfn.take().raw(), i).ok()) return GrantStatus::bad_virt_addr;
    }
    return GrantStatus::okay;
}

Return setup_table(Vcpu& v, GuestVa arg, std::uint32_t count)
{
    if (count != 1) return Error::einval;
    const guest::InOut<pv_gnttab_setup_table> ptr{arg};
    auto op = TRY(ptr.read());
    const Target target = find_target(v, op.dom);
    GrantStatus status = target.status;
    if (status == GrantStatus::okay) status = list_frames(target.domain->grants(), op);
    op.status = raw(status);
    TRY(ptr.write(op));
    return 0;
}

Return query_size(Vcpu& v, GuestVa arg, std::uint32_t count)
{
    if (count != 1) return Error::einval;
    const guest::InOut<pv_gnttab_query_size> ptr{arg};
    auto op = TRY(ptr.read());
    const Target target = find_target(v, op.dom);
    op.status = raw(target.status);
    if (target.status == GrantStatus::okay) {
        op.nr_frames = target.domain->grants().frames();
        op.max_nr_frames = target.domain->grants().max_frames();
    }
    TRY(ptr.write(op));
    return 0;
}

Return set_version(GuestVa arg)
{
    const guest::InOut<pv_gnttab_set_version> ptr{arg};
    auto op = TRY(ptr.read());
    if (op.version == 2) return Error::enosys;
    if (op.version != 1) return Error::einval;
    TRY(ptr.write(op));
    return 0;
}

Return get_version(Vcpu& v, GuestVa arg)
{
    const guest::InOut<pv_gnttab_get_version> ptr{arg};
    auto op = TRY(ptr.read());
    const Target target = find_target(v, op.dom);
    if (target.status == GrantStatus::bad_domain) return Error::esrch;
    if (target.status != GrantStatus::okay) return Error::eperm;
    op.version = 1;
    TRY(ptr.write(op));
    return 0;
}

} // namespace

Return grant_table_op(Vcpu& v, std::uint32_t cmd, GuestVa arg, std::uint32_t count)
{
    if (static_cast<std::int32_t>(count) < 0) return Error::einval;
    switch (cmd) {
    case PV_GNTTABOP_MAP_GRANT_REF: return map(v, arg, count);
    case PV_GNTTABOP_UNMAP_GRANT_REF: return unmap(v, arg, count);
    case PV_GNTTABOP_SETUP_TABLE: return setup_table(v, arg, count);
    case PV_GNTTABOP_COPY: return copy(v, arg, count);
    case PV_GNTTABOP_QUERY_SIZE: return query_size(v, arg, count);
    case PV_GNTTABOP_SET_VERSION: return set_version(arg);
    case PV_GNTTABOP_GET_VERSION: return get_version(v, arg);
    default: return Error::enosys;
    }
}

} // namespace hv::hypercall
