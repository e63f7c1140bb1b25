// SPDX-License-Identifier: MIT
//
// mmuext_op: pins, base pointers, flushes, whole-page operations. Runs on the caller's CPU; stops between operations
// when time is up, and inside one where the frames remember how far it got.
#include "hypercall/foreign.hpp"
#include "hypercall/table.hpp"
#include "mm/tlb.hpp"
#include "mm/update.hpp"
#include "mm/window.hpp"
#include "pv-abi/mmu.h"

namespace hv::hypercall {

namespace {

constexpr std::uint32_t resumed = 1U << 31;

struct Call {
    Vcpu& v;
    domain::Domain& target;
    const pv_mmuext_op& op;
    mm::Work& work;
    mm::TlbDebt& debt;

    [[nodiscard]] Mfn mfn() const { return Mfn{op.arg1.mfn}; }
    [[nodiscard]] bool own() const { return &target == &v.domain(); }
};

Result<> new_base(const Call& c, bool kernel)
{
    if (!c.own()) return Error::eperm;
    const bool none = c.mfn() == Mfn{0} && !kernel;
    c.v.set_root(kernel, none ? mm::RootRef{} : TRY(mm::get_root(c.mfn(), c.target, c.work)));
    return Ok{};
}

Result<> flush(const Call& c)
{
    const std::uint32_t cmd = c.op.cmd;
    const std::uint64_t va = c.op.arg1.linear_addr;
    CpuSet cpus = c.v.domain().cpus.load(Order::seq_cst);
    if (cmd == PV_MMUEXT_TLB_FLUSH_LOCAL || cmd == PV_MMUEXT_INVLPG_LOCAL) {
        cpus = this_cpu();
    } else if (cmd == PV_MMUEXT_TLB_FLUSH_MULTI || cmd == PV_MMUEXT_INVLPG_MULTI) {
        const auto named = cpus_of(c.v, GuestVa{c.op.arg2.vcpumask});
        if (!named.ok()) return Error::einval;
        cpus = named.take();
    }
    const bool page = cmd == PV_MMUEXT_INVLPG_LOCAL || cmd == PV_MMUEXT_INVLPG_MULTI || cmd == PV_MMUEXT_INVLPG_ALL;
    if (!page)
        c.debt.owe_everything(cpus);
    else if (is_guest_va(va))
        c.debt.owe_page(GuestVa{va}, cpus);
    return Ok{};
}

Result<> clear_page(const Call& c)
{
    const mm::WritableRef to = TRY(mm::get_writable(c.mfn(), c.target));
    __builtin_memset(mm::FrameWindow<std::byte>{to.mfn()}.data(), 0, page_size);
    return Ok{};
}

Result<> copy_page(const Call& c)
{
    const mm::PageRef from = TRY(mm::get_page(Mfn{c.op.arg2.src_mfn}, c.target));
    const mm::WritableRef to = TRY(mm::get_writable(c.mfn(), c.target));
    using Window = mm::FrameWindow<std::byte>;
    __builtin_memcpy(Window{to.mfn()}.data(), Window{from.mfn()}.data(), page_size);
    return Ok{};
}

/// Units of an operation, beside what it spends itself. Not the first one of a run needs them all to be left.
std::int32_t cost_of(std::uint32_t cmd)
{
    if (cmd == PV_MMUEXT_SET_LDT) return mm::Work::default_units; // it looks at up to 16 pages
    return cmd == PV_MMUEXT_CLEAR_PAGE || cmd == PV_MMUEXT_COPY_PAGE ? 8 : 2;
}

Result<> run(const Call& c)
{
    const std::uint32_t cmd = c.op.cmd;
    switch (cmd) {
    case PV_MMUEXT_UNPIN_TABLE: return mm::unpin(c.target, c.mfn(), c.work);
    case PV_MMUEXT_NEW_BASEPTR: return new_base(c, true);
    case PV_MMUEXT_NEW_USER_BASEPTR: return new_base(c, false);
    case PV_MMUEXT_FLUSH_CACHE:
    case PV_MMUEXT_FLUSH_CACHE_GLOBAL:
        // RAM is write-back in every mapping, so the caches never hold what memory must be told.
        return c.v.domain().is_hardware_domain() ? Result<>{Ok{}} : Result<>{Error::eacces};
    case PV_MMUEXT_SET_LDT:
        return c.own() ? c.v.set_ldt(GuestVa{c.op.arg1.linear_addr}, c.op.arg2.nr_ents) : Error::eperm;
    case PV_MMUEXT_CLEAR_PAGE: return clear_page(c);
    case PV_MMUEXT_COPY_PAGE: return copy_page(c);
    case PV_MMUEXT_MARK_SUPER:
    case PV_MMUEXT_UNMARK_SUPER: return Error::eopnotsupp;
    default:
        if (cmd <= PV_MMUEXT_PIN_L4_TABLE) return mm::pin(c.target, c.mfn(), cmd - PV_MMUEXT_PIN_L1_TABLE + 1, c.work);
        return cmd >= PV_MMUEXT_TLB_FLUSH_LOCAL && cmd <= PV_MMUEXT_INVLPG_ALL ? flush(c) : Error::enosys;
    }
}

[[gnu::noinline]] Return run_list(Vcpu& v, GuestVa ops, std::uint32_t count, GuestVa done_at, std::uint64_t foreign)
{
    const guest::InOut<std::uint32_t> done{done_at};
    const std::uint32_t before = (count & resumed) != 0 && !done.null() ? TRY(done.read()) : 0;
    count &= ~resumed;
    const Subject target = TRY(Subject::resolve_foreign(DomainId{static_cast<std::uint16_t>(foreign)}, v));
    mm::Work work;
    mm::TlbDebt debt; // paid once, after the last operation
    Result<> status = mm::finish_deferred(*target, work);
    std::uint32_t n = 0;
    while (status.ok() && n < count) {
        pv_mmuext_op op;
        status = guest::In<pv_mmuext_op>{ops + std::uint64_t{n} * sizeof op}.load(std::span{&op, 1});
        if (status.ok() && !work.spend(cost_of(op.cmd)) && n != 0) status = Error::restart;
        if (status.ok()) status = run({v, *target, op, work, debt});
        if (status.ok()) ++n;
    }
    debt.settle(v.domain());
    if (!done.null()) (void)done.store(before + n).ok();
    if (status.ok()) return 0;
    if (status.error() == Error::restart)
        v.set_continuation(ops.raw() + std::uint64_t{n} * sizeof(pv_mmuext_op), (count - n) | resumed, done_at.raw(),
                           foreign);
    return status.error();
}

/// The rest of replacing a root, and the operations from @p ops on.
[[gnu::noinline]] Return finish_root(Vcpu& v, Mfn left, GuestVa ops, std::uint32_t count)
{
    v.reload_root();
    mm::drop_type(left);
    if (count == 0) return 0;
    return hypercall_table[PV_HYPERCALL_MMUEXT_OP](ops.raw(), count, 0, v, 0, PV_DOMID_SELF);
}

} // namespace

/// A process switch and a fault bring short lists of one's own. No call here but the last, so that all is in registers.
Return mmuext_op(std::uint64_t list, std::uint64_t length, std::uint64_t done, Vcpu& v, std::uint64_t, std::uint64_t of)
{
    using enum Vcpu::Replaced;
    GuestVa ops{list};
    auto count = static_cast<std::uint32_t>(length);
    const bool plain = static_cast<std::uint32_t>(of) == PV_DOMID_SELF && done == 0;
    if (!plain || count - 1 > 7 || !guest::start_ok(ops)) return run_list(v, ops, count, GuestVa{done}, of);
    for (;; ops = ops + sizeof(pv_mmuext_op)) {
        std::uint32_t cmd = 0;
        std::uint64_t arg = 0;
        if (!arch::load_word(cmd, ops) || !arch::load_word(arg, ops + offsetof(pv_mmuext_op, arg1))) break;
        Mfn left;
        auto replaced = yes;
        if (cmd == PV_MMUEXT_NEW_BASEPTR)
            replaced = v.replace_root<true>(Mfn{arg}, left);
        else if (cmd == PV_MMUEXT_NEW_USER_BASEPTR)
            replaced = v.replace_root<false>(Mfn{arg}, left);
        else if (cmd != PV_MMUEXT_INVLPG_LOCAL)
            break;
        else if (is_guest_va(arg))
            arch::invalidate_page(arg);
        if (replaced == no) break;
        if (replaced == moved) return finish_root(v, left, ops, count);
        if (replaced == half) return finish_root(v, left, ops + sizeof(pv_mmuext_op), count - 1);
        if (--count == 0) return 0;
    }
    return run_list(v, ops, count, GuestVa{0}, PV_DOMID_SELF);
}

} // namespace hv::hypercall
