// SPDX-License-Identifier: MIT
//
// See domain/grants.hpp. The shared entry's flags are changed only by compare-exchange with the guest's own changes.
#include "domain/grants.hpp"
#include "domain/grant_map.hpp"

namespace hv::domain {
namespace {

constexpr std::uint16_t most_users = 0xffff;

Atomic<std::uint64_t> use_count;

constexpr std::uint16_t in_use(GrantAccess access)
{
    return access == GrantAccess::read_write ? PV_GTF_READING | PV_GTF_WRITING : PV_GTF_READING;
}

/// Flags and grantee, which change together.
std::uint32_t* header(pv_grant_entry_v1& e) { return reinterpret_cast<std::uint32_t*>(&e); }

} // namespace

std::uint64_t GrantTable::uses() { return use_count.load(Order::relaxed); }

[[gnu::cold]] Result<mm::Box<GrantTable>> GrantTable::create(Domain& owner, std::uint32_t max_frames,
                                                             std::uint32_t max_maptrack)
{
    if (max_frames == 0) return Error::einval;
    auto table = TRY(mm::make_box<GrantTable>(owner, max_frames, max_maptrack));
    table->pages_ = TRY(mm::make_array<Page>(max_frames));
    TRY(table->grow(1));
    return table;
}

[[gnu::cold]] Result<> GrantTable::grow(std::uint32_t count)
{
    if (count > max_frames_) return Error::einval;
    const cpu::Guard guard{lock_};
    while (frames() < count) {
        pages_[frames()].shared = TRY(mm::SharedPage::create(owner_));
        frame_count_.store(frames() + 1, Order::release);
    }
    return Ok{};
}

[[gnu::cold]] Result<Mfn> GrantTable::frame_mfn(std::uint32_t index)
{
    if (index >= max_frames_) return Error::einval;
    TRY(grow(index + 1));
    return pages_[index].shared.mfn();
}

/// @p used: it has users, what the entry says of the grantee counts no more.
inline GrantStatus GrantTable::mark(pv_grant_entry_v1& entry, bool used, DomainId grantee, GrantAccess access)
{
    std::uint32_t seen = shared::load(header(entry));
    for (;;) {
        constexpr std::uint32_t what = 0xffffU << 16 | PV_GTF_TYPE_MASK;
        if (!used && (seen & what) != (std::uint32_t{grantee.raw()} << 16 | PV_GTF_PERMIT_ACCESS))
            return GrantStatus::general_error;
        if (access == GrantAccess::read_write && (seen & PV_GTF_READONLY) != 0) return GrantStatus::general_error;
        if (shared::compare_exchange(header(entry), seen, seen | in_use(access))) return GrantStatus::okay;
    }
}

void GrantTable::unmark(pv_grant_entry_v1& entry, const Active& a)
{
    std::uint16_t over = 0;
    if (a.writers == 0) over |= PV_GTF_WRITING;
    if (a.users == 0) over |= PV_GTF_READING;
    if (over != 0) shared::fetch_and(&entry.flags, static_cast<std::uint16_t>(~over));
}

GrantStatus GrantTable::begin_use(std::uint32_t ref, DomainId grantee, GrantAccess access, mm::HeldFrame& out)
{
    const cpu::Guard guard{lock_};
    if (ref / per_frame >= frames()) return GrantStatus::bad_ref;
    Page& page = pages_.data()[ref / per_frame];
    if (!page.active) [[unlikely]] {
        Result<mm::Box<ActivePage>, false> made = mm::make_box<ActivePage>();
        if (!made.ok()) return GrantStatus::no_space;
        page.active = std::move(made).take();
    }
    pv_grant_entry_v1& entry = page.entry(ref);
    Active& a = (*page.active)[ref % per_frame];
    const bool used = a.users != 0;
    if (used && (a.users == most_users || a.grantee != grantee.raw())) return GrantStatus::general_error;
    if (owner_.is_dying()) return GrantStatus::bad_domain;
    if (const GrantStatus s = mark(entry, used, grantee, access); s != GrantStatus::okay) return s;
    const Mfn frame{used ? a.frame : shared::load(&entry.frame)};
    if (!out.hold(frame, owner_, access).ok()) {
        unmark(entry, a);
        return GrantStatus::general_error;
    }
    a.frame = static_cast<std::uint32_t>(frame.raw());
    a.grantee = grantee.raw();
    ++a.users;
    if (access == GrantAccess::read_write) ++a.writers;
    use_count.fetch_add(1, Order::relaxed);
    return GrantStatus::okay;
}

void GrantTable::end_use(std::uint32_t ref, GrantAccess access)
{
    const cpu::Guard guard{lock_};
    Page& page = pages_.data()[ref / per_frame];
    Active& a = (*page.active)[ref % per_frame];
    ASSERT(a.users != 0);
    --a.users;
    if (access == GrantAccess::read_write) --a.writers;
    unmark(page.entry(ref), a);
    use_count.fetch_sub(1, Order::relaxed);
}

[[gnu::cold]] Result<> GrantTable::release_all()
{
    constexpr unsigned batch = 64;
    for (unsigned done = 0; done < batch; ++done) {
        const GrantHandle h = maptrack.next(released_);
        if (h == Maptrack::none) return Ok{};
        drop_mapping(maptrack, h);
        released_ = GrantHandle{h.raw() + 1};
    }
    return Error::restart;
}

} // namespace hv::domain
