// SPDX-License-Identifier: MIT
//
// See domain/grant_copy.hpp.
#include "domain/grant_copy.hpp"
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
        frame_ = GrantedFrame{};
        if (granter_) granter_->grants().end_use(ref_, access_);
    }
    GrantStatus take(Vcpu& v, const CopyEnd& end, GrantAccess access)
    {
        access_ = access;
        return end.is_ref ? take_ref(v, end) : take_frame(v, end);
    }
    [[nodiscard]] Mfn mfn() const { return frame_.page ? frame_.page.mfn() : frame_.writable.mfn(); }

private:
    GrantStatus take_ref(Vcpu& v, const CopyEnd& end)
    {
        Result<DomainRef> granter = resolve(end.domain, v);
        if (!granter.ok()) return GrantStatus::bad_domain;
        ref_ = static_cast<std::uint32_t>(end.name);
        DomainRef d = std::move(granter).take();
        const GrantStatus status = d->grants().begin_use(ref_, v.domain().id(), access_, frame_);
        if (status == GrantStatus::okay) granter_ = std::move(d);
        return status;
    }
    GrantStatus take_frame(Vcpu& v, const CopyEnd& end)
    {
        if (end.domain.raw() != PV_DOMID_SELF) return GrantStatus::permission_denied;
        Result<mm::PageRef> page = mm::get_page(Mfn{end.name}, v.domain());
        if (!page.ok()) return GrantStatus::bad_page;
        frame_.page = std::move(page).take();
        if (access_ == GrantAccess::read_only) return GrantStatus::okay;
        Result<mm::WritableRef> writable = mm::get_writable(Mfn{end.name}, v.domain());
        if (!writable.ok()) return GrantStatus::general_error;
        frame_.writable = std::move(writable).take();
        return GrantStatus::okay;
    }
    DomainRef granter_;
    std::uint32_t ref_ = 0;
    GrantAccess access_ = GrantAccess::read_only;
    GrantedFrame frame_;
};

} // namespace

GrantStatus copy_grant(Vcpu& v, const CopyEnd& source, const CopyEnd& dest, std::uint32_t bytes)
{
    if (source.offset + bytes > page_size || dest.offset + bytes > page_size) return GrantStatus::bad_copy_arg;
    Claim from, to;
    if (const GrantStatus s = from.take(v, source, GrantAccess::read_only); s != GrantStatus::okay) return s;
    if (const GrantStatus s = to.take(v, dest, GrantAccess::read_write); s != GrantStatus::okay) return s;
    const mm::FrameWindow<std::byte> in{from.mfn()}, out{to.mfn()};
    __builtin_memmove(out.data() + dest.offset, in.data() + source.offset, bytes);
    return GrantStatus::okay;
}

} // namespace hv::domain
