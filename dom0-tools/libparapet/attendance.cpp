// SPDX-License-Identifier: MIT
//
// See attendance.hpp. The lock belongs to the open file, not to the process: a test may hold it and ask.
#include "libparapet/attendance.hpp"
#include "libparapet/error.hpp"
#include <fcntl.h>

namespace parapet {

Attendance::Attendance(const char* path) : lock_{Descriptor::open(path, O_RDWR | O_CREAT, 0600)}
{
    struct flock whole {};
    whole.l_type = F_WRLCK;
    if (::fcntl(lock_.get(), F_OFD_SETLK, &whole) == 0) return;
    if (errno == EAGAIN || errno == EACCES) fail("another parapet-lifed is running");
    fail_errno("cannot lock {}", path);
}

bool is_attended(const char* path)
{
    const Descriptor file{::open(path, O_RDWR | O_CLOEXEC)};
    if (!file.valid()) return false;
    struct flock whole {};
    whole.l_type = F_WRLCK;
    return ::fcntl(file.get(), F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

} // namespace parapet
