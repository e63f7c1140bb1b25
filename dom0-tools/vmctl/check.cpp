// SPDX-License-Identifier: MIT
//
// vmctl check FILE: all that can be said of a configuration without a hypervisor.
#include "libparapet/kernel_file.hpp"
#include "libparapet/layout.hpp"
#include "vmctl/verbs.hpp"
#include <fcntl.h>
#include <nlohmann/json.hpp>

namespace vmctl {
namespace {

void check(const Options& options, const std::string& file, const std::vector<std::string>& overrides)
{
    const auto config = parapet::read_domain_config(file, overrides, parapet::FileCheck::readable);
    for (const std::string& warning : config.warnings)
        fmt::print(stderr, "{}\n", warning);
    const auto kernel = parapet::blaming(config.kernel_at, "kernel", [&] {
        return parapet::KernelFile::open(config.kernel, parapet::cache_directory());
    });
    std::uint64_t initrd = 0;
    if (!config.ramdisk.empty()) initrd = parapet::Descriptor::open(config.ramdisk, O_RDONLY).size();
    parapet::blaming(config.memory_at, "memory",
                     [&] { return parapet::plan_layout(kernel.image(), config.memory_mib * 256, initrd); });
    const std::uint64_t least = (parapet::least_pages(kernel.image(), initrd) + 255) / 256;
    if (options.json)
        return print_json({{"name", config.name},
                           {"kernel_format", kernel.format()},
                           {"memory_mib", config.memory_mib},
                           {"least_memory_mib", least},
                           {"vcpus", config.vcpus},
                           {"warnings", config.warnings}});
    fmt::print("{}: '{}' can be created: {} kernel, {} MiB ({} are the least it can be loaded with), {} vcpu(s)\n",
               file, config.name, kernel.format(), config.memory_mib, least, config.vcpus);
}

} // namespace

void add_check(CLI::App& app, Options& options)
{
    Verb verb{app, "check", "Check a configuration without creating anything"};
    auto file = std::make_shared<std::string>();
    auto overrides = std::make_shared<std::vector<std::string>>();
    verb.required("FILE", *file, "the configuration");
    verb.option("SETTING", *overrides, "key=value, in place of what the file says");
    verb.action([&options, file, overrides] { check(options, *file, *overrides); });
}

} // namespace vmctl
