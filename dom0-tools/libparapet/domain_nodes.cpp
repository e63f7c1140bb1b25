// SPDX-License-Identifier: MIT
//
// See domain_nodes.hpp. Nodes belong to dom0 and may be read by the domain, but own() nodes belong to the domain.
#include "libparapet/domain_nodes.hpp"
#include "libparapet/devices.hpp"
#include <algorithm>
#include <ctime>

namespace parapet {
namespace {

/// Writes below one path.
class Writer {
public:
    Writer(Store& store, std::string base) : store_{store}, base_{std::move(base)} {}
    /// Makes the node and grants the domain this right to it. What is written below it for the first time gets the
    /// same.
    Writer(Store& store, const std::string& base, unsigned domain, Access access) : Writer{store, base}
    {
        store_.write(base_, "", 0, domain, access);
    }
    void add(const std::string& key, const std::string& value) const { store_.write(base_ + "/" + key, value); }

private:
    Store& store_;
    std::string base_;
};

std::string console_backend(unsigned domain) { return fmt::format("/local/domain/0/backend/console/{}", domain); }
std::string toolstack_path(unsigned domain) { return fmt::format("/libxl/{}", domain); }

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

/// The domain's own directory, readable by it, and in that what it may write.
Writer make_home(Store& store, unsigned domain)
{
    const std::string path = domain_path(domain), control = path + "/control";
    store.write(path, "", domain, domain, Access::none); // for a moment its own: so are these, then
    const Writer out{store, path};
    for (const char* key : {"shutdown", "feature-poweroff", "feature-reboot", "feature-suspend", "sysrq"})
        out.add(std::string{"control/"} + key, "");
    for (const char* key : {"data", "drivers", "feature", "attr", "error"})
        out.add(key, "");
    store.permit(control, 0, domain, Access::read);
    store.permit(path, 0, domain, Access::read);
    return out;
}

void write_console(Store& store, unsigned domain)
{
    const std::string front = domain_path(domain) + "/console";
    const Writer out{store, front};
    out.add("backend", console_backend(domain) + "/0");
    out.add("backend-id", "0");
    out.add("limit", "1048576");
    out.add("type", "xenconsoled");
    out.add("output", "pty");
    out.add("tty", "");
    const Writer back{store, console_backend(domain), domain, Access::read};
    const Writer record{store, toolstack_path(domain) + "/device/console"}; // by this, xl destroy finds the others
    record.add("0/backend", console_backend(domain) + "/0");
    for (const Writer* node : {&record, &back}) {
        node->add("0/frontend", front);
        node->add("0/frontend-id", fmt::format("{}", domain));
        node->add("0/online", "1");
        node->add("0/protocol", "vt100");
        node->add("0/state", "1"); // last: dom0's kernel looks at the others when it sees this
    }
}

void write_home(Store& store, unsigned domain, const DomainConfig& c, const std::string& vm)
{
    const Writer out = make_home(store, domain);
    out.add("vm", vm);
    out.add("name", c.name);
    out.add("domid", fmt::format("{}", domain));
    for (unsigned cpu = 0; cpu < c.max_vcpus; ++cpu)
        out.add(fmt::format("cpu/{}/availability", cpu), cpu < c.vcpus ? "online" : "offline");
    out.add("memory/static-max", fmt::format("{}", c.max_memory_mib * 1024));
    out.add("memory/target", fmt::format("{}", c.memory_mib * 1024));
    out.add("memory/videoram", "0");
    out.add("device", "");
    out.add("control/platform-feature-multiprocessor-suspend", "1");
    out.add("control/platform-feature-xs_reset_watches", "1");
}

} // namespace

std::string domain_path(unsigned domain) { return fmt::format("/local/domain/{}", domain); }

void write_nodes(Store& store, unsigned domain, const DomainConfig& c)
{
    std::vector<std::string> homes = device_homes(domain);
    homes.insert(homes.end(), {domain_path(domain), console_backend(domain), toolstack_path(domain)});
    const auto left = store.read_all(homes);
    if (std::any_of(left.begin(), left.end(), [](const auto& node) { return node.has_value(); }))
        remove_nodes(store, domain); // by a domain of this number
    store.batch([&] {
        const std::string vm = "/vm/" + uuid_text(c.uuid);
        write_home(store, domain, c, vm); // which says where the other is
        write_vm(store, vm, domain, c);
        const Writer toolstack{store, toolstack_path(domain), 0, Access::none};
        toolstack.add("type", "pv");
        write_console(store, domain);
    });
}

void introduce(Store& store, unsigned domain, const Rings& rings)
{
    store.batch([&] {
        const Writer out{store, domain_path(domain)};
        out.add("store/port", fmt::format("{}", rings.store_port));
        out.add("store/ring-ref", fmt::format("{}", rings.store_mfn));
        out.add("console/port", fmt::format("{}", rings.console_port));
        out.add("console/ring-ref", fmt::format("{}", rings.console_mfn));
        store.introduce(domain, rings.store_mfn, rings.store_port);
    });
}

/// Parents that came with the first domain go with the last.
void remove_if_empty(Store& store, const std::string& path)
{
    if (store.exists(path) && store.list(path).empty()) store.remove(path);
}

void remove_nodes(Store& store, unsigned domain)
{
    store.transaction([&] {
        const std::string path = domain_path(domain);
        const auto vm = store.read(path + "/vm");
        if (vm && vm->starts_with("/vm/")) store.remove(*vm);
        store.remove(path);
        store.remove(console_backend(domain));
        store.remove(toolstack_path(domain));
        for (const std::string& devices : device_homes(domain))
            if (store.exists(devices)) remove_up_to(store, devices, domain_path(0));
        for (const char* parent : {"/vm", "/libxl", "/local/domain/0/backend/console", "/local/domain/0/backend"})
            remove_if_empty(store, parent);
        return true;
    });
}

std::vector<unsigned> find_domains(Store& store, const std::string& name)
{
    const auto number = [](const std::string& text) {
        return !text.empty() && text.size() <= 5 &&
               std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
    };
    if (number(name)) return {static_cast<unsigned>(std::stoul(name))};
    // A UUID may be a name as well, but no other name is one.
    const bool maybe_uuid = name.size() == uuid_text({}).size();
    std::vector<unsigned> found;
    std::vector<std::string> entries = store.list("/local/domain"), paths;
    std::erase_if(entries, [&](const std::string& entry) { return !number(entry); });
    for (const char* key : {"/name", "/vm"})
        for (const std::string& entry : entries)
            if (maybe_uuid || key == std::string_view{"/name"}) paths.push_back("/local/domain/" + entry + key);
    const auto values = store.read_all(paths);
    for (std::size_t i = 0; i < entries.size(); ++i)
        if (values[i] == name || (maybe_uuid && values[entries.size() + i] == "/vm/" + name))
            found.push_back(static_cast<unsigned>(std::stoul(entries[i])));
    return found;
}

std::string domain_name(Store& store, unsigned domain)
{
    return domain_name(domain, store.read(domain_path(domain) + "/name"));
}

std::map<unsigned, std::string> domain_names(Store& store, const std::vector<DomainInfo>& domains)
{
    std::vector<std::string> paths;
    for (const DomainInfo& info : domains)
        paths.push_back(domain_path(info.domain) + "/name");
    const auto values = store.read_all(paths);
    std::map<unsigned, std::string> names;
    for (std::size_t i = 0; i < domains.size(); ++i)
        names[domains[i].domain] = domain_name(domains[i].domain, values[i]);
    return names;
}

std::string domain_name(unsigned domain, const std::optional<std::string>& name)
{
    if (name) return *name;
    return domain == 0 ? "Domain-0" : fmt::format("(unnamed {})", domain);
}

} // namespace parapet
