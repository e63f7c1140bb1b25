// SPDX-License-Identifier: MIT
//
// Network block devices, by which qemu-nbd (of Debian's qemu-utils) serves an image that is not raw, in this machine.
// Unlike a loop device, one stays with its server until it is released.
#pragma once
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace parapet {

struct NbdOptions {
    bool writable{true};
    bool discard{true};
    bool direct_io{false}; ///< Around domain 0's page cache.
};

/// A device with its server. Released again unless kept.
class NbdDevice {
public:
    /// Starts a server for the image, which locks it against other users of QEMU's block layer. Throws with what it
    /// says if it cannot. The caller holds the lock under which devices are given away.
    NbdDevice(const std::string& path, const std::string& format, NbdOptions options);
    ~NbdDevice();
    NbdDevice(const NbdDevice&) = delete;
    NbdDevice& operator=(const NbdDevice&) = delete;
    [[nodiscard]] dev_t device() const;
    void keep() { kept_ = true; }

private:
    unsigned number_;
    bool kept_{false};
};

/// The number of the network block device with this device number.
std::optional<unsigned> nbd_number(dev_t device);
bool nbd_is_bound(unsigned number);
/// Ends the server, which writes what it still has first.
void release_nbd(unsigned number);
/// Those that a creator left behind which was killed: made here, and used by none of @p used.
void release_orphans(const std::vector<dev_t>& used);

} // namespace parapet
