// SPDX-License-Identifier: MIT
//
// The calls of the hardware domain, and set_iopl, which is everyone's.
#pragma once
#include "caller.hpp"

namespace hv::hammer {

void domctl(Caller& c);
void sysctl(Caller& c);
void platform_op(Caller& c);
void physdev_op(Caller& c);
void set_iopl(Caller& c);

} // namespace hv::hammer
