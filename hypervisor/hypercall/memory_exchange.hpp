// SPDX-License-Identifier: MIT
//
// XENMEM_exchange as dom0's swiotlb uses it. All or nothing: on any error nr_exchanged is 0 and nothing has changed.
#pragma once
#include "hypercall/handlers.hpp"

namespace hv::hypercall {

Return exchange(Vcpu& v, GuestVa arg);

} // namespace hv::hypercall
