// SPDX-License-Identifier: MIT
//
// See domain_nodes.hpp. "Read" nodes belong to dom0 and may be read by the domain, "own" nodes belong to the domain.
#include "libparapet/domain_nodes.hpp"
#include <algorithm>
#include <ctime>

namespace parapet {
namespace {

/// Writes below one path on behalf of one domain.
class Writer {
public:
    Writer(Store& store, std::string base, unsigned domain) : store_{store}, base_{std::move(base)}, domain_{domain} {}
    void read(const std::string& key, const std::string& value) const
    {
        store_.write(path(key), value, 0, domain_, Access::read);
    }
    void own(const std::string& key) const { store_.write(path(key), "", domain_, domain_, Access::none); }
    void hidden(const std::string& key, const std::string& value) const
    {
        store_.write(path(key), value, 0, 0, Access::none);
    }

private:
    [[nodiscard]] std::string path(const std::string& key) const { return key.empty() ? base_ : base_ + "/" + key; }
    Store& store_;
    std::string base_;
    unsigned domain_;
};

std::string console_backend(unsigned domain) { return fmt::format("/local/domain/0/backend/console/{}", domain); }

void write_vm(Store& store, const std::string& vm, unsigned domain, const DomainConfig& c)
{
    const Writer out{store, vm, domain};
    out.read("", "");
    out.read("name", c.name);
    out.read("uuid", uuid_text(c.uuid));
    out.read("image", "");
    out.hidden("image/ostype", "linux");
    out.hidden("image/kernel", c.kernel);
    out.hidden("image/ramdisk", c.ramdisk);
    out.hidden("image/cmdline", c.cmdline);
    out.read("start_time", fmt::format("{}.00", std::time(nullptr)));
}

void write_console(Store& store, unsigned domain)
{
    const std::string front = domain_path(domain) + "/console";
    const Writer out{store, front, domain};
    out.read("", "");
    out.read("backend", console_backend(domain) + "/0");
    out.read("backend-id", "0");
    out.read("limit", "1048576");
    out.read("type", "xenconsoled");
    out.read("output", "pty");
    out.read("tty", "");
    const Writer back{store, console_backend(domain), domain};
    back.read("", "");
    back.read("0/frontend", front);
    back.read("0/frontend-id", fmt::format("{}", domain));
    back.read("0/online", "1");
    back.read("0/state", "1");
    back.read("0/protocol", "vt100");
}

} // namespace

std::string domain_path(unsigned domain) { return fmt::format("/local/domain/{}", domain); }

void write_nodes(Store& store, unsigned domain, const DomainConfig& c)
{
    store.transaction([&] {
        const std::string vm = "/vm/" + uuid_text(c.uuid);
        remove_nodes(store, domain); // whatever a domain of this number may have left
        write_vm(store, vm, domain, c);
        const Writer out{store, domain_path(domain), domain};
        out.read("", "");
        out.read("vm", vm);
        out.read("name", c.name);
        out.read("domid", fmt::format("{}", domain));
        out.read("cpu", "");
        for (unsigned cpu = 0; cpu < c.max_vcpus; ++cpu)
            out.read(fmt::format("cpu/{}/availability", cpu), cpu < c.vcpus ? "online" : "offline");
        out.read("memory", "");
        out.read("memory/static-max", fmt::format("{}", c.max_memory_mib * 1024));
        out.read("memory/target", fmt::format("{}", c.memory_mib * 1024));
        out.read("memory/videoram", "0");
        out.read("device", "");
        out.read("control", "");
        for (const char* key : {"shutdown", "feature-poweroff", "feature-reboot", "feature-suspend", "sysrq"})
            out.own(std::string{"control/"} + key);
        out.read("control/platform-feature-multiprocessor-suspend", "1");
        out.read("control/platform-feature-xs_reset_watches", "1");
        for (const char* key : {"data", "drivers", "feature", "attr", "error"})
            out.own(key);
        write_console(store, domain);
        const Writer toolstack{store, fmt::format("/libxl/{}", domain), 0};
        toolstack.hidden("type", "pv");
    });
}

void write_rings(Store& store, unsigned domain, const Rings& rings)
{
    store.transaction([&] {
        const Writer out{store, domain_path(domain), domain};
        out.read("store", "");
        out.read("store/port", fmt::format("{}", rings.store_port));
        out.read("store/ring-ref", fmt::format("{}", rings.store_mfn));
        out.read("console/port", fmt::format("{}", rings.console_port));
        out.read("console/ring-ref", fmt::format("{}", rings.console_mfn));
    });
}

void remove_nodes(Store& store, unsigned domain)
{
    const std::string path = domain_path(domain);
    const auto vm = store.read(path + "/vm");
    if (vm && vm->starts_with("/vm/")) store.remove(*vm);
    store.remove(path);
    store.remove(console_backend(domain));
    store.remove(fmt::format("/libxl/{}", domain));
}

std::optional<unsigned> find_domain(Store& store, const std::string& name)
{
    const bool number = !name.empty() && name.size() <= 5 &&
                        std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
    if (number) return static_cast<unsigned>(std::stoul(name));
    for (const std::string& entry : store.list("/local/domain")) {
        const std::string path = "/local/domain/" + entry;
        const auto vm = store.read(path + "/vm");
        if (store.read(path + "/name") == name || (vm && *vm == "/vm/" + name))
            return static_cast<unsigned>(std::stoul(entry));
    }
    return std::nullopt;
}

std::string domain_name(Store& store, unsigned domain)
{
    const auto name = store.read(domain_path(domain) + "/name");
    if (name) return *name;
    return domain == 0 ? "Domain-0" : fmt::format("(unnamed {})", domain);
}

} // namespace parapet
