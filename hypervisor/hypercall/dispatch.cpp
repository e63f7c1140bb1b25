// SPDX-License-Identifier: MIT
//
// See dispatch.hpp.
#include "hypercall/dispatch.hpp"
#include "domain/vcpu.hpp"

namespace hv::hypercall {

Result<std::uint64_t> dispatch(domain::Vcpu& v, std::uint64_t number, const Args& args)
{
    v.note_hypercall(static_cast<std::uint8_t>(number));
    if (number >= table_size || hypercall_table.handler[number] == nullptr) [[unlikely]]
        return Error::enosys;
    return hypercall_table.handler[number](v, args[0], args[1], args[2], args[3], args[4]);
}

} // namespace hv::hypercall
