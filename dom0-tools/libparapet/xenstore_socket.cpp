// SPDX-License-Identifier: MIT
//
// See xenstore_socket.hpp.
#include "libparapet/xenstore_socket.hpp"
#include "libparapet/files.hpp"
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
extern "C" {
#include <xenstore_lib.h>
}

namespace parapet {

bool xenstored_listens()
{
    const char* const path = xs_daemon_socket();
    sockaddr_un address{AF_UNIX, {}};
    if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) return false;
    std::strcpy(address.sun_path, path);
    const Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    return socket.valid() && ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

} // namespace parapet
