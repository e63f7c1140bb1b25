// SPDX-License-Identifier: MIT
//
// See cpu_config.hpp.
#include "libparapet/cpu_config.hpp"

namespace parapet {
namespace {

CpuPlaces::Entry parse_entry(const char* key, const ConfigValue& value)
{
    if (value.is_list())
        throw ConfigError{value.at, fmt::format("an entry of '{}' is text or a number: [\"0-1\", 3]", key)};
    const bool number = value.is_number();
    try {
        return {value.at, parse_choice(number ? std::to_string(std::get<long long>(value.value))
                                              : std::get<std::string>(value.value))};
    } catch (const CpuListError& e) {
        Position at = value.at;
        if (!number) at.column += static_cast<unsigned>(1 + e.offset());
        throw ConfigError{at, fmt::format("'{}': {}", key, e.what())};
    }
}

void check_entries(const CpuPlaces& places, std::uint32_t vcpus)
{
    if (places.each && places.entries.size() > vcpus)
        throw ConfigError{places.entries[vcpus].at, fmt::format("'{}' has {} entries, the domain {} vCPUs (maxvcpus)",
                                                                places.key, places.entries.size(), vcpus)};
}

CpuList place(const CpuPlaces& places, std::uint32_t vcpu, std::size_t machine_cpus)
{
    const std::size_t i = places.each ? vcpu : 0;
    if (i >= places.entries.size()) return CpuList{}.set();
    try {
        return resolve(places.entries[i].cpus, machine_cpus);
    } catch (const Error& e) {
        throw ConfigError{places.entries[i].at, fmt::format("'{}': {}", places.key, e.what())};
    }
}

} // namespace

CpuPlaces parse_places(const char* key, const ConfigValue& value)
{
    CpuPlaces places{key, value.is_list(), {}};
    if (!places.each) {
        places.entries.push_back(parse_entry(key, value));
        return places;
    }
    for (const ConfigValue& v : std::get<ConfigValue::List>(value.value))
        places.entries.push_back(parse_entry(key, v));
    return places;
}

void check_against(const CpuConfig& config, std::uint32_t vcpus)
{
    check_entries(config.hard, vcpus);
    check_entries(config.soft, vcpus);
    if (config.cap.value_or(0) > 100 * vcpus)
        throw ConfigError{config.cap_at,
                          fmt::format("'cap' ({}): the domain's {} vCPUs (maxvcpus) can use {} % of one CPU at most "
                                      "(0: no cap)",
                                      *config.cap, vcpus, 100 * vcpus)};
}

std::vector<Affinity> place_vcpus(const CpuConfig& config, std::uint32_t vcpus, std::size_t machine_cpus)
{
    std::vector<Affinity> all;
    if (config.hard.entries.empty() && config.soft.entries.empty()) return all;
    for (std::uint32_t v = 0; v < vcpus; ++v)
        all.push_back({place(config.hard, v, machine_cpus), place(config.soft, v, machine_cpus)});
    return all;
}

} // namespace parapet
