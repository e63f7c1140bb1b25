// SPDX-License-Identifier: MIT
//
// See domain_record.hpp. The files are CBOR: a configuration may hold bytes that JSON cannot.
#include "libparapet/domain_record.hpp"
#include "libparapet/files.hpp"
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace parapet {
namespace {

using Json = nlohmann::json;

Json to_json(const DomainRecord& r)
{
    return {{"uuid", r.uuid},
            {"name", r.name},
            {"file", r.source.file},
            {"directory", r.source.directory},
            {"text", r.source.text},
            {"overrides", r.source.overrides},
            {"rings", {r.rings.console_mfn, r.rings.store_mfn, r.rings.console_port, r.rings.store_port}},
            {"started", r.started},
            {"short_lives", r.short_lives},
            {"watched", r.watched},
            {"settled", r.settled},
            {"pending", r.pending},
            {"failures", r.failures},
            {"memory", {r.memory_mib, r.max_memory_mib}}};
}

DomainRecord from_json(const Json& j)
{
    DomainRecord r;
    j.at("uuid").get_to(r.uuid);
    j.at("name").get_to(r.name);
    j.at("file").get_to(r.source.file);
    j.at("directory").get_to(r.source.directory);
    j.at("text").get_to(r.source.text);
    j.at("overrides").get_to(r.source.overrides);
    const Json& rings = j.at("rings");
    r.rings = {rings.at(0), rings.at(1), rings.at(2), rings.at(3)};
    j.at("started").get_to(r.started);
    j.at("short_lives").get_to(r.short_lives);
    j.at("watched").get_to(r.watched);
    j.at("settled").get_to(r.settled);
    j.at("pending").get_to(r.pending);
    j.at("failures").get_to(r.failures);
    j.at("memory").at(0).get_to(r.memory_mib);
    j.at("memory").at(1).get_to(r.max_memory_mib);
    return r;
}

constexpr std::size_t most_bytes = 4 << 20;

DomainRecord read_record(const std::string& path)
{
    const std::string bytes = read_text(path, most_bytes);
    try {
        return from_json(Json::from_cbor(bytes));
    } catch (const Json::exception& e) {
        fail("{}: it is no record of a domain ({})", path, e.what());
    }
}

/// What @p read returns, or nothing if the file is not there.
template <typename Read> auto if_there(Read read) -> std::optional<decltype(read())>
{
    try {
        return read();
    } catch (const Error& e) {
        if (e.code() == ENOENT) return std::nullopt;
        throw;
    }
}

void remove_file(const std::string& path)
{
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_errno("{}", path);
}

} // namespace

double boot_seconds()
{
    timespec now{};
    if (::clock_gettime(CLOCK_BOOTTIME, &now) != 0) fail_errno("clock_gettime");
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string Records::path(const std::array<std::uint8_t, 16>& uuid) const { return directory_ + "/" + uuid_text(uuid); }

std::string Records::devices_path(const std::array<std::uint8_t, 16>& uuid) const { return path(uuid) + ".devices"; }

std::string Records::write_beside(const std::string& target, std::span<const std::uint8_t> bytes) const
{
    make_directories(directory_, 0700);
    const std::string fresh = fmt::format("{}.{}", target, ::getpid());
    {
        const auto file = Descriptor::open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        try {
            write_all(file.get(), std::as_bytes(bytes));
        } catch (const Error& e) {
            ::unlink(fresh.c_str());
            throw Error{fmt::format("{}: {}", target, e.what()), e.code()};
        }
    }
    return fresh;
}

void Records::replace(const std::string& target, std::span<const std::uint8_t> bytes) const
{
    if (::rename(write_beside(target, bytes).c_str(), target.c_str()) != 0) fail_errno("{}", target);
}

void Records::write(const DomainRecord& record) const { replace(path(record.uuid), Json::to_cbor(to_json(record))); }

bool Records::update(const DomainRecord& record) const
{
    const std::string target = path(record.uuid), fresh = write_beside(target, Json::to_cbor(to_json(record)));
    // only an exchange fails if there is nothing to replace
    const bool done = ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0;
    const int why = errno;
    remove_file(fresh);
    if (!done && why != ENOENT) throw Error{fmt::format("{}: {}", target, std::strerror(why)), why};
    return done;
}

std::optional<DomainRecord> Records::find(const std::array<std::uint8_t, 16>& uuid) const
{
    return if_there([&] { return read_record(path(uuid)); });
}

void Records::write_devices(const std::array<std::uint8_t, 16>& uuid, const DeviceLists& devices) const
{
    replace(devices_path(uuid), to_cbor(devices));
}

std::optional<DeviceLists> Records::find_devices(const std::array<std::uint8_t, 16>& uuid) const
{
    const std::string file = devices_path(uuid);
    return if_there([&] { return device_lists(read_text(file, most_bytes), file); });
}

std::vector<DomainRecord> Records::all(const std::function<void(const std::string&)>& complain) const
{
    std::vector<DomainRecord> records;
    std::error_code none; // nobody has created a domain yet
    for (const auto& entry : std::filesystem::directory_iterator{directory_, none}) {
        if (entry.path().has_extension()) continue; // devices, or one that is being written
        try {
            records.push_back(read_record(entry.path()));
        } catch (const Error& e) {
            if (e.code() != ENOENT) complain(e.what());
        }
    }
    return records;
}

void Records::remove(const std::array<std::uint8_t, 16>& uuid) const
{
    remove_file(devices_path(uuid)); // first: a later domain of this UUID must not find it
    remove_file(path(uuid));
}

} // namespace parapet
