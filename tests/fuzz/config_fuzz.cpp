// SPDX-License-Identifier: MIT
//
// libFuzzer: no configuration makes the parser or its interpretation misbehave; a ConfigError is the worst outcome.
#include "libparapet/domain_config.hpp"
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    try {
        const auto settings = parapet::parse_config(text, "f");
        const auto config = parapet::interpret(settings, "f", parapet::FileCheck::none);
        if (config.name.empty() || config.memory_mib == 0 || config.max_memory_mib < config.memory_mib)
            __builtin_trap();
        if (config.max_vcpus < config.vcpus || config.max_vcpus > 64 ||
            config.cpus.cap.value_or(0) > 100 * config.max_vcpus)
            __builtin_trap();
        const auto places = parapet::place_vcpus(config.cpus, config.max_vcpus, 8);
        if (!places.empty() && places.size() != config.max_vcpus) __builtin_trap();
        for (const parapet::Affinity& a : places)
            if (a.hard.none() || a.soft.none()) __builtin_trap();
        if (config.name.find('/') != std::string::npos || config.cmdline.size() > 1023) __builtin_trap();
    } catch (const parapet::ConfigError&) { // said no, with a position
    }
    return 0;
}
