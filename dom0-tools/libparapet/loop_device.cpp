// SPDX-License-Identifier: MIT
//
// See loop_device.hpp.
#include "libparapet/loop_device.hpp"
#include "libparapet/error.hpp"
#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace parapet {
namespace {

constexpr unsigned loop_major = 7;
constexpr unsigned most_tries = 100; // against others who take free ones, too

std::string path_of(unsigned number) { return fmt::format("/dev/loop{}", number); }

} // namespace

LoopDevice make_loop(const Descriptor& file, const std::string& name, LoopOptions options)
{
    const Descriptor control = Descriptor::open("/dev/loop-control", O_RDWR);
    loop_config config{};
    config.fd = static_cast<__u32>(file.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (!options.writable) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
    if (options.direct_io) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
    name.copy(reinterpret_cast<char*>(config.info.lo_file_name), LO_NAME_SIZE - 1);
    for (unsigned tries = 0; tries < most_tries; ++tries) {
        const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) fail_errno("there is no free loop device");
        LoopDevice loop{static_cast<unsigned>(number),
                        Descriptor::open(path_of(static_cast<unsigned>(number)), options.writable ? O_RDWR : O_RDONLY)};
        if (::ioctl(loop.device.get(), LOOP_CONFIGURE, &config) == 0) return loop;
        if (errno != EBUSY) fail_errno("{} cannot serve {}", path_of(loop.number), name);
    }
    fail("every loop device that is free is taken by others at once");
}

std::vector<LoopUse> loops_on(dev_t device, ino_t inode)
{
    std::vector<LoopUse> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator{"/sys/block", ignored}) {
        const std::string name = entry.path().filename();
        unsigned number = 0;
        if (!name.starts_with("loop")) continue;
        const auto [stop, error] = std::from_chars(name.data() + 4, name.data() + name.size(), number);
        if (error != std::errc{} || stop != name.data() + name.size() || !loop_is_bound(number)) continue;
        const Descriptor loop{::open(path_of(number).c_str(), O_RDONLY | O_CLOEXEC)};
        loop_info64 info{};
        if (!loop.valid() || ::ioctl(loop.get(), LOOP_GET_STATUS64, &info) != 0) continue; // it is gone by now
        if (info.lo_device == device && info.lo_inode == inode)
            found.push_back({number, (info.lo_flags & LO_FLAGS_READ_ONLY) == 0});
    }
    return found;
}

dev_t loop_device(unsigned number) { return makedev(loop_major, number); }

std::optional<unsigned> loop_number(dev_t device)
{
    return major(device) == loop_major ? std::optional{minor(device)} : std::nullopt;
}

bool loop_is_bound(unsigned number)
{
    return ::access(fmt::format("/sys/block/loop{}/loop/backing_file", number).c_str(), F_OK) == 0;
}

void release_loop(unsigned number)
{
    const Descriptor loop{::open(path_of(number).c_str(), O_RDONLY | O_CLOEXEC)};
    if (!loop.valid() || (::ioctl(loop.get(), LOOP_CLR_FD) != 0 && errno != ENXIO))
        fail_errno("cannot release {}", path_of(number));
}

} // namespace parapet
