// SPDX-License-Identifier: MIT
//
// The small languages inside disk = [...] and vif = [...]. See domain_config.hpp.
#include "libparapet/domain_config.hpp"
#include <algorithm>

namespace parapet {
namespace {

struct Field {
    std::string key, value; ///< key is empty for a positional field
    Position at;
};

/// Splits at commas; blanks around a field do not count. @p shape is for the complaint.
std::vector<Field> fields_of(const ConfigValue& v, const char* what)
{
    if (!v.is_text())
        throw ConfigError{v.at, fmt::format("a {} must be text in quotes, not a {}", what, v.type_name())};
    const std::string& text = std::get<std::string>(v.value);
    std::vector<Field> fields;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t comma = std::min(text.find(',', start), text.size());
        const std::size_t first = text.find_first_not_of(" \t", start);
        std::string word = first == std::string::npos || first >= comma ? "" : text.substr(first, comma - first);
        word.erase(word.find_last_not_of(" \t") + 1);
        Position at = v.at;
        at.column += static_cast<unsigned>(1 + std::min(first, comma));
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos)
            fields.push_back({"", word, at});
        else
            fields.push_back({word.substr(0, equals), word.substr(equals + 1), at});
        start = comma + 1;
    }
    return fields;
}

constexpr const char* device_prefixes[] = {"xvd", "sd", "hd"};

bool is_device(const std::string& name)
{
    const auto digits = [](const std::string& s) {
        return s.size() <= 3 && std::all_of(s.begin(), s.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    };
    for (const char* prefix : device_prefixes)
        if (name.starts_with(prefix) && name.size() > std::char_traits<char>::length(prefix)) {
            const std::string rest = name.substr(std::char_traits<char>::length(prefix));
            return rest[0] >= 'a' && rest[0] <= 'z' && digits(rest.substr(1));
        }
    return false;
}

/// Meant as one, whether it is or not.
bool like_device(const std::string& name)
{
    return std::any_of(std::begin(device_prefixes), std::end(device_prefixes),
                       [&](const char* prefix) { return name.starts_with(prefix); });
}

void set_format(DiskConfig& disk, const Field& f)
{
    if (f.value != "raw" && f.value != "qcow2" && f.value != "qcow" && f.value != "vhd")
        throw ConfigError{f.at, fmt::format("unknown disk format '{}' (raw, qcow, qcow2, vhd)", f.value)};
    disk.format = f.value;
}

void set_access(DiskConfig& disk, const Field& f)
{
    if (f.value != "r" && f.value != "ro" && f.value != "w" && f.value != "rw")
        throw ConfigError{f.at, fmt::format("a disk's access is r, ro, w or rw, not '{}'", f.value)};
    disk.writable = f.value[0] == 'w' || f.value == "rw";
}

/// target,format,device,access or the older phy:target,device,access
void set_position(DiskConfig& disk, const Field& f, unsigned position)
{
    if (f.value.empty()) return;
    if (position == 0) {
        disk.target = f.value;
        for (const char* prefix : {"phy:", "file:"})
            if (disk.target.starts_with(prefix)) disk.target.erase(0, std::char_traits<char>::length(prefix));
    } else if (disk.device.empty() && is_device(f.value)) {
        disk.device = f.value;
    } else if (position == 1 && !like_device(f.value)) {
        set_format(disk, f);
    } else if (!disk.device.empty()) {
        set_access(disk, f);
    } else {
        throw ConfigError{f.at, fmt::format("'{}' is no disk name (xvda, xvdb1, sda, ...)", f.value)};
    }
}

[[noreturn]] void unknown_field(const Field& f, const char* what, const std::vector<std::string>& known)
{
    const std::string meant = closest(f.key, known);
    throw ConfigError{f.at, fmt::format("unknown {} parameter '{}'{}", what, f.key,
                                        meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant))};
}

bool is_mac(const std::string& text)
{
    if (text.size() != 17) return false;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (i % 3 == 2 ? text[i] != ':' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
    return true;
}

} // namespace

DiskConfig parse_disk(const ConfigValue& value)
{
    DiskConfig disk;
    unsigned position = 0;
    for (const Field& f : fields_of(value, "disk")) {
        if (f.key.empty() && (f.value == "r" || f.value == "w" || f.value == "ro" || f.value == "rw") && position > 0)
            set_access(disk, f);
        else if (f.key.empty())
            set_position(disk, f, position++);
        else if (f.key == "target")
            disk.target = f.value;
        else if (f.key == "format")
            set_format(disk, f);
        else if (f.key == "access")
            set_access(disk, f);
        else if (f.key == "vdev" && is_device(f.value))
            disk.device = f.value;
        else if (f.key == "vdev")
            throw ConfigError{f.at, fmt::format("'{}' is no disk name (xvda, sda, ...)", f.value)};
        else if (f.key != "backendtype" && f.key != "script" && f.key != "backend")
            unknown_field(f, "disk", {"target", "format", "access", "vdev", "backendtype", "script", "backend"});
    }
    if (disk.target.empty()) throw ConfigError{value.at, "the disk has no target (file or device)"};
    if (disk.device.empty()) throw ConfigError{value.at, "the disk has no name in the guest (vdev=xvda)"};
    return disk;
}

NetworkConfig parse_network(const ConfigValue& value)
{
    NetworkConfig network;
    for (const Field& f : fields_of(value, "network interface")) {
        if (f.key == "mac" && is_mac(f.value))
            network.mac = f.value;
        else if (f.key == "mac")
            throw ConfigError{f.at, fmt::format("'{}' is not a MAC address", f.value)};
        else if (f.key == "bridge")
            network.bridge = f.value;
        else if (f.key == "script")
            network.script = f.value;
        else if (f.key == "ip")
            network.ip = f.value;
        else if (f.key == "vifname")
            network.device = f.value;
        else if (f.key.empty() && f.value.empty())
            continue;
        else if (f.key.empty())
            throw ConfigError{f.at, fmt::format("'{}' is not of the form key=value", f.value)};
        else if (f.key != "type" && f.key != "backend" && f.key != "rate" && f.key != "model" && f.key != "gatewaydev")
            unknown_field(f, "network interface",
                          {"mac", "bridge", "script", "ip", "vifname", "type", "backend", "rate", "model"});
    }
    return network;
}

} // namespace parapet
