// SPDX-License-Identifier: MIT
//
// parapet-lifed: does what a domain's configuration says of its end: on_poweroff, on_reboot, on_crash, on_watchdog.
#include "libparapet/attendance.hpp"
#include "parapet-lifed/keeper.hpp"
#include <getopt.h>

namespace lifed {
namespace {

volatile std::sig_atomic_t stop_wanted = 0;

int usage(int status)
{
    fmt::print(status == 0 ? stdout : stderr, "usage: parapet-lifed\nActs on the ends of domains that vmctl has "
                                              "created. Runs in the foreground, once a machine; see parapet-lifed(8)."
                                              "\n");
    return status;
}

/// The signals that end us come in only while we sleep: a restart is not left half-way.
sigset_t catch_signals()
{
    struct sigaction stop {};
    stop.sa_handler = [](int) { stop_wanted = 1; };
    ::sigaction(SIGTERM, &stop, nullptr);
    ::sigaction(SIGINT, &stop, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t stops, sleeping;
    ::sigemptyset(&stops);
    ::sigaddset(&stops, SIGTERM);
    ::sigaddset(&stops, SIGINT);
    ::sigprocmask(SIG_BLOCK, &stops, &sleeping); // before the library starts a thread
    ::sigdelset(&sleeping, SIGTERM);
    ::sigdelset(&sleeping, SIGINT);
    return sleeping;
}

} // namespace
} // namespace lifed

int main(int argc, char** argv)
{
    const option options[] = {{"help", no_argument, nullptr, 'h'}, {}};
    for (int c = 0; (c = ::getopt_long(argc, argv, "h", options, nullptr)) != -1;)
        return lifed::usage(c == 'h' ? 0 : 2);
    if (optind != argc) return lifed::usage(2);
    try {
        const sigset_t sleeping = lifed::catch_signals();
        const parapet::Attendance attendance;
        lifed::Journal journal;
        lifed::Keeper{journal}.run(lifed::stop_wanted, sleeping);
    } catch (const std::exception& e) {
        lifed::Journal::complain(e.what());
        return 1;
    }
    return 0;
}
