// SPDX-License-Identifier: MIT
//
// `syscall` from a guest: a hypercall if its kernel issued it, else a system call for its kernel. The decision is the
// tracked mode, never the privilege level: both are ring 3. Runs on the vCPU's CPU.
#include "domain/domain.hpp"
#include "guest/bounce.hpp"
#include "hypercall/table.hpp"

namespace hv::arch {

/// A preempted call: the guest re-executes `syscall` (two bytes) with the arguments the handler asked for.
static void rewind(GuestRegs& r, domain::Vcpu& v)
{
    const std::span<const std::uint64_t> args = v.take_continuation();
    std::uint64_t* const to[] = {&r.rdi, &r.rsi, &r.rdx, &r.r10, &r.r8};
    for (std::size_t i = 0; i < args.size(); ++i)
        *to[i] = args[i];
    r.rip -= 2;
}

void upcall_syscall(GuestRegs& r)
{
    domain::Vcpu& v = domain::current();
    if (!v.kernel_mode()) {
        if (guest::deliver_syscall(v) == guest::Outcome::crash) v.domain().crash("system call");
        return;
    }
    v.frame = domain::Vcpu::Frame::whole;
    const auto result = hypercall::dispatch(v, r.rax, {r.rdi, r.rsi, r.rdx, r.r10, r.r8});
    v.frame = domain::Vcpu::Frame::arguments;
    if (result.error() == Error::restart) [[unlikely]]
        return rewind(r, v);
    r.rax = result.take();
}

void upcall_hypercall_preempted(GuestRegs& r)
{
    domain::Vcpu& v = domain::current();
    rewind(r, v);
    if (v.frame != domain::Vcpu::Frame::wanted) return;
    r.rip += 2;
    upcall_syscall(r);
}

void upcall_compat_syscall(GuestRegs&, CompatEntry how)
{
    domain::Vcpu& v = domain::current();
    if (guest::deliver_compat_syscall(v, how) == guest::Outcome::crash) v.domain().crash("system call");
}

} // namespace hv::arch
