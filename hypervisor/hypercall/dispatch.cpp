// SPDX-License-Identifier: MIT
//
// See dispatch.hpp.
#include "hypercall/dispatch.hpp"
#include "domain/vcpu.hpp"

namespace hv::hypercall {

Result<std::uint64_t> dispatch(domain::Vcpu& v, std::uint64_t number, const Args& args)
{
    v.note_hypercall(static_cast<std::uint8_t>(number));
    v.clear_continuation();
    if (number >= table_size || table.slot[number].handler == nullptr) [[unlikely]]
        return Error::enosys;
    return table.slot[number].handler(v, args);
}

} // namespace hv::hypercall
