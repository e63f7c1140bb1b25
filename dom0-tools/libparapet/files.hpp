// SPDX-License-Identifier: MIT
//
// Descriptors, mapped files and locks that close, unmap and unlock themselves.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <sys/types.h>

namespace parapet {

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_{fd} {}
    Descriptor(Descriptor&& other) noexcept : fd_{other.release()} {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();
    /// Throws when the file cannot be opened.
    static Descriptor open(const std::string& path, int flags, unsigned mode = 0);
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    [[nodiscard]] std::uint64_t size() const;
    int release();

private:
    int fd_{-1};
};

/// Reads exactly @p out.size() bytes from @p offset, or throws.
void read_at(int fd, std::span<std::byte> out, std::uint64_t offset);
void write_all(int fd, std::span<const std::byte> data);
void write_all(int fd, const std::string& text);
/// A text of @p most bytes at most.
std::string read_text(const std::string& path, std::size_t most = 1 << 20);

/// A file, mapped read-only. Empty files give an empty span.
class MappedFile {
public:
    explicit MappedFile(const Descriptor& file);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    [[nodiscard]] std::span<const std::byte> bytes() const { return {base_, size_}; }

private:
    const std::byte* base_{nullptr};
    std::size_t size_{0};
};

/// Makes @p directory and its parents.
void make_directories(const std::string& directory, unsigned mode);

/// Held by one process at a time; waits for it. Released when the object or the process ends.
class FileLock {
public:
    explicit FileLock(const std::string& path);
    /// A few words in the file, which last longer than the process: what its next holder must know.
    [[nodiscard]] std::string note() const;
    void set_note(const std::string& text);

private:
    Descriptor file_;
};

} // namespace parapet
