// SPDX-License-Identifier: MIT
//
// See signal_wait.hpp.
#include "libparapet/signal_wait.hpp"
#include <cstddef>

namespace parapet {
namespace {

constexpr std::array<int, 3> signals{SIGINT, SIGTERM, SIGHUP};

} // namespace

SignalWait::SignalWait()
{
    for (std::size_t i = 0; i < signals.size(); ++i) {
        ::sigaction(signals[i], nullptr, &before_[i]);
        struct sigaction action = before_[i];
        action.sa_flags &= ~SA_RESTART;
        ::sigaction(signals[i], &action, nullptr);
    }
}

SignalWait::~SignalWait()
{
    for (std::size_t i = 0; i < signals.size(); ++i)
        ::sigaction(signals[i], &before_[i], nullptr);
}

} // namespace parapet
