// SPDX-License-Identifier: MIT
//
// The copies of domain/grant_map.hpp. Both frames are held meanwhile.
#include "domain/grant_map.hpp"
#include "mm/window.hpp"

namespace hv::domain {
namespace {

/// One end of a copy while it runs: the frame, and the use of the grant if it is one.
class Claim {
public:
    Claim() = default;
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    ~Claim()
    {
        const GrantAccess access = frame_.access();
        frame_.reset();
        if (granter_ != nullptr) granter_->grants().end_use(ref_, access);
    }
    GrantStatus take_ref(Vcpu& v, const pv_gnttab_copy_ptr& end, GrantAccess access, GranterCache& granters)
    {
        Domain* const d = end.domid == PV_DOMID_SELF ? &v.domain() : granters.find(DomainId{end.domid});
        if (d == nullptr) return GrantStatus::bad_domain;
        ref_ = static_cast<std::uint32_t>(end.u.gmfn); // its lower half
        const GrantStatus status = d->grants().begin_use(ref_, v.domain().id(), access, frame_);
        if (status == GrantStatus::okay) granter_ = d;
        return status;
    }
    [[gnu::always_inline]] GrantStatus take_frame(Vcpu& v, const pv_gnttab_copy_ptr& end, GrantAccess access)
    {
        if (end.domid != PV_DOMID_SELF) return GrantStatus::permission_denied;
        if (frame_.hold(Mfn{end.u.gmfn}, v.domain(), access).ok()) [[likely]]
            return GrantStatus::okay;
        const bool readable = mm::get_page(Mfn{end.u.gmfn}, v.domain()).ok();
        return readable ? GrantStatus::general_error : GrantStatus::bad_page;
    }
    [[nodiscard]] Mfn mfn() const { return frame_.mfn(); }

private:
    Domain* granter_ = nullptr; ///< Held by the cache: one for each end.
    std::uint32_t ref_ = 0;
    mm::HeldFrame frame_;
};

} // namespace

GrantStatus GrantCopier::copy(const pv_gnttab_copy& op)
{
    if (op.source.offset + op.len > page_size || op.dest.offset + op.len > page_size) return GrantStatus::bad_copy_arg;
    Claim from, to;
    GrantStatus s = (op.flags & PV_GNTCOPY_SOURCE_GREF) != 0
                        ? from.take_ref(v_, op.source, GrantAccess::read_only, sources_)
                        : from.take_frame(v_, op.source, GrantAccess::read_only);
    if (s != GrantStatus::okay) return s;
    s = (op.flags & PV_GNTCOPY_DEST_GREF) != 0 ? to.take_ref(v_, op.dest, GrantAccess::read_write, dests_)
                                               : to.take_frame(v_, op.dest, GrantAccess::read_write);
    if (s != GrantStatus::okay) return s;
    const mm::FrameWindow<std::byte> in{from.mfn()}, out{to.mfn()};
    __builtin_memmove(out.data() + op.dest.offset, in.data() + op.source.offset, op.len);
    return GrantStatus::okay;
}

} // namespace hv::domain
