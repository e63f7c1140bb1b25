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
    GrantStatus take(Vcpu& v, const CopyEnd& end, GrantAccess access, GranterCache& granters)
    {
        return end.is_ref ? take_ref(v, end, access, granters) : take_frame(v, end, access);
    }
    [[nodiscard]] Mfn mfn() const { return frame_.mfn(); }

private:
    GrantStatus take_ref(Vcpu& v, const CopyEnd& end, GrantAccess access, GranterCache& granters)
    {
        Domain* const d = end.domain.raw() == PV_DOMID_SELF ? &v.domain() : granters.find(end.domain);
        if (d == nullptr) return GrantStatus::bad_domain;
        ref_ = static_cast<std::uint32_t>(end.name);
        const GrantStatus status = d->grants().begin_use(ref_, v.domain().id(), access, frame_);
        if (status == GrantStatus::okay) granter_ = d;
        return status;
    }
    GrantStatus take_frame(Vcpu& v, const CopyEnd& end, GrantAccess access)
    {
        if (end.domain.raw() != PV_DOMID_SELF) return GrantStatus::permission_denied;
        if (frame_.hold(Mfn{end.name}, v.domain(), access).ok()) [[likely]]
            return GrantStatus::okay;
        const bool readable = mm::get_page(Mfn{end.name}, v.domain()).ok();
        return readable ? GrantStatus::general_error : GrantStatus::bad_page;
    }
    Domain* granter_ = nullptr; ///< Held by the cache: one for each end.
    std::uint32_t ref_ = 0;
    mm::HeldFrame frame_;
};

} // namespace

GrantStatus GrantCopier::copy(const CopyEnd& source, const CopyEnd& dest, std::uint32_t bytes)
{
    if (source.offset + bytes > page_size || dest.offset + bytes > page_size) return GrantStatus::bad_copy_arg;
    Claim from, to;
    if (const GrantStatus s = from.take(v_, source, GrantAccess::read_only, sources_); s != GrantStatus::okay) return s;
    if (const GrantStatus s = to.take(v_, dest, GrantAccess::read_write, dests_); s != GrantStatus::okay) return s;
    const mm::FrameWindow<std::byte> in{from.mfn()}, out{to.mfn()};
    __builtin_memmove(out.data() + dest.offset, in.data() + source.offset, bytes);
    return GrantStatus::okay;
}

} // namespace hv::domain
