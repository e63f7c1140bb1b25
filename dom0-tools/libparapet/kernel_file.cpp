// SPDX-License-Identifier: MIT
//
// See kernel_file.hpp. A cache entry is named DIGEST.CHECK.elf, after the packed kernel's digest and the unpacked one's
// CRC-64, and is on the disk before it gets that name by rename(2); those not used for longest go when there is too
// much. The check finds damage at a fifteenth of a digest's cost; only root could forge an entry.
#include "libparapet/kernel_file.hpp"
#include "libparapet/blake2b.hpp"
#include "libparapet/decompress.hpp"
#include "libparapet/error.hpp"
#include "libparapet/interrupt.hpp"
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <lzma.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace parapet {
namespace {

using hv::image::Payload;

constexpr std::size_t most_cached = 8;
constexpr std::int64_t most_cached_bytes = 512LL << 20;
constexpr std::time_t stale_seconds = 3600; // no unpacking takes that long

std::string entry_name(const std::string& packed, const Descriptor& unpacked)
{
    const MappedFile elf{unpacked};
    const auto* data = reinterpret_cast<const std::uint8_t*>(elf.bytes().data());
    return fmt::format("{}.{:016x}.elf", packed, lzma_crc64(data, elf.bytes().size(), 0));
}

/// A new file for the unpacked kernel: in the cache under a passing name, or in memory (also once the disk is full).
class Target {
public:
    explicit Target(const std::string& cache)
    {
        if (!cache.empty()) {
            path_ = cache + "/unpacking.XXXXXX";
            file_ = Descriptor{::mkostemp(path_.data(), O_CLOEXEC)};
            if (!file_.valid()) path_.clear();
        }
        if (!file_.valid()) file_ = in_memory();
    }
    ~Target() { unlink(); }
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;

    void write(std::span<const std::byte> part)
    {
        try {
            write_all(file_.get(), part);
        } catch (const Error&) {
            if (path_.empty()) throw;
            move_to_memory();
            write_all(file_.get(), part);
        }
        size_ += part.size();
    }
    /// Gives the entry its final name. The kernel is usable even if that fails: it has a descriptor.
    Descriptor keep(const std::string& packed)
    {
        if (path_.empty()) return std::move(file_);
        const std::string name = entry_name(packed, file_);
        if (::fsync(file_.get()) == 0 && ::rename(path_.c_str(), name.c_str()) == 0) {
            path_.clear();
            kept_ = true;
        }
        return std::move(file_);
    }
    [[nodiscard]] bool kept() const { return kept_; }

private:
    static Descriptor in_memory()
    {
        Descriptor file{::memfd_create("kernel", MFD_CLOEXEC)};
        if (!file.valid()) fail_errno("no place to unpack the kernel to");
        return file;
    }
    void move_to_memory()
    {
        Descriptor memory = in_memory();
        std::vector<std::byte> part(1 << 20);
        for (std::uint64_t done = 0; done < size_; done += part.size()) {
            part.resize(std::min<std::uint64_t>(part.size(), size_ - done));
            read_at(file_.get(), part, done);
            write_all(memory.get(), part);
        }
        unlink();
        file_ = std::move(memory);
    }
    void unlink()
    {
        if (!path_.empty()) ::unlink(path_.c_str());
        path_.clear();
    }

    std::string path_;
    Descriptor file_;
    std::uint64_t size_{0};
    bool kept_{false};
};

struct Entry {
    std::string path;
    std::int64_t used, bytes; ///< used: in nanoseconds
};

/// The files of the cache, the one used last first.
std::vector<Entry> entries_of(const std::string& cache)
{
    std::vector<Entry> entries;
    std::error_code error;
    for (std::filesystem::directory_iterator at{cache, error}, end; !error && at != end; at.increment(error)) {
        const std::string path = at->path();
        struct stat status {};
        if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
        entries.push_back({path, status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec, status.st_size});
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.used > b.used; });
    return entries;
}

/// The entry of that packed kernel, marked as used; nothing if it is missing. One that is not what was once written
/// goes.
Descriptor find_cached(const std::string& cache, const std::string& packed)
{
    for (const Entry& entry : entries_of(cache)) {
        if (!entry.path.starts_with(packed)) continue;
        Descriptor file{::open(entry.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
        if (file.valid() && entry.path == entry_name(packed, file)) {
            ::futimens(file.get(), nullptr);
            return file;
        }
        ::unlink(entry.path.c_str());
    }
    return Descriptor{};
}

/// The one just made stays, however large it is.
void drop_oldest(const std::string& cache)
{
    std::size_t kept = 0;
    std::int64_t bytes = 0;
    for (const Entry& entry : entries_of(cache)) {
        if (std::filesystem::path{entry.path}.filename().native().starts_with("unpacking.")) {
            if (std::time(nullptr) - entry.used / 1'000'000'000 > stale_seconds) ::unlink(entry.path.c_str());
        } else if (entry.path.ends_with(".elf")) {
            if (kept != 0 && (kept == most_cached || bytes + entry.bytes > most_cached_bytes)) {
                ::unlink(entry.path.c_str());
                continue;
            }
            ++kept;
            bytes += entry.bytes;
        }
    }
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
    kernel.elf_ = Descriptor::open(path, O_RDONLY);
    const MappedFile whole{kernel.elf_};
    const auto found = hv::image::find_payload(whole.bytes());
    if (!found.ok()) fail("{}: {}", path, found.error());
    const Payload& payload = found.value();
    kernel.format_ = payload.format;
    kernel.elf_offset_ = static_cast<std::uint64_t>(payload.bytes.data() - whole.bytes().data());

    if (kernel.packed()) try {
            const std::string directory = usable(cache) ? cache : "";
            const std::string packed = directory + "/" + blake2b_hex(payload.bytes);
            kernel.elf_offset_ = 0;
            kernel.elf_ = directory.empty() ? Descriptor{} : find_cached(directory, packed);
            kernel.from_cache_ = kernel.in_cache_ = kernel.elf_.valid();
            if (!kernel.from_cache_) {
                Target target{directory};
                decompress(payload, [&](std::span<const std::byte> part) {
                    check_interrupt();
                    target.write(part);
                });
                kernel.elf_ = target.keep(packed);
                kernel.in_cache_ = target.kept();
                if (!directory.empty()) drop_oldest(directory);
            }
        } catch (const Error& e) {
            throw Error{fmt::format("{}: {}", path, e.what()), e.code()};
        }

    const MappedFile elf{kernel.elf_};
    const auto parsed = hv::image::parse_elf_kernel(elf.bytes().subspan(kernel.elf_offset_));
    if (!parsed.ok()) fail("{}: {}", path, parsed.error());
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
