// SPDX-License-Identifier: MIT
//
// Every hypercall handler, named as the hypercall. A handler decodes, calls the layers below and returns rax; it runs
// on the calling vCPU's CPU. Error::restart asks to be run again: with v.set_continuation(args...) if they changed.
// One without a value of its own leaves 0 in rax.
#pragma once
#include "base/result.hpp"
#include "base/units.hpp"
#include "pv-abi/platform.h"

namespace hv::domain {
class Vcpu;
}

namespace hv::hypercall {

using Return = Result<std::uint64_t>;
using domain::Vcpu;
constexpr Return in_rax(Return r) { return r; }
constexpr Return in_rax(Result<> r) { return r.ok() ? Return{0} : r.error(); }

// traps.cpp
Result<> set_trap_table(Vcpu& v, GuestVa table);
Result<> set_callbacks(Vcpu& v, std::uint64_t event, std::uint64_t failsafe, std::uint64_t syscall);
Result<> callback_op(Vcpu& v, std::uint32_t cmd, GuestVa arg);
Return iret(Vcpu& v);
// registers.cpp
Result<> set_gdt(Vcpu& v, GuestVa frames, std::uint32_t entries);
Result<> update_descriptor(Vcpu& v, Maddr where, std::uint64_t descriptor);
Result<> set_segment_base(Vcpu& v, std::uint32_t which, std::uint64_t base);
Result<> stack_switch(Vcpu& v, std::uint64_t ss, std::uint64_t sp);
Result<> set_debugreg(Vcpu& v, std::uint32_t index, std::uint64_t value);
Return get_debugreg(Vcpu& v, std::uint32_t index);
Result<> fpu_taskswitch(Vcpu& v, std::uint32_t set);
Result<> vm_assist(Vcpu& v, std::uint32_t cmd, std::uint32_t type);
// multicall.cpp
Return multicall(Vcpu& v, GuestVa list, std::uint32_t count);
// mmu.cpp; the first is a Handler of table.hpp
Return mmu_update(std::uint64_t list, std::uint64_t n, std::uint64_t done, Vcpu& v, std::uint64_t, std::uint64_t who);
Return update_va_mapping(Vcpu& v, GuestVa va, std::uint64_t entry, std::uint64_t flags);
Return update_va_mapping_otherdomain(Vcpu& v, GuestVa va, std::uint64_t entry, std::uint64_t flags, std::uint32_t dom);
/// By the registers as they come.
Return mmuext_op(std::uint64_t ops, std::uint64_t count, std::uint64_t done, Vcpu& v, std::uint64_t, std::uint64_t dom);
// memory.cpp; the bits of cmd above PV_MEMOP_CMD_MASK carry the continuation
Return memory_op(Vcpu& v, std::uint64_t cmd, GuestVa arg);
// event.cpp, sched.cpp, vcpu.cpp
Return event_channel_op(Vcpu& v, std::uint32_t cmd, GuestVa arg);
Return sched_op(Vcpu& v, std::uint32_t cmd, GuestVa arg);
Result<> set_timer_op(Vcpu& v, std::uint64_t deadline);
Return vcpu_op(Vcpu& v, std::uint32_t cmd, std::uint32_t vcpu, GuestVa arg);
// grant.cpp, version.cpp, console.cpp, physdev.cpp, domctl.cpp
Return grant_table_op(Vcpu& v, std::uint32_t cmd, GuestVa arg, std::uint32_t count);
Return xen_version(Vcpu& v, std::uint32_t cmd, GuestVa arg);
Return console_io(Vcpu& v, std::uint32_t cmd, std::uint32_t count, GuestVa buffer);
Result<> physdev_op(Vcpu& v, std::uint32_t cmd, GuestVa arg);
inline pv_xenpf_efi_config efi_config; ///< What boot found, or all zero; constant when guests run.
Result<> platform_op(Vcpu& v, GuestVa op);
Result<> mca(Vcpu& v, GuestVa op);
Result<> domctl(Vcpu& v, GuestVa op);
Result<> sysctl(Vcpu& v, GuestVa op);

} // namespace hv::hypercall
