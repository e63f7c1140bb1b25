// SPDX-License-Identifier: MIT
//
// See nbd_device.hpp. A server that was started here is known by the name of its socket.
#include "libparapet/nbd_device.hpp"
#include "libparapet/error.hpp"
#include "libparapet/files.hpp"
#include "libparapet/interrupt.hpp"
#include "libparapet/program.hpp"
#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <linux/major.h>
#include <linux/nbd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace parapet {
namespace {

constexpr const char* run_directory = "/run/parapet";
constexpr auto server_patience = std::chrono::seconds{10};

std::string path_of(unsigned number) { return fmt::format("/dev/nbd{}", number); }
std::string sysfs_of(unsigned number) { return fmt::format("/sys/block/nbd{}", number); }
std::string socket_of(unsigned number) { return fmt::format("{}/nbd{}.socket", run_directory, number); }

bool there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool has_size(unsigned number)
{
    const std::string path = sysfs_of(number) + "/size";
    return there(path) && read_text(path) != "0\n";
}

std::vector<std::string> server_words(unsigned number, const std::string& path, const std::string& format,
                                      NbdOptions options)
{
    std::vector<std::string> words{"qemu-nbd", "--connect=" + path_of(number), "--socket=" + socket_of(number),
                                   "--format=" + format, options.discard ? "--discard=unmap" : "--discard=ignore"};
    if (!options.writable) words.emplace_back("--read-only");
    if (options.direct_io) words.emplace_back("--cache=none");
    words.push_back(path);
    return words;
}

void wait_for_size(unsigned number, const std::string& path)
{
    using Clock = std::chrono::steady_clock;
    for (const auto end = Clock::now() + server_patience; !has_size(number); ::usleep(2'000)) {
        if (Clock::now() > end) fail("{} does not appear as {}", path, path_of(number));
        check_interrupt();
    }
}

/// By its command line: the process that the kernel names may be one of its threads.
bool made_here(unsigned number)
{
    const std::string pid = sysfs_of(number) + "/pid";
    if (!there(pid)) return false;
    std::string process = read_text(pid);
    process.erase(std::find(process.begin(), process.end(), '\n'), process.end());
    const std::string command = "/proc/" + process + "/cmdline";
    return there(command) && read_text(command).find("--socket=" + socket_of(number)) != std::string::npos;
}

unsigned serve(const std::string& path, const std::string& format, NbdOptions options)
{
    if (!there(sysfs_of(0)))
        fail("{} images need the module nbd in domain 0's kernel (modprobe nbd max_part=0)", format);
    make_directories(run_directory, 0755);
    for (unsigned n = 0; there(sysfs_of(n)); ++n) {
        if (nbd_is_bound(n)) continue;
        const ProgramEnd end = run_program(server_words(n, path, format, options));
        if (end.good) return n;
        if (!nbd_is_bound(n)) // else another took the device
            fail("qemu-nbd (of qemu-utils) does not serve {}: {}", path, end.complaint);
    }
    fail("there is no free network block device (the module nbd's nbds_max makes more)");
}

} // namespace

NbdDevice::NbdDevice(const std::string& path, const std::string& format, NbdOptions options)
    : number_{serve(path, format, options)}
{
    try {
        wait_for_size(number_, path);
    } catch (...) {
        release_nbd(number_);
        throw;
    }
}

NbdDevice::~NbdDevice()
{
    if (kept_) return;
    try {
        release_nbd(number_);
    } catch (const Error& e) {
        fmt::print(stderr, "vmctl: {}\n", e.what());
    }
}

dev_t NbdDevice::device() const
{
    struct stat status {};
    if (::stat(path_of(number_).c_str(), &status) != 0) fail_errno("{}", path_of(number_));
    return status.st_rdev;
}

std::optional<unsigned> nbd_number(dev_t device)
{
    if (major(device) != NBD_MAJOR) return std::nullopt;
    std::error_code none;
    const auto link =
        std::filesystem::read_symlink(fmt::format("/sys/dev/block/{}:{}", major(device), minor(device)), none);
    const std::string name = link.filename();
    if (none || !name.starts_with("nbd") || name.find_first_not_of("0123456789", 3) != std::string::npos)
        return std::nullopt; // a partition of one
    return static_cast<unsigned>(std::stoul(name.substr(3)));
}

bool nbd_is_bound(unsigned number) { return there(sysfs_of(number) + "/pid"); }

void release_nbd(unsigned number)
{
    const Descriptor device{::open(path_of(number).c_str(), O_RDONLY | O_CLOEXEC)};
    if (!device.valid() || ::ioctl(device.get(), NBD_DISCONNECT) != 0) fail_errno("cannot release {}", path_of(number));
}

void release_orphans(const std::vector<dev_t>& used)
{
    for (unsigned n = 0; there(sysfs_of(n)); ++n) {
        struct stat status {};
        if (!made_here(n) || ::stat(path_of(n).c_str(), &status) != 0) continue;
        if (std::find(used.begin(), used.end(), status.st_rdev) == used.end()) release_nbd(n);
    }
}

} // namespace parapet
