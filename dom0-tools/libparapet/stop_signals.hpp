// SPDX-License-Identifier: MIT
//
// How a daemon ends: SIGTERM and SIGINT come in only while it sleeps, so that nothing is left half-way.
#pragma once
#include <csignal>

namespace parapet {

/// From now on. Returns the mask to sleep with (ppoll). To be called before the first thread is started; SIGPIPE is
/// ignored, too.
sigset_t catch_stop_signals();

/// One of them came.
bool stop_wanted();

} // namespace parapet
