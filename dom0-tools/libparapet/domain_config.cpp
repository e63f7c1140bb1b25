// SPDX-License-Identifier: MIT
//
// One entry in a table for each setting. See domain_config.hpp.
#include "libparapet/domain_config.hpp"
#include "libparapet/disk_backing.hpp"
#include "libparapet/files.hpp"
#include "libparapet/unsupported.hpp"
#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace parapet {
namespace {

constexpr long long most_memory_mib = 1LL << 20;
constexpr long long most_vcpus = 64;
constexpr std::size_t longest_cmdline = 1023;

[[noreturn]] void wrong_type(const ConfigSetting& s, const char* wanted)
{
    throw ConfigError{s.value.at, fmt::format("'{}' must be a {}, not a {}", s.key, wanted, s.value.type_name())};
}

const std::string& text_of(const ConfigSetting& s)
{
    if (s.value.is_number()) return s.value.written;
    if (!s.value.is_text()) wrong_type(s, "text in quotes");
    return std::get<std::string>(s.value.value);
}

std::uint64_t number_of(const ConfigSetting& s, long long least, long long most)
{
    if (s.value.is_text() && !s.value.written.empty())
        throw ConfigError{s.value.at,
                          fmt::format("'{}' must be from {} to {}, not {}", s.key, least, most, s.value.written)};
    if (s.value.is_text())
        throw ConfigError{s.value.at, fmt::format("'{}' must be a number{}, not the text '{}'", s.key,
                                                  s.key == "memory" || s.key == "maxmem" ? " of MiB" : "",
                                                  std::get<std::string>(s.value.value))};
    if (!s.value.is_number()) wrong_type(s, "number");
    const long long n = std::get<long long>(s.value.value);
    if (n < least || n > most)
        throw ConfigError{s.value.at, fmt::format("'{}' must be from {} to {}, not {}", s.key, least, most, n)};
    return static_cast<std::uint64_t>(n);
}

const ConfigValue::List& list_of(const ConfigSetting& s)
{
    if (!s.value.is_list()) wrong_type(s, "list");
    return std::get<ConfigValue::List>(s.value.value);
}

struct Draft {
    DomainConfig config;
    FileCheck check;
    std::string root, extra;
    bool has_vcpus{false}, has_max_vcpus{false};
    const ConfigSetting* cmdline{nullptr};
    const ConfigSetting* arguments{nullptr}; ///< The longer one of root and extra.
    const ConfigSetting* memory{nullptr};
    const ConfigSetting* max_memory{nullptr};
    Position max_vcpus;
};

void warn(Draft& d, const Position& at, const std::string& what)
{
    d.config.warnings.push_back(fmt::format("{}:{}:{}: warning: {}", at.file, at.line, at.column, what));
}

std::string file_of(const Draft& d, const ConfigSetting& s)
{
    const std::string& path = text_of(s);
    if (path.empty()) throw ConfigError{s.value.at, fmt::format("'{}' names no file", s.key)};
    struct stat status {};
    if (d.check == FileCheck::none) return path;
    if (::stat(path.c_str(), &status) != 0 || ::access(path.c_str(), R_OK) != 0)
        throw ConfigError{s.value.at, fmt::format("'{}': {}: {}", s.key, path, std::strerror(errno))};
    if (!S_ISREG(status.st_mode)) throw ConfigError{s.value.at, fmt::format("'{}': {} is not a file", s.key, path)};
    if (status.st_size == 0) throw ConfigError{s.value.at, fmt::format("'{}': {} is empty", s.key, path)};
    return std::filesystem::absolute(path); // a restart happens in another working directory
}

void take_name(Draft& d, const ConfigSetting& s)
{
    const std::string& name = text_of(s);
    try {
        check_name(name);
    } catch (const Error& e) {
        throw ConfigError{s.value.at, e.what()};
    }
    d.config.name = name;
    d.config.name_at = s.value.at;
}

void take_uuid(Draft& d, const ConfigSetting& s)
{
    const std::string& text = text_of(s);
    std::string digits;
    std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char c) { return c != '-'; });
    const bool shape = text.size() == 36 && digits.size() == 32 && text[8] == '-' && text[13] == '-' &&
                       text[18] == '-' && text[23] == '-';
    if (!shape || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
        throw ConfigError{s.value.at, fmt::format("'{}' is not a UUID (8-4-4-4-12 hexadecimal digits)", text)};
    for (std::size_t i = 0; i < 16; ++i)
        d.config.uuid[i] = static_cast<std::uint8_t>(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
    d.config.uuid_given = true;
    d.config.uuid_at = s.value.at;
}

OnEnd action_of(Draft& d, const ConfigSetting& s)
{
    static const std::map<std::string, OnEnd> actions{
        {"destroy", OnEnd::destroy},
        {"restart", OnEnd::restart},
        {"preserve", OnEnd::preserve},
        {"rename-restart", OnEnd::rename_restart},
    };
    std::string word = text_of(s);
    if (word.starts_with("coredump-")) {
        warn(d, s.value.at,
             fmt::format("no core is dumped: '{}' is taken as '{}' (vmctl why shows the crash)", word, word.substr(9)));
        word = word.substr(9);
    }
    const auto found = actions.find(word);
    if (found != actions.end()) return found->second;
    std::vector<std::string> words;
    for (const auto& [key, action] : actions)
        words.push_back(key);
    const std::string meant = closest(word, words);
    throw ConfigError{s.value.at,
                      fmt::format("'{}' cannot be '{}' (destroy, restart, preserve, rename-restart){}", s.key, word,
                                  meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant))};
}

