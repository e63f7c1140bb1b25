// SPDX-License-Identifier: MIT
//
// What a configuration says about CPUs: cpus and cpus_soft (where vCPUs may run and where they should), cpu_weight and
// cap. What only the machine can tell, which CPUs there are, is checked when the domain is made. Pure.
#pragma once
#include "libparapet/config.hpp"
#include "libparapet/cpu_list.hpp"
#include <cstdint>
#include <optional>
#include <vector>

namespace parapet {

/// Text stands for every vCPU, a list has an entry for each from the first on; those without one go anywhere.
struct CpuPlaces {
    struct Entry {
        Position at;
        CpuChoice cpus;
    };
    const char* key{""};
    bool each{false}; ///< A list it was.
    std::vector<Entry> entries;
};

struct CpuConfig {
    CpuPlaces hard, soft;
    std::optional<std::uint32_t> weight, cap;
    Position cap_at;
};

/// @p key outlives the result.
CpuPlaces parse_places(const char* key, const ConfigValue& value);
/// Throws ConfigError for what does not fit so many vCPUs.
void check_against(const CpuConfig& config, std::uint32_t vcpus);
/// Where each of the vCPUs goes on a machine with so many CPUs; throws ConfigError for CPUs that it lacks. Empty when
/// nothing was said.
std::vector<Affinity> place_vcpus(const CpuConfig& config, std::uint32_t vcpus, std::size_t machine_cpus);

} // namespace parapet
