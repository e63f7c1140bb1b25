// SPDX-License-Identifier: MIT
//
// The fake machine's interrupts: the only file of arch/host that makes upcalls into the core.
#include "arch/host/machine.hpp"
#include <atomic>
#include <thread>

namespace hv::arch::host {
namespace {

std::atomic<bool> stopping;

void serve_timer()
{
    std::uint64_t& deadline = thread_state().deadline;
    if (deadline == 0 || deadline > read_tsc()) return;
    deadline = 0;
    upcall_timer();
}

} // namespace

void stop_when_idle() { stopping = true; }

void advance(std::uint64_t ns)
{
    state().now += ns;
    serve_timer();
}
void raise_gsi(unsigned gsi)
{
    GsiState& g = state().gsis.at(gsi);
    if (g.masked || g.awaiting_end) return;
    g.awaiting_end = g.trigger == Trigger::level;
    upcall_gsi(gsi);
}
void raise_msi(unsigned cookie)
{
    if (state().msis.at(cookie)) upcall_msi(cookie);
}
void serve_interrupts()
{
    if (state().live) serve_calls();
    if (!state().typed.empty()) upcall_console_input();
    serve_timer();
}

} // namespace hv::arch::host

namespace hv::arch {

void wait_for_interrupt()
{
    const std::uint64_t now = read_tsc(), deadline = host::thread_state().deadline;
    if (!host::state().live && deadline > now) return host::advance(deadline - now);
    host::serve_interrupts();
    if (!host::state().live) return;
    if (host::stopping) throw host::Stopped{host::Stopped::How::halt};
    std::this_thread::yield();
}

} // namespace hv::arch
