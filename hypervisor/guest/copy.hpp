// SPDX-License-Identifier: MIT
//
// The only way bytes cross between a guest's address space and the hypervisor. Under the current root; a range that
// is not wholly the guest's to name, or not mapped as needed, is efault. A partial copy may have happened then.
#pragma once
#include "arch/arch.hpp"
#include <span>

namespace hv::guest {

Result<> copy_from_guest_bytes(std::span<std::byte> dst, GuestVa src);
Result<> copy_to_guest_bytes(GuestVa dst, std::span<const std::byte> src);
Result<> clear_guest_bytes(GuestVa dst, std::size_t bytes);

} // namespace hv::guest