void take_type(Draft&, const ConfigSetting& s)
{
    if (text_of(s) != "pv")
        throw ConfigError{s.value.at, fmt::format("type '{}': only \"pv\" guests run here", text_of(s))};
}

void take_builder(Draft&, const ConfigSetting& s)
{
    if (text_of(s) != "generic" && text_of(s) != "linux")
        throw ConfigError{s.value.at, fmt::format("builder '{}': only PV guests run here (type = \"pv\")", text_of(s))};
}

void take_bootloader(Draft&, const ConfigSetting& s)
{
    throw ConfigError{s.at, "'bootloader' is not supported: it runs a program on the guest's disk inside dom0. "
                            "Set kernel = to PV-GRUB (package grub-xen-host: /usr/lib/grub-xen/grub-x86_64-xen.bin), "
                            "which reads the guest's own boot menu inside the guest"};
}

void take_disks(Draft& d, const ConfigSetting& s)
{
    for (const ConfigValue& v : list_of(s)) {
        DiskConfig disk = parse_disk(v);
        for (const DiskConfig& other : d.config.disks)
            if (other.number == disk.number)
                throw ConfigError{v.at, fmt::format("the disk '{}' stands there twice", disk.device)};
        if (d.check != FileCheck::none) {
            blaming(v.at, "disk", [&] { (void)open_backing(disk); });
            disk.target = std::filesystem::absolute(disk.target); // a restart happens in another working directory
        }
        d.config.disks.push_back(std::move(disk));
    }
}

void take_networks(Draft& d, const ConfigSetting& s)
{
    for (const ConfigValue& v : list_of(s)) {
        d.config.networks.push_back(parse_network(v));
        for (const auto& [at, what] : d.config.networks.back().warnings)
            warn(d, at, what);
    }
}

void take_argument(Draft& d, const ConfigSetting& s, std::string& to)
{
    to = text_of(s);
    if (d.arguments == nullptr || to.size() >= std::max(d.root.size(), d.extra.size())) d.arguments = &s;
}

using Taker = std::function<void(Draft&, const ConfigSetting&)>;

