// SPDX-License-Identifier: MIT
//
// From a number and five registers to a handler. Runs on the calling vCPU's CPU.
#pragma once
#include "domain/vcpu.hpp"
#include "hypercall/table.hpp"

namespace hv::hypercall {

/// Runs one hypercall; restart may come back, with v.continuation() filled if the arguments changed.
inline Result<std::uint64_t> dispatch(domain::Vcpu& v, std::uint64_t number, const Args& args)
{
    v.note_hypercall(static_cast<std::uint8_t>(number));
    if (number >= table_size || hypercall_table.handler[number] == nullptr) [[unlikely]]
        return Error::enosys;
    return hypercall_table.handler[number](v, args[0], args[1], args[2], args[3], args[4]);
}

} // namespace hv::hypercall
