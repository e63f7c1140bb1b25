// SPDX-License-Identifier: MIT
//
// See kernel_file.hpp. A cache entry appears whole by rename(2); the oldest go when there are more than a few.
#include "libparapet/kernel_file.hpp"
#include "libparapet/blake2b.hpp"
#include "libparapet/decompress.hpp"
#include "libparapet/error.hpp"
#include "libparapet/interrupt.hpp"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace parapet {
namespace {

using hv::image::Payload;

constexpr std::size_t most_cached = 8;

double seconds_since(std::chrono::steady_clock::time_point start)
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// A new file for the unpacked kernel: in the cache under a passing name, or in memory.
class Target {
public:
    explicit Target(const std::string& cache)
    {
        if (!cache.empty()) {
            path_ = cache + "/unpacking.XXXXXX";
            file_ = Descriptor{::mkostemp(path_.data(), O_CLOEXEC)};
            if (!file_.valid()) path_.clear();
        }
        if (!file_.valid()) file_ = Descriptor{::memfd_create("kernel", MFD_CLOEXEC)};
        if (!file_.valid()) fail_errno("no place to unpack the kernel to");
    }
    ~Target()
    {
        if (!path_.empty()) ::unlink(path_.c_str());
    }
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;

    [[nodiscard]] int fd() const { return file_.get(); }
    /// Gives the entry its final name. The kernel is usable even if that fails: it has a descriptor.
    Descriptor keep(const std::string& name)
    {
        if (!path_.empty() && ::rename(path_.c_str(), name.c_str()) == 0) path_.clear();
        return std::move(file_);
    }

private:
    std::string path_;
    Descriptor file_;
};

void drop_oldest(const std::string& cache)
{
    std::vector<std::pair<std::int64_t, std::string>> entries;
    DIR* directory = ::opendir(cache.c_str());
    if (directory == nullptr) return;
    while (const dirent* entry = ::readdir(directory)) {
        const std::string path = cache + "/" + entry->d_name;
        struct stat status {};
        if (path.ends_with(".elf") && ::stat(path.c_str(), &status) == 0)
            entries.emplace_back(status.st_mtim.tv_sec, path);
    }
    ::closedir(directory);
    std::sort(entries.begin(), entries.end(), std::greater<>{});
    for (std::size_t i = most_cached; i < entries.size(); ++i)
        ::unlink(entries[i].second.c_str());
}

bool usable(const std::string& cache)
{
    if (cache.empty()) return false;
    try {
        make_directories(cache, 0700);
    } catch (const Error&) {
        return false;
    }
    struct stat status {};
    // Whoever may write there may replace kernels: nobody but us.
    return ::stat(cache.c_str(), &status) == 0 && status.st_uid == ::geteuid() && (status.st_mode & 022) == 0;
}

} // namespace

std::string cache_directory()
{
    const char* wanted = std::getenv("PARAPET_CACHE");
    return wanted != nullptr ? wanted : "/var/cache/parapet";
}

KernelFile KernelFile::open(const std::string& path, const std::string& cache)
{
    KernelFile kernel;
    const auto start = std::chrono::steady_clock::now();
    kernel.elf_ = Descriptor::open(path, O_RDONLY);
    const MappedFile whole{kernel.elf_};
    const auto found = hv::image::find_payload(whole.bytes());
    if (!found.ok()) fail("{}: {}", path, describe(found.error()));
    const Payload& payload = found.value();
    kernel.format_ = payload.format;
    kernel.elf_offset_ = static_cast<std::uint64_t>(payload.bytes.data() - whole.bytes().data());

    if (kernel.packed()) try {
            const std::string directory = usable(cache) ? cache : "";
            const std::string name = directory + "/" + blake2b_hex(payload.bytes) + ".elf";
            kernel.elf_offset_ = 0;
            kernel.elf_ = Descriptor{directory.empty() ? -1 : ::open(name.c_str(), O_RDONLY | O_CLOEXEC)};
            kernel.from_cache_ = kernel.elf_.valid();
            if (!kernel.from_cache_) {
                Target target{directory};
                decompress(payload, [&](std::span<const std::byte> part) {
                    check_interrupt();
                    write_all(target.fd(), part);
                });
                kernel.elf_ = target.keep(name);
                if (!directory.empty()) drop_oldest(directory);
            }
        } catch (const Error& e) {
            throw Error{fmt::format("{}: {}", path, e.what()), e.code()};
        }
    kernel.unpack_seconds_ = kernel.packed() ? seconds_since(start) : 0;

    const MappedFile elf{kernel.elf_};
    const auto parsed = hv::image::parse_elf_kernel(elf.bytes().subspan(kernel.elf_offset_));
    if (!parsed.ok()) fail("{}: {}", path, describe(parsed.error()));
    kernel.image_ = parsed.value();
    return kernel;
}

void KernelFile::load(const hv::image::Segment& segment, std::span<std::byte> memory) const
{
    read_at(elf_.get(), memory.first(segment.filesz), elf_offset_ + segment.offset);
    const auto rest = memory.subspan(segment.filesz);
    if (!rest.empty()) std::memset(rest.data(), 0, rest.size());
}

} // namespace parapet