const std::map<std::string, Taker>& takers()
{
    static const std::map<std::string, Taker> table{
        {"name", take_name},
        {"kernel",
         [](Draft& d, const auto& s) {
             d.config.kernel = file_of(d, s);
             d.config.kernel_at = s.value.at;
         }},
        {"ramdisk", [](Draft& d, const auto& s) { d.config.ramdisk = file_of(d, s); }},
        {"cmdline",
         [](Draft& d, const auto& s) {
             d.config.cmdline = text_of(s);
             d.cmdline = &s;
         }},
        {"extra", [](Draft& d, const auto& s) { take_argument(d, s, d.extra); }},
        {"root", [](Draft& d, const auto& s) { take_argument(d, s, d.root); }},
        {"memory",
         [](Draft& d, const auto& s) {
             d.config.memory_mib = number_of(s, 1, most_memory_mib);
             d.memory = &s;
         }},
        {"maxmem",
         [](Draft& d, const auto& s) {
             d.config.max_memory_mib = number_of(s, 1, most_memory_mib);
             d.max_memory = &s;
         }},
        {"vcpus",
         [](Draft& d, const auto& s) {
             d.config.vcpus = static_cast<std::uint32_t>(number_of(s, 1, most_vcpus));
             d.has_vcpus = true;
         }},
        {"maxvcpus",
         [](Draft& d, const auto& s) {
             d.config.max_vcpus = static_cast<std::uint32_t>(number_of(s, 1, most_vcpus));
             d.has_max_vcpus = true;
             d.max_vcpus = s.value.at;
         }},
        {"cpus", [](Draft& d, const auto& s) { d.config.cpus.hard = parse_places("cpus", s.value); }},
        {"cpus_soft", [](Draft& d, const auto& s) { d.config.cpus.soft = parse_places("cpus_soft", s.value); }},
        {"cpu_weight",
         [](Draft& d, const auto& s) { d.config.cpus.weight = static_cast<std::uint32_t>(number_of(s, 1, 65535)); }},
        {"cap",
         [](Draft& d, const auto& s) {
             d.config.cpus.cap = static_cast<std::uint32_t>(number_of(s, 0, 100 * most_vcpus));
             d.config.cpus.cap_at = s.value.at;
         }},
        {"on_poweroff", [](Draft& d, const auto& s) { d.config.on_poweroff = action_of(d, s); }},
        {"on_reboot", [](Draft& d, const auto& s) { d.config.on_reboot = action_of(d, s); }},
        {"on_crash", [](Draft& d, const auto& s) { d.config.on_crash = action_of(d, s); }},
        {"on_watchdog", [](Draft& d, const auto& s) { d.config.on_watchdog = action_of(d, s); }},
        {"uuid", take_uuid},
        {"type", take_type},
        {"builder", take_builder},
        {"bootloader", take_bootloader},
        {"disk", take_disks},
        {"vif", take_networks},
    };
    return table;
}

/// Settings of xl.cfg that say nothing that could matter here: taken, with a warning.
constexpr const char* without_effect[] = {
    "pool",       "autoballoon",      "localtime",           "rtc_timeoffset",     "on_soft_reset",
    "claim_mode", "nomigrate",        "driver_domain",       "device_tree",        "tsc_mode",
    "seclabel",   "max_grant_frames", "max_maptrack_frames", "max_event_channels", "vfb",
    "keymap",     "serial",           "bootloader_args",
};

[[noreturn]] void unknown_key(const ConfigSetting& s)
{
    if (const char* why = why_unsupported(s.key))
        throw ConfigError{s.at, fmt::format("'{}' is not supported: {}", s.key, why)};
    std::vector<std::string> known;
    for (const auto& [key, taker] : takers())
        known.push_back(key);
    known.insert(known.end(), std::begin(without_effect), std::end(without_effect));
    const std::string meant = closest(s.key, known);
    throw ConfigError{s.at, fmt::format("unknown setting '{}'{}", s.key,
                                        meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant))};
}

void make_cmdline(Draft& d)
{
    DomainConfig& c = d.config;
    if (d.cmdline == nullptr) {
        c.cmdline = d.root.empty() ? "" : "root=" + d.root;
        if (!d.extra.empty()) c.cmdline += (c.cmdline.empty() ? "" : " ") + d.extra;
    } else if (!d.root.empty() || !d.extra.empty()) {
        warn(d, d.arguments->at, fmt::format("'cmdline' is the whole command line; '{}' is ignored", d.arguments->key));
    }
    if (c.cmdline.size() <= longest_cmdline) return;
    const ConfigSetting& s = d.cmdline != nullptr ? *d.cmdline : *d.arguments;
    throw ConfigError{s.value.at, fmt::format("'{}': the kernel's command line has {} bytes, {} are the limit", s.key,
                                              c.cmdline.size(), longest_cmdline)};
}

