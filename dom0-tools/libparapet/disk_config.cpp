// SPDX-License-Identifier: MIT
//
// See disk_config.hpp. The numbers of disks are those of docs/misc/vbd-interface in Xen's documentation.
#include "libparapet/disk_config.hpp"
#include "libparapet/device_fields.hpp"
#include <algorithm>
#include <charconv>

namespace parapet {
namespace {

constexpr const char* device_prefixes[] = {"xvd", "sd", "hd"};

/// Meant as a disk's name, whether it is one or not.
bool like_device(const std::string& name)
{
    return std::any_of(std::begin(device_prefixes), std::end(device_prefixes),
                       [&](const char* prefix) { return name.starts_with(prefix); });
}

struct DeviceName {
    std::string prefix;
    std::uint32_t disk, partition; ///< From 0; a whole disk is partition 0.
};

/// Letters count a, b, ... z, aa, ab; the number behind them may not start with 0.
std::optional<DeviceName> split_name(const std::string& name)
{
    for (const char* prefix : device_prefixes) {
        if (!name.starts_with(prefix)) continue;
        std::size_t at = std::char_traits<char>::length(prefix);
        std::uint32_t disk = 0, partition = 0;
        const std::size_t letters = at;
        for (; at < name.size() && name[at] >= 'a' && name[at] <= 'z'; ++at)
            disk = disk * 26 + static_cast<std::uint32_t>(name[at] - 'a') + 1;
        if (at == letters || at - letters > 4) return std::nullopt;
        if (at == name.size()) return DeviceName{prefix, disk - 1, 0};
        const char* const end = name.data() + name.size();
        const auto [stop, error] = std::from_chars(name.data() + at, end, partition);
        if (error != std::errc{} || stop != end || partition == 0 || name[at] == '0') return std::nullopt;
        return DeviceName{prefix, disk - 1, partition};
    }
    return std::nullopt;
}

void set_format(DiskConfig& disk, const Field& f)
{
    if (f.value == "qcow" || f.value == "vhd" || f.value == "qed")
        throw ConfigError{f.at, fmt::format("disk format '{}' is not served here: convert the image with `qemu-img "
                                            "convert -O qcow2`",
                                            f.value)};
    if (f.value != "raw" && f.value != "qcow2")
        throw ConfigError{f.at, fmt::format("unknown disk format '{}' (raw, qcow2)", f.value)};
    disk.format = f.value;
}

bool is_access(const std::string& word)
{
    constexpr const char* words[] = {"r", "ro", "w", "rw", "r!", "w!"};
    return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

void set_access(DiskConfig& disk, const Field& f)
{
    if (!is_access(f.value))
        throw ConfigError{f.at,
                          fmt::format("a disk's access is r, ro, w, rw, or, by force, r! or w!, not '{}'", f.value)};
    disk.writable = f.value.find('w') != std::string::npos;
    disk.forced = f.value.back() == '!';
}

[[noreturn]] void no_cdrom(const Field& f)
{
    throw ConfigError{f.at, "there are no CD-ROM drives here: PV guests read the image as a disk (access r)"};
}

void set_device(DiskConfig& disk, const Field& f, const char* examples)
{
    std::string name = f.value;
    if (const std::size_t colon = name.find(':'); colon != std::string::npos) {
        if (name.substr(colon) == ":cdrom") no_cdrom(f);
        if (name.substr(colon) == ":disk") name.resize(colon);
    }
    const auto number = disk_number(name);
    if (!number) throw ConfigError{f.at, fmt::format("'{}' is no disk name ({}, ...)", f.value, examples)};
    disk.device = name;
    disk.number = *number;
}

void set_target(DiskConfig& disk, const Field& f)
{
    disk.target = f.value;
    for (const char* prefix : {"phy:", "file:", "raw:"})
        if (disk.target.starts_with(prefix)) disk.target.erase(0, std::char_traits<char>::length(prefix));
    for (const char* prefix : {"tap:", "tap2:", "qcow2:", "qcow:", "vhd:", "nbd:"})
        if (disk.target.starts_with(prefix))
            throw ConfigError{f.at, fmt::format("'{}': such disks are not served here (a raw image or a block device "
                                                "is)",
                                                disk.target)};
}

/// target,format,device,access or the older phy:target,device,access
void set_position(DiskConfig& disk, const Field& f, unsigned position)
{
    if (f.value.empty()) return;
    if (position == 0)
        set_target(disk, f);
    else if (disk.device.empty() && like_device(f.value))
        set_device(disk, f, "xvda, xvdb1, sda");
    else if (position == 1)
        set_format(disk, f);
    else if (!disk.device.empty())
        set_access(disk, f);
    else
        set_device(disk, f, "xvda, xvdb1, sda");
}

/// False if it is no such word.
bool set_flag(DiskConfig& disk, const Field& f)
{
    if (f.value == "cdrom") no_cdrom(f);
    if (f.value == "discard" || f.value == "no-discard")
        disk.discard = f.value == "discard";
    else if (f.value == "direct-io-safe")
        disk.direct_io = true;
    else
        return false;
    return true;
}

void set_key(DiskConfig& disk, const Field& f)
{
    if (f.key == "target") return set_target(disk, f);
    if (f.key == "format") return set_format(disk, f);
    if (f.key == "access") return set_access(disk, f);
    if (f.key == "vdev") return set_device(disk, f, "xvda, sda");
    if (f.key == "backend") return require_dom0(f);
    if (f.key == "devtype") {
        if (f.value == "cdrom") no_cdrom(f);
        if (f.value != "disk") throw ConfigError{f.at, fmt::format("devtype '{}' is not disk", f.value)};
    } else if (f.key == "backendtype") {
        if (f.value != "phy")
            throw ConfigError{f.at, fmt::format("backendtype '{}' is not there: the kernel's backend (phy) serves all "
                                                "disks",
                                                f.value)};
    } else if (f.key == "script") {
        throw ConfigError{f.at, "a disk's script is not run here: set the block device up yourself and name it as "
                                "target"};
    } else {
        unknown_field(f, "disk", {"target", "format", "access", "vdev", "devtype", "backendtype", "script", "backend"});
    }
}

} // namespace

std::optional<std::uint32_t> disk_number(const std::string& name)
{
    const auto n = split_name(name);
    if (!n) return std::nullopt;
    if (n->prefix == "hd")
        return n->disk < 4 && n->partition < 64
                   ? std::optional{(n->disk < 2 ? 3U : 22U) << 8 | (n->disk & 1) << 6 | n->partition}
                   : std::nullopt;
    const bool classic = n->disk < 16 && n->partition < 16;
    if (n->prefix == "sd") return classic ? std::optional{8U << 8 | n->disk << 4 | n->partition} : std::nullopt;
    if (classic) return 202U << 8 | n->disk << 4 | n->partition;
    if (n->disk < 1U << 20 && n->partition < 256) return 1U << 28 | n->disk << 8 | n->partition;
    return std::nullopt;
}

DiskConfig parse_disk(const ConfigValue& value)
{
    DiskConfig disk;
    disk.at = value.at;
    disk.at.column = std::max(disk.at.column, 1U); // 0 is in front of an argument, which has no quote
    unsigned position = 0;
    for (const Field& f : device_fields(value, "disk", "target")) {
        if (!f.key.empty())
            set_key(disk, f);
        else if (position > 0 && is_access(f.value))
            set_access(disk, f);
        else if (position == 0 || !set_flag(disk, f))
            set_position(disk, f, position++);
    }
    if (disk.forced && disk.format != "raw")
        throw ConfigError{
            disk.at,
            fmt::format("access w! and r! are for raw disks: the server of {} images shares none", disk.format)};
    if (disk.target.empty()) throw ConfigError{disk.at, "the disk has no target (file or device)"};
    if (disk.device.empty()) throw ConfigError{disk.at, "the disk has no name in the guest (vdev=xvda)"};
    if (!disk.writable) disk.discard = false;
    return disk;
}

} // namespace parapet
