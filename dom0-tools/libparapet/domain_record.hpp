// SPDX-License-Identifier: MIT
//
// What is kept of a domain beside the hypervisor and xenstore, for the time it lives and until domain 0 is booted
// again: its configuration, and what parapet-lifed must know to start it again. One file a domain, named by its UUID,
// and another beside it once its devices are others than its configuration says. Both are replaced as a whole, so that
// a reader, or who comes after one that was killed, finds the old one or the new.
#pragma once
#include "libparapet/device_lists.hpp"
#include "libparapet/domain_config.hpp"
#include "libparapet/domain_nodes.hpp"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace parapet {

struct DomainRecord {
    std::array<std::uint8_t, 16> uuid{};
    std::string name; ///< When it was created: its console's log is called so.
    ConfigSource source;
    Rings rings{};
    double started{0};                              ///< By boot_seconds().
    unsigned short_lives{0};                        ///< Of those before it, in a row.
    bool watched{true};                             ///< Its end is acted upon.
    bool settled{false};                            ///< It was: the domain is kept as it is.
    bool pending{false};                            ///< It is to be started again, once it is gone.
    unsigned failures{0};                           ///< Of that.
    std::uint64_t memory_mib{0}, max_memory_mib{0}; ///< What it had when it ended, if pending.
};

/// Seconds since domain 0 was booted, which nobody sets.
double boot_seconds();

class Records {
public:
    static constexpr const char* usual_place = "/run/parapet/domains";
    explicit Records(std::string directory = usual_place) : directory_{std::move(directory)} {}

    void write(const DomainRecord& record) const;
    /// Replaces a record that is there; false if it has gone, with the domain, whose end nobody shall act upon then.
    [[nodiscard]] bool update(const DomainRecord& record) const;
    /// Nothing if there is none. One that cannot be read is an Error that names its file.
    [[nodiscard]] std::optional<DomainRecord> find(const std::array<std::uint8_t, 16>& uuid) const;
    /// Those that cannot be read are complained of, and left out.
    [[nodiscard]] std::vector<DomainRecord> all(const std::function<void(const std::string&)>& complain) const;
    /// The devices as well.
    void remove(const std::array<std::uint8_t, 16>& uuid) const;

    /// Written under the lock of create: by who attaches or detaches, while parapet-lifed writes the record itself.
    void write_devices(const std::array<std::uint8_t, 16>& uuid, const DeviceLists& devices) const;
    /// Nothing: it has what its configuration says.
    [[nodiscard]] std::optional<DeviceLists> find_devices(const std::array<std::uint8_t, 16>& uuid) const;

private:
    [[nodiscard]] std::string path(const std::array<std::uint8_t, 16>& uuid) const;
    [[nodiscard]] std::string devices_path(const std::array<std::uint8_t, 16>& uuid) const;
    void replace(const std::string& target, std::span<const std::uint8_t> bytes) const;
    /// The new file's name.
    [[nodiscard]] std::string write_beside(const std::string& target, std::span<const std::uint8_t> bytes) const;

    std::string directory_;
};

} // namespace parapet
