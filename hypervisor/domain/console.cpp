// SPDX-License-Identifier: MIT
//
// See domain/console.hpp. Keys: what an operator may ask of a running machine, typed after three CTRL-a or by
// `debug_keys`. Interrupts off, any CPU; a dump is a snapshot without the domains being stopped.
#include "domain/console.hpp"
#include "base/log.hpp"
#include "base/options.hpp"
#include "cpu/clock.hpp"
#include "domain/grants.hpp"
#include "domain/run.hpp"
#include "domain/upcalls.hpp"
#include "guest/bounce.hpp"
#include "mm/allocator.hpp"

namespace hv::domain {
namespace {

constexpr std::size_t input_bytes = 1024;
constexpr char switch_key = 1; // CTRL-a
constexpr unsigned switch_presses = 3;

cpu::SpinLock input_lock{cpu::Rank::console};
std::array<char, input_bytes> input; // guarded by input_lock, as all below
std::uint32_t input_head, input_tail;
unsigned presses;
bool to_hypervisor;

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
              v.hot.user_root, event_deliverable(v) ? "deliverable" : "none");
}

void dump_domains()
{
    log::info("up {} ms, idle {} ms", cpu::now() / 1'000'000, idle_time(CpuId{0}) / 1'000'000);
    for_each_domain([](Domain& d) {
        log::info("domain {}: {}, {} pages of {}, {} held, shared_info {x}, {} grant frames", d.id(), life_name(d),
                  d.page_count(), d.max_pages(), d.held(), d.shared_info_frame(),
                  d.has_grants() ? d.grants().frames() : 0U);
        for (std::uint32_t i = 0; i < d.vcpu_count(); ++i)
            dump_vcpu(*d.vcpu(VcpuId{i}));
    });
    log::info("{} of {} pages free, {} bytes of hypervisor memory, {} grants in use", mm::free_frames(),
              mm::total_frames(), mm::heap_bytes(), GrantTable::uses());
}

void audit()
{
    const Result<mm::AuditReport, false> r = audit_machine();
    if (!r.ok()) return log::error("audit: not now, error {}", static_cast<int>(r.error()));
    const mm::AuditReport report = r.take();
    if (report.differences == 0) return log::info("audit: clean, {} frames", report.frames);
    log::error("audit: {} differences in {} frames", report.differences, report.frames);
}

constexpr Key keys[4] = {
    {'h', "this list",
     [] {
         for (const Key& k : keys)
             log::info("key '{}': {}", k.key, k.what);
     }},
    {'q', "domains, their vCPUs, and time", &dump_domains},
    {'A', "audit all frames' counts", &audit},
    {'R', "reboot the machine", [] { log::info("reboot asked for at the console"), arch::reset(); }},
};

} // namespace

void console_key(char key)
{
    for (const Key& k : keys)
        if (k.key == key) return k.run();
    if (key > ' ') log::info("key '{}' means nothing; 'h' for help", key);
}

/// True if the guest got it.
static bool typed(char c)
{
    bool switched = false;
    {
        const cpu::Guard guard{input_lock};
        presses = c == switch_key ? presses + 1 : 0;
        switched = presses == switch_presses;
        if (switched) {
            presses = 0;
            to_hypervisor = !to_hypervisor;
        } else if (!to_hypervisor) {
            const bool room = input_head - input_tail != input_bytes; // or the guest does not read: drop
            if (room) input[input_head++ % input_bytes] = c;
            return room;
        }
    }
    if (switched)
        log::info("console input goes to {} (CTRL-a three times to switch)",
                  to_hypervisor ? "parapet: 'h' for help" : "dom0");
    else if (c != switch_key)
        console_key(c);
    return false;
}

void console_typed()
{
    bool notify = false;
    for (arch::ConsoleInput in = arch::console_read(); in.present; in = arch::console_read())
        notify |= typed(in.character);
    if (notify) raise_virq(PV_VIRQ_CONSOLE);
}

std::size_t console_read(std::span<char> out)
{
    const cpu::Guard guard{input_lock};
    std::size_t n = 0;
    while (n < out.size() && input_tail != input_head)
        out[n++] = input[input_tail++ % input_bytes];
    return n;
}

void console_write(Domain& from, std::span<const char> text)
{
    if (from.is_hardware_domain()) return log::write_raw(text);
    if (options.guest_log_level < log::Level::debug) return;
    std::array<char, 128> line{};
    std::size_t used = 0;
    const auto flush = [&] {
        line[used] = 0;
        if (used != 0) log::line(log::Level::info, "d{}: {}", from.id(), static_cast<const char*>(line.data()));
        used = 0;
    };
    for (const char c : text) {
        if (c == '\n' || used + 1 == line.size()) flush();
        if (c >= ' ' && c < 0x7f) line[used++] = c;
    }
    flush();
}

} // namespace hv::domain
