// SPDX-License-Identifier: MIT
//
// What a domain shall be: the settings of an xl.cfg file for a PV guest, checked and typed. Nothing is created from a
// configuration with a single mistake in it. Pure except for checking that the named files can be read.
#pragma once
#include "libparapet/config.hpp"
#include "libparapet/cpu_config.hpp"
#include "libparapet/disk_config.hpp"
#include "libparapet/network_config.hpp"
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace parapet {

enum class OnEnd : std::uint8_t { destroy, restart, preserve, rename_restart };

struct DomainConfig {
    std::string name, kernel, ramdisk, cmdline;
    Position name_at, kernel_at, memory_at, uuid_at;
    std::uint64_t memory_mib{0}, max_memory_mib{0};
    std::uint32_t vcpus{1}, max_vcpus{1};
    CpuConfig cpus;
    OnEnd on_poweroff{OnEnd::destroy}, on_reboot{OnEnd::restart}, on_crash{OnEnd::destroy}, on_watchdog{OnEnd::destroy};
    std::array<std::uint8_t, 16> uuid{};
    bool uuid_given{false};
    std::vector<DiskConfig> disks;
    std::vector<NetworkConfig> networks;
    std::vector<std::string> warnings; ///< Complete lines with their position.
};

enum class FileCheck : std::uint8_t { none, readable };

/// All that a configuration is made of, so that it can be read again when the file has changed or gone.
struct ConfigSource {
    std::string file, directory; ///< Its name as it was given, and the working directory that it was given in.
    std::string text;
    std::vector<std::string> overrides;
};

DomainConfig interpret(const std::vector<ConfigSetting>& settings, const std::string& file, FileCheck check);
/// Reads @p path; of the overrides (`key=value`) each takes the place of what the file says.
ConfigSource read_config_source(const std::string& path, const std::vector<std::string>& overrides);
/// In the working directory of the source, if it is still there.
DomainConfig interpret(const ConfigSource& source, FileCheck check);
DomainConfig read_domain_config(const std::string& path, const std::vector<std::string>& overrides, FileCheck check);

/// Throws an Error that says what a domain's name may be, if it is none.
void check_name(const std::string& name);
const char* name(OnEnd action);
std::string uuid_text(const std::array<std::uint8_t, 16>& uuid);
std::array<std::uint8_t, 16> random_uuid();
/// The domain has this UUID from now on, and the addresses that follow from it.
void assign_uuid(DomainConfig& config, const std::array<std::uint8_t, 16>& uuid);

} // namespace parapet
