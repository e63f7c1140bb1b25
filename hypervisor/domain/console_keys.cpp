// SPDX-License-Identifier: MIT
//
// The hypervisor's keys: what an operator may ask of a running machine, typed after three CTRL-a or by `debug_keys`.
// Interrupts off, any CPU; a dump is a snapshot without the domains being stopped.
#include "arch/arch.hpp"
#include "base/log.hpp"
#include "cpu/clock.hpp"
#include "domain/audit.hpp"
#include "domain/console.hpp"
#include "domain/grants.hpp"
#include "domain/run.hpp"
#include "mm/allocator.hpp"

namespace hv::domain {
namespace {

struct Key {
    char key;
    const char* what;
    void (*run)();
};

const char* life_name(const Domain& d)
{
    if (d.life() == Life::dead) return "dead";
    if (d.is_dying()) return "dying";
    if (d.is_shut_down()) return "shut down";
    return d.paused() ? "paused" : "alive";
}

void dump_vcpu(Vcpu& v)
{
    const char* const state = !v.online() ? "offline" : v.loaded() ? "running" : v.blocked() ? "blocked" : "runnable";
    log::info("  d{}v{}: {}, ran {} us, rip {x} rsp {x}, root {x} user root {x}, event {}", v.domain().id(), v.id(),
              state, runstate_now(v).time[PV_RUNSTATE_RUNNING] / 1000, v.regs().rip, v.regs().rsp, v.hot.kernel_root,
              v.hot.user_root, v.event_deliverable() ? "deliverable" : "none");
}

void for_each_vcpu(Domain& d, void (*f)(Vcpu&))
{
    for (std::uint32_t i = 0; i < d.vcpu_count(); ++i)
        f(*d.vcpu(VcpuId{i}));
}

void dump_domains()
{
    for_each_domain([](Domain& d) {
        log::info("domain {}: {}, {} pages of {}, {} held, shared_info {x}, {} grant frames", d.id(), life_name(d),
                  d.page_count(), d.max_pages(), d.held(), d.shared_info_frame(),
                  d.has_grants() ? d.grants().frames() : 0U);
        for_each_vcpu(d, &dump_vcpu);
    });
    log::info("{} of {} pages free, {} bytes of hypervisor memory, {} grants in use", mm::free_frames(),
              mm::total_frames(), mm::heap_bytes(), GrantTable::uses());
}

void dump_run_queue()
{
    log::info("up {} ms, idle {} ms", cpu::now() / 1'000'000, idle_time(CpuId{0}) / 1'000'000);
    for_each_domain([](Domain& d) { for_each_vcpu(d, &dump_vcpu); });
}

void audit()
{
    const Result<mm::AuditReport, false> r = audit_machine();
    if (!r.ok()) return log::error("audit: no room for the counters");
    const mm::AuditReport report = r.take();
    if (report.differences == 0) return log::info("audit: clean, {} frames", report.frames);
    log::error("audit: {} differences in {} frames", report.differences, report.frames);
}

void reboot()
{
    log::info("reboot asked for at the console");
    arch::reset();
}

void help();
constexpr Key keys[] = {
    {'h', "this list", &help},
    {'q', "domains and their vCPUs", &dump_domains},
    {'r', "vCPUs and time", &dump_run_queue},
    {'A', "audit all frames' counts", &audit},
    {'R', "reboot the machine", &reboot},
};

void help()
{
    for (const Key& k : keys)
        log::info("key '{}': {}", k.key, k.what);
}

} // namespace

void console_key(char key)
{
    for (const Key& k : keys)
        if (k.key == key) return k.run();
    if (key > ' ') log::info("key '{}' means nothing; 'h' for help", key);
}

} // namespace hv::domain
