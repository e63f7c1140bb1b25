// SPDX-License-Identifier: MIT
//
// domctl (36): control of domains by the hardware domain. The record is copied in whole, worked on, and copied back.
#include "pv-abi/domctl.h"
#include "domain/control.hpp"
#include "guest/guest_ptr.hpp"
#include "hypercall/handlers.hpp"
#include "hypercall/page.hpp"
#include "mm/window.hpp"

namespace hv::hypercall {
namespace {

Atomic<bool> busy; ///< One domctl at a time: what two did to one domain would mix. The other runs again.

/// hypercall_init: a page of the domain's becomes its hypercall page.
Return init_page(const pv_domctl& op)
{
    const domain::DomainRef d = domain::find_domain(DomainId{op.domain});
    if (!d) return Error::esrch;
    const mm::WritableRef page = TRY(mm::get_writable(Mfn{op.u.hypercall_init}, *d));
    const mm::FrameWindow<std::byte> w{page.mfn()};
    fill_page(w.span());
    return 0;
}

} // namespace

Return domctl(Vcpu& v, GuestVa arg)
{
    if (!v.domain().is_hardware_domain()) return Error::eperm;
    const guest::InOut<pv_domctl> ptr{arg};
    pv_domctl op = TRY(ptr.read());
    if (op.interface_version != PV_DOMCTL_INTERFACE_VERSION) return Error::eacces;
    if (op.cmd == PV_DOMCTL_HYPERCALL_INIT) return init_page(op);
    if (busy.exchange(true, Order::acquire)) return Error::restart;
    const auto done = domain::control_domain(v, op);
    busy.store(false, Order::release);
    const std::uint64_t result = TRY(done);
    TRY(ptr.write(op));
    return result;
}

} // namespace hv::hypercall
