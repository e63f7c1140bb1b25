// SPDX-License-Identifier: MIT
//
// See interrupt.hpp.
#include "libparapet/interrupt.hpp"
#include "libparapet/error.hpp"
#include <exception>

namespace parapet {
namespace {

constexpr std::array<int, 4> signals{SIGPIPE, SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t noted = 0;
unsigned depth = 0;

} // namespace

SignalGuard::SignalGuard()
{
    if (depth++ == 0) noted = 0;
    for (std::size_t i = 0; i < signals.size(); ++i) {
        struct sigaction action {};
        action.sa_handler = [](int signal) { noted = signal; };
        action.sa_flags = SA_RESTART; // the libraries below need not know of any of this
        if (signals[i] == SIGPIPE) action.sa_handler = SIG_IGN;
        ::sigaction(signals[i], nullptr, &before_[i]);
        if (before_[i].sa_handler != SIG_IGN) ::sigaction(signals[i], &action, nullptr); // else nohup wants it so
    }
}

SignalGuard::~SignalGuard()
{
    for (std::size_t i = 0; i < signals.size(); ++i)
        ::sigaction(signals[i], &before_[i], nullptr);
    if (--depth == 0 && noted != 0 && std::uncaught_exceptions() == 0) ::raise(noted);
}

void SignalGuard::forget()
{
    for (const int signal : signals)
        ::signal(signal, SIG_DFL);
    depth = 0;
    noted = 0;
}

bool interrupted() { return depth != 0 && noted != 0; }

void check_interrupt()
{
    if (interrupted()) fail("interrupted ({}); what was begun is undone", ::strsignal(noted));
}

} // namespace parapet
