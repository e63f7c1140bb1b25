// SPDX-License-Identifier: MIT
//
// Tells how long each step of long work took: one line a step to a sink, the total at the end. Between two steps, a
// signal that asks for the end is heard.
#pragma once
#include "libparapet/interrupt.hpp"
#include <chrono>
#include <functional>
#include <string>

namespace parapet {

struct Step {
    std::string what;
    double seconds;
};

class Steps {
public:
    using Sink = std::function<void(const Step&)>;
    explicit Steps(Sink sink) : sink_{std::move(sink)} {}

    /// What was done since the last call (or since the start) had this name.
    void done(const std::string& what)
    {
        const auto now = Clock::now();
        sink_({what, std::chrono::duration<double>(now - last_).count()});
        last_ = now;
        check_interrupt();
    }
    [[nodiscard]] double total() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

private:
    using Clock = std::chrono::steady_clock;
    Sink sink_;
    Clock::time_point start_{Clock::now()};
    Clock::time_point last_{start_};
};

} // namespace parapet
