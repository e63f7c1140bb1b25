// SPDX-License-Identifier: MIT
//
// The fake machine's interrupts: the only file of arch/host that makes upcalls into the core.
#include "arch/host/machine.hpp"
#include <thread>

namespace hv::arch::host {

void advance(std::uint64_t ns)
{
    State& s = state();
    s.now += ns;
    if (s.deadline == 0 || s.deadline > s.now) return;
    s.deadline = 0;
    upcall_timer();
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

} // namespace hv::arch::host

namespace hv::arch {

/// On a live machine.
static void serve_timer()
{
    std::uint64_t& deadline = host::thread_state().deadline;
    if (deadline == 0 || deadline > host::live_time()) return;
    deadline = 0;
    upcall_timer();
}

void wait_for_interrupt()
{
    host::State& s = host::state();
    if (s.live) {
        serve_interrupts();
        if (host::is_stopping()) throw host::Stopped{host::Stopped::How::halt};
        return std::this_thread::yield();
    }
    if (s.deadline > s.now)
        host::advance(s.deadline - s.now);
    else
        serve_interrupts();
}
void serve_interrupts()
{
    if (host::state().live) {
        host::serve_calls();
        return serve_timer();
    }
    if (!host::state().typed.empty()) upcall_console_input();
    host::advance(0);
}

} // namespace hv::arch
