// SPDX-License-Identifier: MIT
//
// See xl_record.hpp. Files are called userdata-KIND.NUMBER.UUID.WHAT; the kind of a configuration is d.
#include "libparapet/xl_record.hpp"
#include "libparapet/error.hpp"
#include "libparapet/files.hpp"
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace parapet {
namespace {

std::string middle(unsigned domain, const Uuid& uuid) { return fmt::format(".{}.{}.", domain, uuid_text(uuid)); }

std::string xl_name(OnEnd action)
{
    std::string text = name(action);
    std::replace(text.begin(), text.end(), '-', '_');
    return text;
}

} // namespace

std::string xl_record(const DomainConfig& c)
{
    using Json = nlohmann::ordered_json;
    Json vcpus = Json::array();
    for (std::uint32_t v = 0; v < c.vcpus; ++v)
        vcpus.push_back(v);
    const Json record{
        {"c_info", {{"type", "pv"}, {"name", c.name}, {"uuid", uuid_text(c.uuid)}, {"run_hotplug_scripts", "True"}}},
        {"b_info",
         {{"max_vcpus", c.max_vcpus},
          {"avail_vcpus", vcpus},
          {"max_memkb", c.max_memory_mib * 1024},
          {"target_memkb", c.memory_mib * 1024},
          {"video_memkb", 0},
          {"kernel", c.kernel},
          {"cmdline", c.cmdline},
          {"ramdisk", c.ramdisk},
          {"type.pv", Json::object()}}},
        {"on_poweroff", xl_name(c.on_poweroff)},
        {"on_reboot", xl_name(c.on_reboot)},
        {"on_crash", xl_name(c.on_crash)}};
    return record.dump(4, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_xl_record(unsigned domain, const DomainConfig& c, const std::string& directory)
{
    if (!std::filesystem::is_directory(directory)) return;
    const std::string path = directory + "/userdata-d" + middle(domain, c.uuid) + "libxl-json", fresh = path + ".new";
    try {
        write_all(Descriptor::open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600).get(), xl_record(c) + '\0');
        std::filesystem::rename(fresh, path);
    } catch (...) {
        std::error_code ignored;
        std::filesystem::remove(fresh, ignored);
        throw;
    }
}

void remove_xl_records(unsigned domain, const Uuid& uuid, const std::string& directory)
{
    std::error_code none; // no directory, no records
    for (const auto& entry : std::filesystem::directory_iterator{directory, none}) {
        const std::string file = entry.path().filename();
        if (!file.starts_with("userdata-") || file.find(middle(domain, uuid)) != std::string{"userdata-d"}.size())
            continue;
        if (std::error_code failed; !std::filesystem::remove(entry.path(), failed) && failed)
            fail("cannot remove {}: {}", entry.path().string(), failed.message());
    }
}

} // namespace parapet
