// SPDX-License-Identifier: MIT
//
// Hypercalls as a guest makes them: registers in, `syscall`, registers out, on a running domain of the fake machine.
#pragma once
#include "guest/guest_ptr.hpp"
#include "hypercall/table.hpp"
#include "pv-abi/hypercall.h"
#include "tests/unit/domain/world.hpp"

namespace hv::hypercall::test {

using domain::test::data_va;

class Calls : public domain::test::World {
protected:
    static constexpr std::uint64_t syscall_rip = 0x8000; ///< Behind the instruction.

    domain::Vcpu& v() { return dom0().vcpu(); }
    arch::GuestRegs& regs() { return v().regs(); }

    void SetUp() override
    {
        World::SetUp();
        saved_ = regs();
    }
    void TearDown() override
    {
        if (!IsSkipped()) {
            v().enter_kernel_mode();
            regs() = saved_;
            std::fill_n(v().hot.traps, 256, pv_trap_info{});
        }
        World::TearDown();
    }

    /// One entry; the guest executes it again while asked to. @p runs_ counts.
    std::int64_t call(std::uint64_t number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
                      std::uint64_t d = 0, std::uint64_t e = 0)
    {
        auto& r = regs();
        r.rax = number;
        r.rdi = a;
        r.rsi = b;
        r.rdx = c;
        r.r10 = d;
        r.r8 = e;
        for (runs_ = 1;; ++runs_) {
            r.rip = syscall_rip;
            arch::upcall_syscall(r);
            if (r.rip != syscall_rip - 2) return static_cast<std::int64_t>(r.rax);
            EXPECT_EQ(r.rax, number);
            if (runs_ > 1000) return INT64_MIN;
        }
    }
    /// Places @p value at @p offset of the guest's data page.
    template <typename T> std::uint64_t put(std::size_t offset, const T& value)
    {
        dom0().at<T>(offset) = value;
        return data_va + offset;
    }
    unsigned runs_ = 0;

private:
    arch::GuestRegs saved_{};
};

} // namespace hv::hypercall::test
