// SPDX-License-Identifier: MIT
//
// parapet-lifed: does what a domain's configuration says of its end: on_poweroff, on_reboot, on_crash, on_watchdog.
#include "libparapet/attendance.hpp"
#include "libparapet/stop_signals.hpp"
#include "parapet-lifed/keeper.hpp"
#include <getopt.h>

namespace lifed {
namespace {

int usage(int status)
{
    fmt::print(status == 0 ? stdout : stderr, "usage: parapet-lifed\nActs on the ends of domains that vmctl has "
                                              "created. Runs in the foreground, once a machine; see parapet-lifed(8)."
                                              "\n");
    return status;
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
        const sigset_t sleeping = parapet::catch_stop_signals();
        const parapet::Attendance attendance;
        lifed::Journal journal;
        lifed::Keeper{journal}.run(sleeping);
    } catch (const std::exception& e) {
        lifed::Journal::complain(e.what());
        return 1;
    }
    return 0;
}
