// SPDX-License-Identifier: MIT
//
// That parapet-lifed runs: once a machine, for as long as its process holds the lock; who asks does not disturb it.
#pragma once
#include "libparapet/files.hpp"

namespace parapet {

class Attendance {
public:
    static constexpr const char* usual_path = "/run/parapet-lifed.lock";
    /// Throws when another process attends.
    explicit Attendance(const char* path = usual_path);

private:
    Descriptor lock_;
};

/// Whether some process does.
bool is_attended(const char* path = Attendance::usual_path);

} // namespace parapet
