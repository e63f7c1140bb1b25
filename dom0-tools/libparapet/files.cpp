// SPDX-License-Identifier: MIT
//
// See files.hpp.
#include "libparapet/files.hpp"
#include "libparapet/error.hpp"
#include "libparapet/interrupt.hpp"
#include "libparapet/signal_wait.hpp"
#include <algorithm>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace parapet {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept
{
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
    return *this;
}

Descriptor::~Descriptor()
{
    if (fd_ >= 0) ::close(fd_);
}

Descriptor Descriptor::open(const std::string& path, int flags, unsigned mode)
{
    Descriptor file{::open(path.c_str(), flags | O_CLOEXEC, mode)};
    if (!file.valid()) fail_errno("{}", path);
    return file;
}

std::uint64_t Descriptor::size() const
{
    struct stat status {};
    if (::fstat(fd_, &status) != 0) fail_errno("fstat");
    return static_cast<std::uint64_t>(status.st_size);
}

int Descriptor::release() { return std::exchange(fd_, -1); }

void read_at(int fd, std::span<std::byte> out, std::uint64_t offset)
{
    while (!out.empty()) {
        const ssize_t got = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_errno("cannot read");
        if (got == 0) fail("the file became shorter while it was read");
        out = out.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
}

void write_all(int fd, std::span<const std::byte> data)
{
    while (!data.empty()) {
        const ssize_t done = ::write(fd, data.data(), data.size());
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) fail_errno("cannot write");
        data = data.subspan(static_cast<std::size_t>(done));
    }
}

void write_all(int fd, const std::string& text) { write_all(fd, std::as_bytes(std::span{text})); }

std::string read_text(const std::string& path, std::size_t most)
{
    const Descriptor file = Descriptor::open(path, O_RDONLY);
    std::string text;
    char part[4096];
    for (ssize_t got = 0; (got = ::read(file.get(), part, sizeof part)) != 0;) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_errno("{}", path);
        text.append(part, static_cast<std::size_t>(got));
        if (text.size() > most) fail("{}: it has more than {} MiB and is no configuration", path, most >> 20);
    }
    return text;
}

MappedFile::MappedFile(const Descriptor& file) : size_{file.size()}
{
    if (size_ == 0) return;
    void* base = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
    if (base == MAP_FAILED) fail_errno("cannot map the file");
    base_ = static_cast<const std::byte*>(base);
}

MappedFile::~MappedFile()
{
    if (base_ != nullptr) ::munmap(const_cast<std::byte*>(base_), size_);
}

void make_directories(const std::string& directory, unsigned mode)
{
    for (std::size_t at = 1; at != std::string::npos;) {
        at = directory.find('/', at + 1);
        const std::string part = directory.substr(0, at);
        if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) fail_errno("{}", part);
    }
}

FileLock::FileLock(const std::string& path) : file_{Descriptor::open(path, O_RDWR | O_CREAT, 0600)}
{
    const SignalWait wait; // asleep: of several who wait, each look would cost two process switches
    while (::flock(file_.get(), LOCK_EX) != 0) {
        if (errno != EINTR) fail_errno("cannot lock {}", path);
        check_interrupt();
    }
}

std::string FileLock::note() const
{
    std::string text(std::min<std::uint64_t>(file_.size(), 4096), '\0');
    read_at(file_.get(), std::as_writable_bytes(std::span{text}), 0);
    return text;
}

void FileLock::set_note(const std::string& text)
{
    if (::ftruncate(file_.get(), 0) != 0 || ::lseek(file_.get(), 0, SEEK_SET) != 0)
        fail_errno("cannot empty the lock file");
    write_all(file_.get(), text);
}

} // namespace parapet
