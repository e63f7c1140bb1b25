// SPDX-License-Identifier: MIT
//
// multicall: entries run in order, each sees the effects of those before; a failing entry does not stop the rest.
// Preempted between or inside entries; a resumed entry finds its changed arguments in the guest's own record.
#include "domain/vcpu.hpp"
#include "hypercall/dispatch.hpp"
#include "hypercall/handlers.hpp"
#include "pv-abi/hypercall.h"

namespace hv::hypercall {

namespace {
using List = guest::InOut<pv_multicall_entry>;
constexpr std::uint32_t entries_per_run = 128; ///< Then interrupts get their turn.

Result<> write_result(List list, std::uint32_t index, std::uint64_t result)
{
    const GuestVa at = TRY(list.at(index));
    return guest::Out<std::uint64_t>{at + offsetof(pv_multicall_entry, result)}.write(result);
}

Result<> write_args(List list, std::uint32_t index, std::span<const std::uint64_t> args)
{
    const GuestVa at = TRY(list.at(index));
    return guest::Out<std::uint64_t>{at + offsetof(pv_multicall_entry, args)}.write_array(args);
}

/// Reads entries in blocks; an entry that cannot be read fails only when its turn comes.
class Entries {
public:
    Entries(List list, std::uint32_t count) : list_{list}, count_{count} {}
    /// Good until the next call.
    Result<const pv_multicall_entry*> at(std::uint32_t i)
    {
        if (i < first_ + loaded_) [[likely]]
            return &block_[i - first_];
        first_ = i;
        loaded_ = std::min<std::uint32_t>(block_.size(), count_ - i);
        if (list_.read_array(std::span{block_}.first(loaded_), i).ok()) return &block_[0];
        loaded_ = 0;
        TRY(list_.read_array(std::span{block_}.first(1), i));
        return &block_[0];
    }

private:
    List list_;
    std::uint32_t count_, first_ = 0, loaded_ = 0;
    std::array<pv_multicall_entry, 8> block_;
};

Error preempt(Vcpu& v, List list, std::uint32_t done, std::uint32_t count)
{
    v.set_continuation(list.address().raw() + std::uint64_t{done} * sizeof(pv_multicall_entry), count - done);
    return Error::restart;
}
} // namespace

Return multicall(Vcpu& v, GuestVa address, std::uint32_t count)
{
    const List list{address};
    Entries entries{list, count};
    for (std::uint32_t i = 0; i < count; ++i) {
        if (i == entries_per_run) return preempt(v, list, i, count);
        const pv_multicall_entry& e = *TRY(entries.at(i));
        const std::uint64_t op = e.op;
        const Args args{e.args[0], e.args[1], e.args[2], e.args[3], e.args[4]};
        const Return result = op == PV_HYPERCALL_MULTICALL ? Return{Error::einval} : dispatch(v, op, args);
        if (result.error() == Error::restart) {
            TRY(write_args(list, i, v.take_continuation()));
            return preempt(v, list, i, count);
        }
        if (op == PV_HYPERCALL_IRET) return result; // the registers are another context's now
        TRY(write_result(list, i, to_register(result)));
    }
    return 0;
}

} // namespace hv::hypercall
