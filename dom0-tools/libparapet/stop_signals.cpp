// SPDX-License-Identifier: MIT
//
// See stop_signals.hpp.
#include "libparapet/stop_signals.hpp"

namespace parapet {
namespace {

volatile std::sig_atomic_t wanted = 0;

} // namespace

sigset_t catch_stop_signals()
{
    struct sigaction stop {};
    stop.sa_handler = [](int) { wanted = 1; };
    ::sigaction(SIGTERM, &stop, nullptr);
    ::sigaction(SIGINT, &stop, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t stops, sleeping;
    ::sigemptyset(&stops);
    ::sigaddset(&stops, SIGTERM);
    ::sigaddset(&stops, SIGINT);
    ::sigprocmask(SIG_BLOCK, &stops, &sleeping);
    ::sigdelset(&sleeping, SIGTERM);
    ::sigdelset(&sleeping, SIGINT);
    return sleeping;
}

bool stop_wanted() { return wanted != 0; }

} // namespace parapet
