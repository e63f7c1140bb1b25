// SPDX-License-Identifier: MIT
//
// See log_file.hpp. Who renames the file has its lock, so that two writers do not push the older part out at once.
#include "libparapet/log_file.hpp"
#include "libparapet/error.hpp"
#include <cstdio>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <utility>

namespace parapet {
void LogFile::open() { file_ = Descriptor::open(path_, O_WRONLY | O_CREAT | O_APPEND, 0600); }

void LogFile::append(const std::string& text)
{
    try {
        find_room(text.size());
        write_all(file_.get(), text);
        losing_ = false;
    } catch (const Error& e) {
        if (!std::exchange(losing_, true))
            fmt::print(stderr, "{}: log {}: {}; output is lost\n", program_invocation_short_name, path_, e.what());
    }
}

void LogFile::find_room(std::uint64_t bytes)
{
    if (!file_.valid()) open();
    for (bool locked = false;;) {
        struct stat named {
        }, ours{};
        if (::fstat(file_.get(), &ours) != 0) fail_errno("fstat");
        const bool there = ::stat(path_.c_str(), &named) == 0;
        if (there && named.st_ino == ours.st_ino && named.st_dev == ours.st_dev) {
            const auto size = static_cast<std::uint64_t>(ours.st_size);
            if (size == 0 || size + bytes <= most_bytes_) return;
            if (!std::exchange(locked, true)) { // look again: it may have been renamed just now
                if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) return;
                continue;
            }
            if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) {
                ::flock(file_.get(), LOCK_UN);
                fail_errno("cannot rename it");
            }
        }
        open(); // and so the lock is gone
        locked = false;
    }
}

} // namespace parapet
