// SPDX-License-Identifier: MIT
//
// Another domain's frames, mapped here for as long as the object lives. None must outlive the moment when the
// domain's page tables are pinned: a table may have no writable mapping anywhere.
#pragma once
#include "libparapet/hypervisor.hpp"

// Declared here, because the library's own header drags in all of the hypervisor's macros.
struct xenforeignmemory_handle;
struct xenforeignmemory_resource_handle;

namespace parapet {

class ForeignMemory {
public:
    ForeignMemory();
    ~ForeignMemory();
    ForeignMemory(const ForeignMemory&) = delete;
    ForeignMemory& operator=(const ForeignMemory&) = delete;
    [[nodiscard]] xenforeignmemory_handle* handle() const { return handle_; }

private:
    xenforeignmemory_handle* handle_;
};

class ForeignMapping {
public:
    ForeignMapping(const ForeignMemory& memory, DomainId domain, std::span<const std::uint64_t> mfns);
    ~ForeignMapping();
    ForeignMapping(const ForeignMapping&) = delete;
    ForeignMapping& operator=(const ForeignMapping&) = delete;
    [[nodiscard]] std::span<std::byte> bytes() const { return {base_, pages_ * 4096}; }
    template <typename T> [[nodiscard]] T* as() const { return reinterpret_cast<T*>(base_); }

private:
    const ForeignMemory& memory_;
    std::size_t pages_;
    std::byte* base_;
};

/// The first frame of a domain's grant table.
class GrantTableMapping {
public:
    GrantTableMapping(const ForeignMemory& memory, DomainId domain);
    ~GrantTableMapping();
    GrantTableMapping(const GrantTableMapping&) = delete;
    GrantTableMapping& operator=(const GrantTableMapping&) = delete;
    void permit(unsigned ref, DomainId to, std::uint64_t mfn);

private:
    const ForeignMemory& memory_;
    void* base_{nullptr};
    xenforeignmemory_resource_handle* resource_;
};

} // namespace parapet
