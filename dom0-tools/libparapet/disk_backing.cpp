// SPDX-License-Identifier: MIT
//
// See disk_backing.hpp.
#include "libparapet/disk_backing.hpp"
#include "libparapet/domain_nodes.hpp"
#include "libparapet/loop_device.hpp"
#include "libparapet/nbd_device.hpp"
#include <array>
#include <cstdio>
#include <fcntl.h>
#include <linux/fs.h>
#include <sstream>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace parapet {
namespace {

constexpr std::uint64_t sector = 512;
constexpr const char* by_force = "access w! (or r!) takes it all the same, at the risk of its data";

/// A device that is mounted read-write cannot even be read without seeing half-done changes.
bool mounted_writable(dev_t device)
{
    std::istringstream lines{read_text("/proc/self/mountinfo")};
    const std::string number = fmt::format(" {}:{} ", major(device), minor(device));
    for (std::string line; std::getline(lines, line);) {
        const std::size_t kind = line.find(" - "); // behind it: type, source, the file system's own options
        if (kind == std::string::npos || line.substr(0, kind).find(number) == std::string::npos) continue;
        const std::string options = line.substr(line.rfind(' ') + 1) + ",";
        if (options.starts_with("rw,")) return true;
    }
    return false;
}

std::uint64_t block_size(const DiskConfig& disk, const Backing& b)
{
    int read_only = 0;
    std::uint64_t bytes = 0;
    if (::ioctl(b.file.get(), BLKGETSIZE64, &bytes) != 0) fail_errno("{}", disk.target);
    if (disk.writable && ::ioctl(b.file.get(), BLKROGET, &read_only) == 0 && read_only != 0)
        fail("{} is read-only; use access r", disk.target);
    return bytes;
}

/// Without the wish to write, whoever has it open exclusively is no hindrance.
Descriptor open_target(const DiskConfig& disk, bool is_block)
{
    const int exclusive = is_block && disk.writable && !disk.forced ? O_EXCL : 0;
    Descriptor file{
        ::open(disk.target.c_str(), (disk.writable ? O_RDWR : O_RDONLY) | exclusive | O_CLOEXEC | O_NONBLOCK)};
    if (!file.valid() && errno == EBUSY)
        fail("{} is in use in domain 0 (mounted, swap, or part of another device); {}", disk.target, by_force);
    if (!file.valid() && disk.writable && (errno == EROFS || errno == EACCES))
        fail_errno("{} cannot be written (access r would do without)", disk.target);
    if (!file.valid()) fail_errno("{}", disk.target);
    return file;
}

struct OtherUse {
    std::string who;
    bool writes;
};

/// The guest's name of a disk, or its number.
std::string disk_label(Store& store, const Device& d)
{
    return fmt::format("disk {} of '{}'", store.read(backend_path(d) + "/dev").value_or(fmt::format("{}", d.number)),
                       domain_name(store, d.domain));
}

bool writes(Store& store, const Device& d)
{
    return store.read(backend_path(d) + "/mode").value_or("w").find('w') != std::string::npos;
}

/// The guest's disk that a block device serves, if any.
std::optional<OtherUse> guest_on(Store& store, dev_t device)
{
    for (const Device& d : all_devices(store, DeviceKind::disk)) {
        if (physical_device(store, d) == device) return OtherUse{disk_label(store, d), writes(store, d)};
    }
    return std::nullopt;
}

/// The use that a disk makes of an image through a server.
std::optional<OtherUse> served_from(Store& store, const Device& d, const Backing& image)
{
    const auto device = physical_device(store, d);
    if (!device || !nbd_number(*device)) return std::nullopt;
    const auto file = store.read(backend_path(d) + "/params");
    struct stat status {};
    if (!file || ::stat(file->c_str(), &status) != 0) return std::nullopt;
    if (status.st_dev != image.device || status.st_ino != image.inode) return std::nullopt;
    return OtherUse{disk_label(store, d), writes(store, d)};
}

std::vector<OtherUse> others_on(Store& store, const Backing& b)
{
    std::vector<OtherUse> others;
    if (b.is_block) {
        if (const auto guest = guest_on(store, b.device)) others.push_back(*guest);
        if (mounted_writable(b.device)) others.push_back({"a mounted file system of domain 0", true});
        return others;
    }
    for (const Device& d : all_devices(store, DeviceKind::disk))
        if (const auto use = served_from(store, d, b)) others.push_back(*use);
    for (const LoopUse& loop : loops_on(b.device, b.inode)) {
        const auto guest = guest_on(store, loop_device(loop.number));
        others.push_back(guest ? *guest : OtherUse{fmt::format("/dev/loop{} of domain 0", loop.number), loop.writable});
    }
    return others;
}

void require_qcow2(const DiskConfig& disk, const Backing& b)
{
    constexpr std::array magic{std::byte{'Q'}, std::byte{'F'}, std::byte{'I'}, std::byte{0xfb}};
    std::array<std::byte, magic.size()> head{};
    if (b.bytes >= head.size()) read_at(b.file.get(), head, 0);
    if (head != magic) fail("{} is no qcow2 image", disk.target);
}

} // namespace

Backing open_backing(const DiskConfig& disk)
{
    struct stat status {};
    if (::stat(disk.target.c_str(), &status) != 0) fail_errno("{}", disk.target);
    const bool is_block = S_ISBLK(status.st_mode);
    if (!is_block && !S_ISREG(status.st_mode)) fail("{} is neither a file nor a block device", disk.target);
    Backing b{open_target(disk, is_block), is_block, is_block ? status.st_rdev : status.st_dev,
              is_block ? 0 : status.st_ino, 0};
    b.bytes = is_block ? block_size(disk, b) : b.file.size();
    if (b.bytes == 0) fail("{} is empty", disk.target);
    if (disk.format != "raw") {
        require_qcow2(disk, b);
        return b;
    }
    if (b.bytes % sector != 0)
        fail("{} has {} bytes, not a multiple of {}: it was cut off, or is no raw image", disk.target, b.bytes, sector);
    return b;
}

void refuse_shared(Store& store, const DiskConfig& disk, const Backing& backing)
{
    if (disk.forced) return;
    for (const OtherUse& other : others_on(store, backing))
        if (disk.writable || other.writes)
            fail("{} is in use by {}{}; {}", disk.target, other.who, other.writes ? ", which may write" : "", by_force);
}

void check_disks(Store& store, const std::vector<DiskConfig>& disks)
{
    std::vector<Backing> seen;
    for (const DiskConfig& disk : disks)
        blaming(disk.at, "disk", [&] {
            const Backing& backing = seen.emplace_back(open_backing(disk));
            refuse_shared(store, disk, backing);
            for (std::size_t i = 0; i + 1 < seen.size(); ++i)
                if (seen[i].same(backing) && (disk.writable || disks[i].writable) && !disk.forced)
                    fail("{} is the disk {} of the same domain already; {}", disk.target, disks[i].device, by_force);
            seen.back().file = {}; // a device that is open exclusively could not be looked at again
        });
}

std::string device_text(dev_t device) { return fmt::format("{:x}:{:x}", major(device), minor(device)); }

std::optional<dev_t> device_number(const std::string& text)
{
    unsigned high = 0, low = 0;
    char more = 0;
    if (std::sscanf(text.c_str(), "%x:%x%c", &high, &low, &more) != 2) return std::nullopt;
    return makedev(high, low);
}

std::optional<dev_t> physical_device(Store& store, const Device& disk)
{
    const auto text = store.read(backend_path(disk) + "/physical-device");
    return text ? device_number(*text) : std::nullopt;
}

} // namespace parapet