void finish(Draft& d, const std::string& file)
{
    DomainConfig& c = d.config;
    const Position start{file};
    if (c.name.empty()) throw ConfigError{start, "'name' is missing"};
    if (c.kernel.empty()) throw ConfigError{start, "'kernel' is missing"};
    if (c.memory_mib == 0 && c.max_memory_mib == 0) throw ConfigError{start, "'memory' (MiB) is missing"};
    c.memory_at = (d.memory != nullptr ? d.memory : d.max_memory)->value.at;
    if (c.memory_mib == 0) c.memory_mib = c.max_memory_mib;
    if (c.max_memory_mib == 0) c.max_memory_mib = c.memory_mib;
    if (c.max_memory_mib < c.memory_mib)
        throw ConfigError{d.max_memory->value.at,
                          fmt::format("'maxmem' ({}) is less than 'memory' ({})", c.max_memory_mib, c.memory_mib)};
    if (!d.has_max_vcpus) c.max_vcpus = c.vcpus;
    if (!d.has_vcpus) c.vcpus = c.max_vcpus;
    if (c.max_vcpus < c.vcpus)
        throw ConfigError{d.max_vcpus, fmt::format("'maxvcpus' ({}) is less than 'vcpus' ({})", c.max_vcpus, c.vcpus)};
    check_against(c.cpus, c.max_vcpus);
    make_cmdline(d);
    assign_uuid(c, c.uuid_given ? c.uuid : random_uuid());
}

} // namespace

DomainConfig interpret(const std::vector<ConfigSetting>& settings, const std::string& file, FileCheck check)
{
    Draft draft;
    draft.check = check;
    for (const ConfigSetting& s : settings) {
        const auto taker = takers().find(s.key);
        if (taker != takers().end()) {
            taker->second(draft, s);
        } else if (std::find(std::begin(without_effect), std::end(without_effect), s.key) != std::end(without_effect)) {
            warn(draft, s.at, fmt::format("'{}' has no effect here", s.key));
        } else {
            unknown_key(s);
        }
    }
    finish(draft, file);
    return std::move(draft.config);
}

ConfigSource read_config_source(const std::string& path, const std::vector<std::string>& overrides)
{
    return {path, std::filesystem::current_path(), read_text(path), overrides};
}

DomainConfig interpret(const ConfigSource& source, FileCheck check)
{
    const auto before = std::filesystem::current_path();
    std::error_code gone; // then names that start there are found missing, and named
    std::filesystem::current_path(source.directory, gone);
    const struct Return {
        const std::filesystem::path& to;
        ~Return()
        {
            std::error_code ignored; // we came from there
            std::filesystem::current_path(to, ignored);
        }
    } back{before};
    auto settings = parse_config(source.text, source.file);
    for (std::size_t i = 0; i < source.overrides.size(); ++i)
        override_setting(settings, source.overrides[i], i + 2); // behind the file, options not counted
    return interpret(settings, source.file, check);
}

DomainConfig read_domain_config(const std::string& path, const std::vector<std::string>& overrides, FileCheck check)
{
    return interpret(read_config_source(path, overrides), check);
}

void check_name(const std::string& name)
{
    if (name.empty() || name.size() > 128) fail("a name has 1 to 128 characters");
    for (const char c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && std::string_view{"_-.+:"}.find(c) == std::string::npos)
            fail("the name '{}' may have letters, digits and _-.+: only", name);
    if (std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
        fail("the name '{}' would be taken for a domain number", name);
    if (std::isalnum(static_cast<unsigned char>(name[0])) == 0)
        fail("the name '{}' must start with a letter or digit", name);
}

const char* name(OnEnd action)
{
    constexpr const char* names[] = {"destroy", "restart", "preserve", "rename-restart"};
    return names[static_cast<unsigned>(action)];
}

std::string uuid_text(const std::array<std::uint8_t, 16>& uuid)
{
    std::string text;
    for (std::size_t i = 0; i < uuid.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += fmt::format("{:02x}", uuid[i]);
    }
    return text;
}

void assign_uuid(DomainConfig& c, const std::array<std::uint8_t, 16>& uuid)
{
    c.uuid = uuid;
    for (unsigned i = 0; i < c.networks.size(); ++i)
        if (!c.networks[i].mac_given) c.networks[i].mac = derived_mac(uuid, i);
}

std::array<std::uint8_t, 16> random_uuid()
{
    std::array<std::uint8_t, 16> uuid{};
    if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size())) fail_errno("getrandom");
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    return uuid;
}

} // namespace parapet
