// SPDX-License-Identifier: MIT
//
// See domain_nodes.hpp. Nodes belong to dom0 and may be read by the domain, but own() nodes belong to the domain.
#include "libparapet/domain_nodes.hpp"
#include <algorithm>
#include <ctime>

namespace parapet {
namespace {

/// Writes below one path on behalf of one domain. What is written below a node gets its permissions.
class Writer {
public:
    Writer(Store& store, std::string base, unsigned domain, Access access)
        : store_{store}, base_{std::move(base)}, domain_{domain}
    {
        store_.write(base_, "", 0, domain, access);
    }
    void add(const std::string& key, const std::string& value) const { store_.write(base_ + "/" + key, value); }
    void own(const std::string& key) const { store_.write(base_ + "/" + key, "", domain_, domain_, Access::none); }

private:
    Store& store_;
    std::string base_;
    unsigned domain_;
};

std::string console_backend(unsigned domain) { return fmt::format("/local/domain/0/backend/console/{}", domain); }

void write_vm(Store& store, const std::string& vm, unsigned domain, const DomainConfig& c)
{
    const Writer out{store, vm, domain, Access::read};
    out.add("name", c.name);
    out.add("uuid", uuid_text(c.uuid));
    out.add("image/ostype", "linux");
    out.add("image/kernel", c.kernel);
    out.add("image/ramdisk", c.ramdisk);
    out.add("image/cmdline", c.cmdline);
    out.add("start_time", fmt::format("{}.00", std::time(nullptr)));
}

void write_console(Store& store, unsigned domain)
{
    const std::string front = domain_path(domain) + "/console";
    const Writer out{store, front, domain, Access::read};
    out.add("backend", console_backend(domain) + "/0");
    out.add("backend-id", "0");
    out.add("limit", "1048576");
    out.add("type", "xenconsoled");
    out.add("output", "pty");
    out.add("tty", "");
    const Writer back{store, console_backend(domain), domain, Access::read};
    back.add("0/frontend", front);
    back.add("0/frontend-id", fmt::format("{}", domain));
    back.add("0/online", "1");
    back.add("0/state", "1");
    back.add("0/protocol", "vt100");
}

} // namespace

std::string domain_path(unsigned domain) { return fmt::format("/local/domain/{}", domain); }

void write_nodes(Store& store, unsigned domain, const DomainConfig& c)
{
    store.transaction([&] {
        const std::string vm = "/vm/" + uuid_text(c.uuid);
        remove_nodes(store, domain); // whatever a domain of this number may have left
        write_vm(store, vm, domain, c);
        const Writer out{store, domain_path(domain), domain, Access::read};
        out.add("vm", vm);
        out.add("name", c.name);
        out.add("domid", fmt::format("{}", domain));
        for (unsigned cpu = 0; cpu < c.max_vcpus; ++cpu)
            out.add(fmt::format("cpu/{}/availability", cpu), cpu < c.vcpus ? "online" : "offline");
        out.add("memory/static-max", fmt::format("{}", c.max_memory_mib * 1024));
        out.add("memory/target", fmt::format("{}", c.memory_mib * 1024));
        out.add("memory/videoram", "0");
        out.add("device", "");
        out.add("control", "");
        for (const char* key : {"shutdown", "feature-poweroff", "feature-reboot", "feature-suspend", "sysrq"})
            out.own(std::string{"control/"} + key);
        out.add("control/platform-feature-multiprocessor-suspend", "1");
        out.add("control/platform-feature-xs_reset_watches", "1");
        for (const char* key : {"data", "drivers", "feature", "attr", "error"})
            out.own(key);
        write_console(store, domain);
        const Writer toolstack{store, fmt::format("/libxl/{}", domain), 0, Access::none};
        toolstack.add("type", "pv");
    });
}

void write_rings(Store& store, unsigned domain, const Rings& rings)
{
    store.transaction([&] {
        const Writer out{store, domain_path(domain), domain, Access::read};
        out.add("store", "");
        out.add("store/port", fmt::format("{}", rings.store_port));
        out.add("store/ring-ref", fmt::format("{}", rings.store_mfn));
        out.add("console/port", fmt::format("{}", rings.console_port));
        out.add("console/ring-ref", fmt::format("{}", rings.console_mfn));
    });
}

/// Parents that came with the first domain go with the last.
void remove_if_empty(Store& store, const std::string& path)
{
    if (store.exists(path) && store.list(path).empty()) store.remove(path);
}

void remove_nodes(Store& store, unsigned domain)
{
    const std::string path = domain_path(domain);
    const auto vm = store.read(path + "/vm");
    if (vm && vm->starts_with("/vm/")) store.remove(*vm);
    store.remove(path);
    store.remove(console_backend(domain));
    store.remove(fmt::format("/libxl/{}", domain));
    for (const char* parent : {"/vm", "/libxl", "/local/domain/0/backend/console", "/local/domain/0/backend"})
        remove_if_empty(store, parent);
}

std::vector<unsigned> find_domains(Store& store, const std::string& name)
{
    const auto number = [](const std::string& text) {
        return !text.empty() && text.size() <= 5 &&
               std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
    };
    if (number(name)) return {static_cast<unsigned>(std::stoul(name))};
    std::vector<unsigned> found;
    for (const std::string& entry : store.list("/local/domain")) {
        if (!number(entry)) continue;
        const std::string path = "/local/domain/" + entry;
        const auto vm = store.read(path + "/vm");
        if (store.read(path + "/name") == name || (vm && *vm == "/vm/" + name))
            found.push_back(static_cast<unsigned>(std::stoul(entry)));
    }
    return found;
}

std::string domain_name(Store& store, unsigned domain)
{
    const auto name = store.read(domain_path(domain) + "/name");
    if (name) return *name;
    return domain == 0 ? "Domain-0" : fmt::format("(unnamed {})", domain);
}

} // namespace parapet
