// SPDX-License-Identifier: MIT
//
// mmu_update and update_va_mapping: decode, one call of the update engine a request, and the flush that was asked
// for. Runs on the caller's CPU; stops between requests when time is up.
#include "pv-abi/mmu.h"
#include "hypercall/foreign.hpp"
#include "hypercall/handlers.hpp"
#include "mm/level1.hpp"
#include "mm/tlb.hpp"
#include "mm/update.hpp"

namespace hv::hypercall {

namespace {

constexpr std::uint32_t resumed = 1U << 31; ///< In a count: the done word already holds earlier runs' share.
constexpr std::uint32_t block_size = 32;
using Requests = guest::In<pv_mmu_update>;

/// Applies requests until one fails or time is up (restart); counts them in @p done.
Result<> apply_all(mm::Owners owners, Requests requests, std::uint32_t count, std::uint32_t& done)
{
    mm::Work work;
    TRY(mm::finish_deferred(owners.table, work));
    mm::UpdateBatch batch{owners, work};
    std::array<pv_mmu_update, block_size> block;
    while (done < count) {
        auto part = std::span{block}.first(std::min<std::size_t>(block.size(), count - done));
        const Requests rest{requests.address() + std::uint64_t{done} * sizeof(pv_mmu_update)};
        if (!rest.load(part).ok()) { // a list that ends in unreadable memory is good up to there
            part = part.first(1);
            TRY(rest.load(part));
        }
        TRY(batch.apply(part, done));
        if (work.exhausted() && done < count) return Error::restart;
    }
    return Ok{};
}

/// Flags of update_va_mapping: kind of flush in the low two bits; the rest is 0 (here), 4 (all) or a vCPU bitmap.
Result<CpuSet> cpus_to_flush(Vcpu& v, std::uint64_t flags)
{
    const std::uint64_t where = flags & ~std::uint64_t{PV_UVMF_FLUSHTYPE_MASK};
    if (where == PV_UVMF_LOCAL) return this_cpu();
    if (where == PV_UVMF_ALL) return v.domain().cpus.load(Order::seq_cst);
    return cpus_of(v, GuestVa{where});
}

Return update_mapping(Vcpu& v, GuestVa va, std::uint64_t entry, std::uint64_t flags, mm::MemoryOwner& frames)
{
    const std::uint64_t kind = flags & PV_UVMF_FLUSHTYPE_MASK;
    mm::Work work;
    TRY(mm::finish_deferred(v.owner(), work));
    TRY(mm::update_va(v.kernel_root(), va, entry, {v.owner(), frames}));
    v.count_updates(1);
    if (kind != PV_UVMF_TLB_FLUSH && kind != PV_UVMF_INVLPG) return 0;
    mm::TlbDebt debt;
    const CpuSet cpus = TRY(cpus_to_flush(v, flags));
    kind == PV_UVMF_TLB_FLUSH ? debt.owe_everything(cpus) : debt.owe_page(va, cpus);
    debt.settle(v.domain());
    return 0;
}

[[gnu::noinline]] Return update_any(GuestVa requests, std::uint32_t count, GuestVa done_at, Vcpu& v, std::uint32_t n,
                                    std::uint32_t foreign)
{
    const guest::InOut<std::uint32_t> done{done_at};
    const std::uint32_t before = (count & resumed) != 0 && !done.null() ? TRY(done.read()) : 0;
    if (!done.null()) (void)done.store(before + n).ok(); // Linux goes by it also when @p foreign has gone meanwhile
    const Subject frames = TRY(Subject::resolve_foreign(DomainId{static_cast<std::uint16_t>(foreign)}, v));
    const auto table_id = static_cast<std::uint16_t>(foreign >> 16);
    const Subject tables = TRY(Subject::resolve(
        table_id == 0 ? DomainId{PV_DOMID_SELF} : DomainId{static_cast<std::uint16_t>(table_id - 1)}, v));
    count &= ~resumed;
    const Result<> status = apply_all({*tables, *frames}, Requests{requests}, count, n);
    v.count_updates(n);
    // A done word that cannot be written is the guest's loss, not an error: the updates have happened.
    if (!done.null()) (void)done.store(before + n).ok();
    if (status.ok()) return 0;
    if (status.error() == Error::restart)
        v.set_continuation(requests.raw() + std::uint64_t{n} * sizeof(pv_mmu_update), (count - n) | resumed,
                           done_at.raw(), foreign);
    return status.error();
}

/// A list. The leading ones of a few requests that are ordinary mappings in one table go at once.
[[gnu::noinline, gnu::used]] Return update_list(GuestVa requests, std::uint64_t number, GuestVa done_at, Vcpu& v,
                                                std::uint64_t /*unused*/, std::uint64_t who)
{
    const auto count = static_cast<std::uint32_t>(number), foreign = static_cast<std::uint32_t>(who);
    std::array<pv_mmu_update, block_size> block;
    const auto all = std::span{block}.first(count - 1 < block_size && foreign == PV_DOMID_SELF ? count : 0);
    const std::uint32_t n = !all.empty() && Requests{requests}.load(all).ok() ? mm::update_run(v.owner(), all) : 0;
    if (n == 0 || n != count) return update_any(requests, count, done_at, v, n, foreign);
    v.count_updates(n);
    if (done_at.raw() != 0) (void)guest::Out<std::uint32_t>{done_at}.store(n).ok();
    return 0;
}

} // namespace

Return mmu_update(std::uint64_t list, std::uint64_t n, std::uint64_t done, Vcpu& v, std::uint64_t e, std::uint64_t who)
{
    const GuestVa requests{list}, done_at{done};
    if (static_cast<std::uint32_t>(n) != 1 || static_cast<std::uint32_t>(who) != PV_DOMID_SELF) [[unlikely]]
        return update_list(requests, n, done_at, v, e, who);
    GuestVa kept = requests;
    asm("" : "+m"(kept)); // in memory, out of the way
    pv_mmu_update r;
    if (!Requests{requests}.load({&r, 1}).ok() || !mm::level1::exchange(v.owner(), r.ptr, r.val)) [[unlikely]]
        return update_any(kept, 1, done_at, v, 0, PV_DOMID_SELF);
    v.count_updates(1);
    if (done != 0) [[likely]]
        (void)guest::Out<std::uint32_t>{done_at}.store(1).ok();
    return 0;
}

Return update_va_mapping(Vcpu& v, GuestVa va, std::uint64_t entry, std::uint64_t flags)
{
    return update_mapping(v, va, entry, flags, v.owner());
}

Return update_va_mapping_otherdomain(Vcpu& v, GuestVa va, std::uint64_t entry, std::uint64_t flags, std::uint32_t dom)
{
    const Subject frames = TRY(Subject::resolve_foreign(DomainId{static_cast<std::uint16_t>(dom)}, v));
    return update_mapping(v, va, entry, flags, *frames);
}

} // namespace hv::hypercall
