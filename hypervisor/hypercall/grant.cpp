// SPDX-License-Identifier: MIT
//
// grant_table_op (20): batches of operations, each with its own status; the call itself fails only for a list that
// cannot be read or written. Long batches are run in slices. Version 2, transfer, swap and cache_flush are left out.
#include "pv-abi/grant.h"
#include "domain/grant_map.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/foreign.hpp"
#include "hypercall/handlers.hpp"
#include "mm/tlb.hpp"

namespace hv::hypercall {
namespace {

using domain::GrantStatus;

constexpr std::uint32_t slice = 32; ///< Operations between two chances to be interrupted.

std::int16_t raw(GrantStatus s) { return static_cast<std::int16_t>(s); }

/// Runs the first slice of a list of records of whole words: each is fetched once and worked on, and its last words,
/// @p results of them, are written back.
template <typename T, unsigned results, typename F>
Return for_slice(Vcpu& v, std::uint32_t cmd, GuestVa list, std::uint32_t count, F&& one)
{
    const std::uint32_t now = count < slice ? count : slice;
    for (std::uint32_t i = 0; i < now; ++i) {
        T op;
        const GuestVa at = list + std::uint64_t{i} * sizeof op;
        TRY(guest::load_from_guest(std::span{&op, 1}, at));
        one(op);
        constexpr std::size_t words = sizeof op / 8;
        const auto* const made = reinterpret_cast<const std::uint64_t*>(&op);
        for (std::size_t w = words - results; w < words; ++w)
            TRY(guest::store_to_guest(at + w * 8, made[w]));
    }
    if (now == count) return 0;
    v.set_continuation(std::uint64_t{cmd}, list.raw() + now * sizeof(T), std::uint64_t{count - now});
    return Error::restart;
}

Return map(Vcpu& v, std::uint32_t cmd, GuestVa list, std::uint32_t count)
{
    domain::GrantMapper mapper{v};
    return for_slice<pv_gnttab_map_grant_ref, 2>(v, cmd, list, count, [&](pv_gnttab_map_grant_ref& op) {
        const domain::MapResult r = mapper.map({op.host_addr, op.flags, op.ref, DomainId{op.dom}});
        op.status = raw(r.status);
        if (r.status != GrantStatus::okay) return;
        op.handle = r.handle.raw();
        op.dev_bus_addr = r.bus_address.raw();
    });
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

Return unmap(Vcpu& v, std::uint32_t cmd, GuestVa list, std::uint32_t count)
{
    UnmapSlice work{v};
    return for_slice<pv_gnttab_unmap_grant_ref, 1>(v, cmd, list, count, [&](pv_gnttab_unmap_grant_ref& op) {
        op.status = raw(work.add({op.host_addr, op.dev_bus_addr, GrantHandle{op.handle}}));
    });
}

Return copy(Vcpu& v, std::uint32_t cmd, GuestVa list, std::uint32_t count)
{
    domain::GrantCopier copier{v};
    return for_slice<pv_gnttab_copy, 1>(v, cmd, list, count,
                                        [&copier](pv_gnttab_copy& op) { op.status = raw(copier.copy(op)); });
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

/// One record about the table of op.dom: the caller's own, or any for the hardware domain.
template <typename T, typename F> Return on_table(Vcpu& v, GuestVa arg, std::uint32_t count, F&& run)
{
    if (count != 1) return Error::einval;
    const guest::InOut<T> ptr{arg};
    T op = TRY(ptr.read());
    Result<Subject> target = Subject::resolve(DomainId{op.dom}, v);
    const auto denied = target.error() == Error::esrch ? GrantStatus::bad_domain : GrantStatus::permission_denied;
    op.status = raw(target.ok() ? run(std::move(target).take()->grants(), op) : denied);
    return in_rax(ptr.write(op));
}

GrantStatus query_size(domain::GrantTable& table, pv_gnttab_query_size& op)
{
    op.nr_frames = table.frames();
    op.max_nr_frames = table.max_frames();
    return GrantStatus::okay;
}

Return set_version(GuestVa arg)
{
    const guest::InOut<std::uint32_t> ptr{arg};
    const std::uint32_t version = TRY(ptr.read());
    if (version == 2) return Error::enosys;
    if (version != 1) return Error::einval;
    return in_rax(ptr.write(version));
}

Return get_version(Vcpu& v, GuestVa arg)
{
    const guest::InOut<pv_gnttab_get_version> ptr{arg};
    auto op = TRY(ptr.read());
    TRY(Subject::resolve(DomainId{op.dom}, v));
    op.version = 1;
    return in_rax(ptr.write(op));
}

[[gnu::cold, gnu::noinline]] Return less_frequent(Vcpu& v, std::uint32_t cmd, GuestVa arg, std::uint32_t count)
{
    switch (cmd) {
    case PV_GNTTABOP_SETUP_TABLE: return on_table<pv_gnttab_setup_table>(v, arg, count, &list_frames);
    case PV_GNTTABOP_QUERY_SIZE: return on_table<pv_gnttab_query_size>(v, arg, count, &query_size);
    case PV_GNTTABOP_SET_VERSION: return set_version(arg);
    case PV_GNTTABOP_GET_VERSION: return get_version(v, arg);
    default: return Error::enosys;
    }
}

} // namespace

Return grant_table_op(Vcpu& v, std::uint32_t cmd, GuestVa arg, std::uint32_t count)
{
    if (static_cast<std::int32_t>(count) < 0) return Error::einval;
    switch (cmd) {
    case PV_GNTTABOP_MAP_GRANT_REF: return map(v, cmd, arg, count);
    case PV_GNTTABOP_UNMAP_GRANT_REF: return unmap(v, cmd, arg, count);
    case PV_GNTTABOP_COPY: return copy(v, cmd, arg, count);
    default: return less_frequent(v, cmd, arg, count);
    }
}

} // namespace hv::hypercall
