// SPDX-License-Identifier: MIT
//
// multicall: entries run in order, each sees the effects of those before; a failing entry does not stop the rest.
// Preempted between or inside entries; a resumed entry finds its changed arguments in the guest's own record.
#include "domain/vcpu.hpp"
#include "hypercall/handlers.hpp"
#include "hypercall/table.hpp"
#include "pv-abi/hypercall.h"

namespace hv::hypercall {

namespace {
using List = guest::InOut<pv_multicall_entry>;
// Then interrupts get their turn. A run of so many quick calls takes no longer; after others, one looks at the clock.
constexpr std::uint32_t entries_per_run = 128;
constexpr std::uint32_t runs_per_ms = 20;

/// Its number is one of the table's.
Return run(Vcpu& v, const pv_multicall_entry& e)
{
    return hypercall_table[e.op](e.args[0], e.args[1], e.args[2], v, e.args[4], e.args[3]);
}

GuestVa entry_at(List list, std::uint32_t index)
{
    return list.address() + std::uint64_t{index} * sizeof(pv_multicall_entry);
}

Error preempt(Vcpu& v, List list, std::uint32_t done, std::uint32_t count)
{
    v.note_hypercall(PV_HYPERCALL_MULTICALL); // it is the one that goes on
    v.set_continuation(entry_at(list, done).raw(), count - done);
    return Error::restart;
}

} // namespace

Return multicall(Vcpu& v, GuestVa address, std::uint32_t count)
{
    const List list{address};
    const std::uint64_t start = arch::read_tsc();
    std::array<pv_multicall_entry, 33> block; // the last, behind those read, is no quick call
    for (std::uint32_t i = 0; i < count;) {
        if (i >= entries_per_run) return preempt(v, list, i, count);
        auto part = std::span{block}.first(std::min<std::size_t>(block.size() - 1, count - i));
        const GuestVa from = entry_at(list, i);
        if (!List{from}.load(part).ok()) { // one that cannot be read fails only when its turn comes
            part = part.first(1);
            TRY(List{from}.load(part));
        }
        block[part.size()].op = arch::hypercall_numbers;
        const auto guest_va = [away = from.raw() - reinterpret_cast<std::uint64_t>(part.data())](const void* p) {
            return GuestVa{reinterpret_cast<std::uint64_t>(p) + away}; // it has been read: the guest's to name
        };
        const pv_multicall_entry* const end = part.data() + part.size();
        const auto done = [&](const pv_multicall_entry* e) {
            return static_cast<std::uint32_t>((guest_va(e).raw() - address.raw()) / sizeof *e);
        };
        for (const pv_multicall_entry* e = part.data(); e != end;) {
            for (; e->op < arch::hypercall_numbers && hypercall_table.quick[e->op]; ++e) {
                const Return result = run(v, *e);
                if (result.error() == Error::restart) [[unlikely]]
                    break;
                if (!arch::store_word(guest_va(&e->result), result.take())) return Error::efault;
            }
            if (e == end) break;
            v.note_hypercall(e->op); // not the quick ones, which would crowd out all others
            const Return result = e->op >= arch::hypercall_numbers  ? Error::enosys
                                  : e->op == PV_HYPERCALL_MULTICALL ? Error::einval
                                                                    : run(v, *e);
            if (result.error() == Error::restart) [[unlikely]] {
                TRY(guest::Out<std::uint64_t>{guest_va(&e->args)}.write_array(v.take_continuation()));
                return preempt(v, list, done(e), count);
            }
            if (e->op == PV_HYPERCALL_IRET) [[unlikely]]
                return result; // the registers are another context's now
            if (!arch::store_word(guest_va(&e->result), result.take())) return Error::efault;
            ++e;
            if (done(e) < count && arch::read_tsc() - start > arch::tsc_scale().khz / runs_per_ms)
                return preempt(v, list, done(e), count);
        }
        i = done(end);
    }
    return 0;
}

} // namespace hv::hypercall
