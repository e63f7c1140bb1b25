// SPDX-License-Identifier: MIT
#include "caller.hpp"
#include "domain/grants.hpp"
#include "pv-abi/grant.h"
#include <tuple>

namespace hv::hammer {

std::array<std::atomic<std::uint64_t>, 64> successes;

namespace {
constexpr std::uint64_t syscall_rip = 0x8000; ///< Behind the instruction.
}

Caller::Caller(Subject& own_, Subject& other_, unsigned vcpu_, Mfn page_)
    : own{own_}, other{other_}, number{vcpu_}, page{page_}, random{own_.id().raw() * 100 + vcpu_ + 1}
{
}

void Caller::step()
{
    if (!again_) {
        housekeeping();
        choose();
    }
    auto& r = vcpu().regs();
    std::tie(r.rax, r.rdi, r.rsi, r.rdx, r.r10, r.r8) = std::tuple_cat(call_);
    r.rip = syscall_rip;
    r.rsp = va(stack_top);
    arch::upcall_syscall(r);
    again_ = r.rip == syscall_rip - 2;
    if (again_)
        call_ = {r.rax, r.rdi, r.rsi, r.rdx, r.r10, r.r8};
    else
        finish(static_cast<std::int64_t>(r.rax));
}

/// What a kernel does between its calls: takes events, grants frames.
void Caller::housekeeping()
{
    pv_vcpu_info& info = *vcpu().hot.info;
    pv_shared_info& s = own.guest.domain->shared_info();
    if (below(2) == 0) shared::store(&info.evtchn_upcall_mask, 0);
    if (below(4) == 0) {
        shared::exchange(&info.evtchn_upcall_pending, 0);
        shared::exchange(&info.evtchn_pending_sel, 0);
        shared::exchange(&s.evtchn_pending[0], 0);
        shared::store(&s.evtchn_mask[0], random() & 0xff00U);
    }
    if (below(16) != 0) return;
    const Result<Mfn> table = own.guest.domain->grants().frame_mfn(0);
    if (!table.ok()) return;
    auto& e = reinterpret_cast<pv_grant_entry_v1*>(arch::frame_address(table.take()))[8 + below(16)];
    std::uint16_t flags = shared::load(&e.flags);
    if ((flags & (PV_GTF_READING | PV_GTF_WRITING)) != 0 || !shared::compare_exchange(&e.flags, flags, 0)) return;
    shared::store(&e.domid, other.id().raw());
    shared::store(&e.frame, static_cast<std::uint32_t>(any_frame()));
    shared::store(&e.flags, static_cast<std::uint16_t>(PV_GTF_PERMIT_ACCESS | (below(4) == 0 ? PV_GTF_READONLY : 0)));
}

void Caller::choose()
{
    least = 0;
    status = nullptr;
    afterwards = nullptr;
    if (owed.empty()) return choose_call(*this);
    const auto next = std::move(owed.front());
    owed.pop_front();
    next(*this);
}

void Caller::finish(std::int64_t result)
{
    const bool success = result >= least && (status == nullptr || *status == 0);
    if (success) successes.at(call_[0]).fetch_add(1, std::memory_order_relaxed);
    if (afterwards) afterwards(success);
}

} // namespace hv::hammer
