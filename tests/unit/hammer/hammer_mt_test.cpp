// SPDX-License-Identifier: MIT
//
// Four CPUs run the vCPUs of two domains, which make random hypercalls as fast as they can, under ThreadSanitizer: no
// data race, no failed ASSERT, and the auditor finds every count right, while they run and afterwards. Each hypercall
// there is must have succeeded. HAMMER_SECONDS says how long (`make hammer T=600`).
#include "caller.hpp"
#include "domain/console.hpp"
#include "hypercall/table.hpp"
#include "mm/update.hpp"
#include <chrono>
#include <thread>

/// A guest's own memory is the guest's to race for; these read and write nothing else.
extern "C" const char* __tsan_default_suppressions() // NOLINT(bugprone-reserved-identifier)
{
    return "race:hv::hypercall::(anonymous namespace)::clear_page\n"
           "race:hv::hypercall::(anonymous namespace)::copy_page\n"
           "race:hv::domain::GrantCopier::copy\n";
}
/// Or the stack of the earlier of two accesses may be forgotten, and with it that it is one of those.
extern "C" const char* __tsan_default_options() // NOLINT(bugprone-reserved-identifier)
{
    return "history_size=7";
}

namespace hv::hammer {
namespace {

constexpr unsigned cpus = 4, vcpus = 3;
constexpr std::size_t ram_frames = 8192;
using domain::test::ok;

void finish(Subject& s)
{
    domain::Domain& d = *s.guest.domain;
    d.set_max_pages(200);
    for (auto& place : s.pool)
        place = ok(mm::alloc_domain_frames(d, 0)).raw();
    const Mfn l3{mm::FrameWindow<std::uint64_t>{s.guest.root}[0] >> page_shift & 0xffffffff};
    s.second_root = domain::test::table_to(d, 0, l3);
    ok(mm::pin(d, s.second_root, 4));
    for (unsigned i = 0; i < 2; ++i) {
        const std::uint64_t entry = maddr_of(ok(mm::alloc_domain_frames(d, 0))).raw() | 7;
        ok(mm::update_va(s.guest.root, GuestVa{Caller::context_va + i * page_size}, entry, {d, d}));
    }
}

void boot(Subject& dom0, Subject& domu)
{
    arch::host::reset(ram_frames);
    arch::host::go_live(cpus);
    const Span ram{0x100000, ram_frames * page_size};
    mm::init(Mfn{ram_frames});
    mm::reserve(ram);
    mm::release_reserved(ram);
    cpu::start_clock();
    domain::start_wallclock();
    domain::DomainConfig config;
    config.max_vcpus = vcpus;
    config.id = DomainId{0};
    config.role = domain::Role::hardware;
    dom0.guest = domain::test::make_guest(config);
    config.id = DomainId{1};
    config.role = domain::Role::ordinary;
    domu.guest = domain::test::make_guest(config);
    finish(dom0);
    finish(domu);
}

void add_callers(std::deque<Caller>& callers, Subject& own, Subject& other)
{
    domain::Domain& d = *own.guest.domain;
    for (unsigned i = 0; i < vcpus; ++i) {
        const Mfn page = ok(mm::alloc_domain_frames(d, 0));
        ok(mm::update_va(own.guest.root, GuestVa{Caller::page_va(i)}, maddr_of(page).raw() | 7, {d, d}));
        callers.emplace_back(own, other, i, page);
    }
}

class Hammer : public ::testing::Test {
protected:
    Subject dom0_, domu_;
    std::deque<Caller> callers_;
    std::atomic<bool> stop_{false};
    std::atomic<unsigned> running_{0};
    unsigned audits_ = 0;
    std::uint64_t differences_ = 0;

    Hammer()
    {
        boot(dom0_, domu_);
        add_callers(callers_, dom0_, domu_);
        add_callers(callers_, domu_, dom0_);
    }

    /// What the entry path of a CPU does for ever; until stop_ and nothing to run.
    void play_cpu(unsigned cpu)
    {
        arch::host::become_cpu(cpu);
        try {
            for (;;) {
                arch::upcall_before_guest();
                domain::Vcpu& v = domain::current();
                const unsigned first = v.domain().is_hardware_domain() ? 0 : vcpus;
                if (!stop_) callers_[first + v.id().raw()].step();
                arch::host::serve_interrupts();
                if (&v == &dom0_.guest.vcpu() && !stop_) look_after();
            }
        } catch (const arch::host::Stopped& how) {
            EXPECT_EQ(static_cast<int>(how.how), static_cast<int>(arch::host::Stopped::How::halt));
        }
        --running_;
        while (running_ != 0)
            arch::relax();
    }

    /// Whoever runs the vCPU that never sleeps wakes the others now and then, audits the machine, and ends the game.
    void look_after()
    {
        using std::chrono::steady_clock;
        static const char* const length = std::getenv("HAMMER_SECONDS");
        static const auto end = steady_clock::now() + std::chrono::seconds(length != nullptr ? std::atoi(length) : 5);
        static auto next = steady_clock::now();
        const auto now = steady_clock::now();
        if (now < next) return;
        next = now + std::chrono::milliseconds(10);
        for (const Caller& c : callers_)
            c.vcpu().wake();
        if (++turn_ % 64 == 0) audit();
        if (now < end) return;
        stop_ = true;
        dom0_.guest.domain->pause();
        domu_.guest.domain->pause();
        arch::host::stop_when_idle();
    }
    void audit()
    {
        const auto report = domain::audit_machine();
        if (!report.ok()) return; // a CPU was too busy to stand still
        ++audits_;
        differences_ += report.take().differences;
    }
    unsigned turn_ = 0;
};

TEST_F(Hammer, RandomHypercallsOnFourCpus)
{
    ok(dom0_.guest.domain->controller_unpause());
    ok(domu_.guest.domain->controller_unpause());
    running_ = cpus;
    std::vector<std::thread> threads;
    for (unsigned cpu = 1; cpu < cpus; ++cpu)
        threads.emplace_back([this, cpu] { play_cpu(cpu); });
    play_cpu(0);
    for (std::thread& t : threads)
        t.join();
    arch::host::set_online(1);
    EXPECT_GT(audits_, 0U);
    audit();
    EXPECT_EQ(differences_, 0U);
    EXPECT_FALSE(domu_.guest.domain->is_shut_down());
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < arch::hypercall_numbers; ++i) {
        total += successes[i];
        if (hypercall::hypercall_table[i] == &hypercall::no_such_call) continue;
        std::printf("hypercall %2zu: %8lu succeeded\n", i, successes[i].load());
        EXPECT_GT(successes[i], 0U) << "hypercall " << i;
    }
    std::printf("%lu calls succeeded, %u audits\n", total, audits_);
}

} // namespace
} // namespace hv::hammer
