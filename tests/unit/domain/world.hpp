// SPDX-License-Identifier: MIT
//
// A running hypervisor on the fake machine: memory, clock, a hardware domain whose first vCPU is loaded, and ordinary
// domains as a test wants them. The hypervisor's lists live as long as the process, so there is one world a process.
#pragma once
#include "arch/host/machine.hpp"
#include "cpu/clock.hpp"
#include "domain/domain.hpp"
#include "domain/run.hpp"
#include "domain/time.hpp"
#include "mm/allocator.hpp"
#include "mm/init.hpp"
#include "mm/window.hpp"
#include "tests/abi.h"
#include <gtest/gtest.h>

namespace hv::domain::test {

inline constexpr std::uint64_t data_va = 0x400000; ///< Every test guest has one page of data here.
inline constexpr std::uint64_t callback_va = 0x1000;

/// A domain with minimal page tables that map its data page, its vCPUs initialised and online.
struct Guest {
    Domain* domain;
    Mfn root, data;
    [[nodiscard]] Vcpu& vcpu(unsigned i = 0) const { return *domain->vcpu(VcpuId{i}); }
    [[nodiscard]] EventChannels& events() const { return domain->events; }
    template <typename T> [[nodiscard]] T& at(std::size_t offset) const
    {
        return *reinterpret_cast<T*>(arch::frame_address(data) + offset);
    }
    [[nodiscard]] static GuestVa va(std::size_t offset) { return GuestVa{data_va + offset}; }
};

template <typename T> T ok(Result<T>&& r, int line = __builtin_LINE())
{
    EXPECT_TRUE(r.ok()) << "line " << line << ": error " << static_cast<int>(r.error());
    return std::move(r).take();
}

inline Mfn table_to(Domain& d, std::size_t index, Mfn next)
{
    const Mfn m = ok(mm::alloc_domain_frames(d, 0));
    mm::FrameWindow<std::uint64_t>{m}[index] = maddr_of(next).raw() | 7;
    return m;
}

inline pv_vcpu_guest_context context_for(Mfn root)
{
    pv_vcpu_guest_context c{};
    c.flags = PV_VGCF_IN_KERNEL | PV_VGCF_ONLINE;
    c.user_regs.cs = PV_FLAT_RING3_CS64;
    c.user_regs.ss = PV_FLAT_RING3_SS64;
    c.user_regs.rsp = data_va + page_size;
    c.event_callback_eip = callback_va;
    c.ctrlreg[3] = maddr_of(root).raw();
    return c;
}

inline Guest make_guest(DomainConfig config = {})
{
    Domain* const d = ok(Domain::create(config));
    d->set_max_pages(64);
    ok(d->create_vcpus(config.max_vcpus));
    const Mfn data = ok(mm::alloc_domain_frames(*d, 0));
    const Mfn l1 = table_to(*d, data_va >> 12 & 511, data);
    const Mfn l2 = table_to(*d, data_va >> 21 & 511, l1);
    const Mfn root = table_to(*d, 0, table_to(*d, 0, l2));
    const pv_vcpu_guest_context c = context_for(root);
    for (std::uint32_t i = 0; i < config.max_vcpus; ++i)
        ok(d->vcpu(VcpuId{i})->initialise(c));
    return {d, root, data};
}

/// What entry code does around every entry.
inline void enter_and_leave() { arch::upcall_before_guest(); }

class World : public ::testing::Test {
public:
    static Guest& dom0()
    {
        static Guest guest = boot();
        return guest;
    }

protected:
    void SetUp() override
    {
        dom0();
        if (arch::cpu_info().current == nullptr) {
            dom0().vcpu().wake();
            enter_and_leave();
        }
        ASSERT_EQ(&current(), &dom0().vcpu()) << "each test starts in the hardware domain";
    }
    void TearDown() override
    {
        arch::host::set_online(1);
        dom0().vcpu().wake();
        for (DomainRef d = next_domain(DomainId{1}); d;
             d = next_domain(DomainId{static_cast<std::uint16_t>(d->id().raw() + 1)}))
            d->pause(); // leaves the CPU to the hardware domain
        enter_and_leave();
        for (DomainRef d = next_domain(DomainId{1}); d && !HasFatalFailure(); d = next_domain(DomainId{1}))
            end(std::move(d));
        if (HasFatalFailure()) std::abort();
    }
    /// Destroys a domain and lets the reaper have it.
    static void end(DomainRef d)
    {
        const DomainId id = d->id();
        for (int i = 0; i < 1000; ++i)
            if (const Result<> r = d->destroy(); r.ok() || r.error() != Error::restart) break;
        ASSERT_EQ(d->life(), Life::dead) << "domain " << id.raw();
        d.reset();
        for (int i = 0; i < 10 && find_domain(id); ++i) {
            arch::host::advance(10'000'000);
            enter_and_leave();
        }
        ASSERT_FALSE(find_domain(id)) << "domain " << id.raw() << " is still referred to";
    }

private:
    static Guest boot()
    {
        arch::host::reset(8192);
        const Span ram{0x100000, 8192 * page_size};
        mm::init(Mfn{8192});
        mm::reserve(ram);
        mm::release_reserved(ram);
        cpu::start_clock();
        start_wallclock();
        DomainConfig config;
        config.id = DomainId{0};
        config.role = Role::hardware;
        config.max_vcpus = 2;
        Guest g = make_guest(config);
        g.vcpu(1).down();
        ok(g.domain->controller_unpause());
        enter_and_leave();
        return g;
    }
};

/// A started ordinary domain.
inline Guest start_guest(std::uint32_t vcpus = 1)
{
    DomainConfig config;
    config.max_vcpus = vcpus;
    Guest g = make_guest(config);
    ok(g.domain->controller_unpause());
    return g;
}

} // namespace hv::domain::test
