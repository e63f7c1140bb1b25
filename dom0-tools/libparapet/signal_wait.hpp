// SPDX-License-Identifier: MIT
//
// Waiting that a signal ends. A SignalGuard lets system calls go on where they were interrupted, so that libraries need
// not know of it; a call that waits for another process must hear of it.
#pragma once
#include <array>
#include <csignal>

namespace parapet {

/// While one lives, a signal that has a handler ends a waiting system call with EINTR. One that comes right before the
/// call is heard only after it. One thread.
class SignalWait {
public:
    SignalWait();
    ~SignalWait();
    SignalWait(const SignalWait&) = delete;
    SignalWait& operator=(const SignalWait&) = delete;

private:
    std::array<struct sigaction, 3> before_;
};

} // namespace parapet
