// SPDX-License-Identifier: MIT
//
// Signals that ask for an end (SIGINT, SIGTERM, SIGHUP) become an exception while something is being built, so that
// destructors undo it. One thread.
#pragma once
#include <array>
#include <csignal>

namespace parapet {

/// While one lives, such a signal is only noted, and a closed pipe is an error of the write. Guards nest; a signal that
/// nobody asked after takes its usual effect at the end of the outermost.
class SignalGuard {
public:
    SignalGuard();
    ~SignalGuard();
    SignalGuard(const SignalGuard&) = delete;
    SignalGuard& operator=(const SignalGuard&) = delete;

    /// For a child that outlives its parent's guards.
    static void forget();

private:
    std::array<struct sigaction, 4> before_;
};

/// Whether a signal was noted.
bool interrupted();
/// Throws Error when one was.
void check_interrupt();

} // namespace parapet
