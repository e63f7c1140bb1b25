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
constexpr std::uint64_t runs_per_millisecond = 20;
constexpr std::uint64_t quick_calls = 1 << PV_HYPERCALL_STACK_SWITCH | 1 << PV_HYPERCALL_FPU_TASKSWITCH |
                                      1 << PV_HYPERCALL_UPDATE_DESCRIPTOR | 1 << PV_HYPERCALL_XEN_VERSION |
                                      1 << PV_HYPERCALL_SET_SEGMENT_BASE | 1 << PV_HYPERCALL_IRET;

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
    std::array<pv_multicall_entry, 8> block;
    for (std::uint32_t i = 0; i < count;) {
        if (i >= entries_per_run) return preempt(v, list, i, count);
        auto part = std::span{block}.first(std::min<std::size_t>(block.size(), count - i));
        if (!List{entry_at(list, i)}.load(part).ok()) { // one that cannot be read fails only when its turn comes
            part = part.first(1);
            TRY(List{entry_at(list, i)}.load(part));
        }
        for (const pv_multicall_entry& e : part) {
            const Return result = e.op == PV_HYPERCALL_MULTICALL
                                      ? Return{Error::einval}
                                      : dispatch(v, e.op, {e.args[0], e.args[1], e.args[2], e.args[3], e.args[4]});
            if (result.error() == Error::restart) [[unlikely]] {
                const guest::Out<std::uint64_t> at{entry_at(list, i) + offsetof(pv_multicall_entry, args)};
                TRY(at.write_array(v.take_continuation()));
                return preempt(v, list, i, count);
            }
            if (e.op == PV_HYPERCALL_IRET) [[unlikely]]
                return result; // the registers are another context's now
            const guest::Out<std::uint64_t> at{entry_at(list, i++) + offsetof(pv_multicall_entry, result)};
            TRY(at.store(result.take()));
            if ((quick_calls >> (e.op & 63) & 1) == 0 && i < count &&
                arch::read_tsc() - start > arch::tsc_scale().khz / runs_per_millisecond)
                return preempt(v, list, i, count);
        }
    }
    return 0;
}

} // namespace hv::hypercall
