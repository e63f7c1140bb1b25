// SPDX-License-Identifier: MIT
//
// See devices.hpp.
#include "libparapet/devices.hpp"
#include "libparapet/interrupt.hpp"
#include <algorithm>
#include <charconv>
#include <unistd.h>

namespace parapet {
namespace {

constexpr const char* backends = "/local/domain/0/backend";
constexpr auto driver_patience = std::chrono::seconds{10};
constexpr auto undo_patience = std::chrono::seconds{5};

const char* type(DeviceKind kind) { return kind == DeviceKind::disk ? "vbd" : "vif"; }
const char* module(DeviceKind kind) { return kind == DeviceKind::disk ? "xen-blkback" : "xen-netback"; }

std::string home(unsigned domain) { return fmt::format("/local/domain/{}", domain); }
std::string toolstack_home(unsigned domain) { return fmt::format("/libxl/{}", domain); }
std::string within(const Device& d) { return fmt::format("device/{}/{}", type(d.kind), d.number); }
std::string toolstack_path(const Device& d) { return toolstack_home(d.domain) + "/" + within(d); }

/// Where domain 0's kernel leaves what went wrong.
std::string complaint_path(const Device& d)
{
    return fmt::format("{}/error/backend/{}/{}/{}", home(0), type(d.kind), d.domain, d.number);
}

std::optional<unsigned> number(const std::string& text)
{
    unsigned value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
    return value;
}

BusState state_at(Store& store, const std::string& path)
{
    const auto text = store.read(path + "/state");
    const auto value = text ? number(*text) : std::nullopt;
    return value && *value <= static_cast<unsigned>(BusState::reconfigured) ? static_cast<BusState>(*value)
                                                                            : BusState::unknown;
}

void add(Store& store, const std::string& base, const Keys& keys)
{
    for (const auto& [key, value] : keys)
        store.write(base + "/" + key, value);
}

} // namespace

const char* name(BusState state)
{
    constexpr const char* names[] = {"unknown", "starting", "waiting",  "ready",  "connected",
                                     "closing", "closed",   "changing", "changed"};
    return names[static_cast<unsigned>(state)];
}

std::string frontend_path(const Device& d) { return home(d.domain) + "/" + within(d); }

std::string backend_path(const Device& d)
{
    return fmt::format("{}/{}/{}/{}", backends, type(d.kind), d.domain, d.number);
}

std::string bus_name(const Device& d) { return fmt::format("{}-{}-{}", type(d.kind), d.domain, d.number); }

std::string sysfs_path(const Device& d) { return "/sys/bus/xen-backend/devices/" + bus_name(d); }

std::vector<Device> devices_of(Store& store, unsigned domain, DeviceKind kind)
{
    std::vector<Device> found;
    for (const std::string& entry : store.list(fmt::format("{}/{}/{}", backends, type(kind), domain)))
        if (const auto n = number(entry)) found.push_back({kind, domain, *n});
    std::sort(found.begin(), found.end());
    return found;
}

std::vector<Device> all_devices(Store& store, DeviceKind kind)
{
    std::vector<Device> all;
    for (const std::string& entry : store.list(fmt::format("{}/{}", backends, type(kind))))
        if (const auto domain = number(entry)) {
            const auto found = devices_of(store, *domain, kind);
            all.insert(all.end(), found.begin(), found.end());
        }
    return all;
}

BusState backend_state(Store& store, const Device& d) { return state_at(store, backend_path(d)); }
BusState frontend_state(Store& store, const Device& d) { return state_at(store, frontend_path(d)); }

/// What both ends have beside what their kind asks for.
static Keys common_keys(const Device& d)
{
    return {{"frontend", frontend_path(d)}, {"frontend-id", fmt::format("{}", d.domain)}, {"online", "1"}};
}

static void write_both(Store& store, const Device& d, const DeviceNodes& nodes)
{
    const std::string front = frontend_path(d), back = backend_path(d), copy = toolstack_path(d);
    store.write(front, "", d.domain, 0, Access::read);
    add(store, front, {{"backend", back}, {"backend-id", "0"}});
    add(store, front, nodes.front);
    add(store, front, {{"state", "1"}});

    store.write(copy, "", 0, 0, Access::none); // for tools that trust no node a guest may read or write
    add(store, copy, {{"backend", back}});
    add(store, copy, common_keys(d));
    add(store, copy, nodes.back);

    store.write(back, "", 0, d.domain, Access::read);
    add(store, back, common_keys(d));
    add(store, back, nodes.back);
    add(store, back, {{"state", "1"}});
}

NewDevice::NewDevice(Store& store, const Device& d, const DeviceNodes& nodes) : store_{store}, device_{d}
{
    store.transaction([&] { // either kernel gives up a device whose other end it does not find
        store.batch([&] { write_both(store, d, nodes); });
        return true;
    });
}

NewDevice::~NewDevice()
{
    if (kept_) return;
    try {
        cut_off(store_, device_);
        wait_closed(store_, {device_}, undo_patience);
        forget(store_, device_);
    } catch (const std::exception& e) {
        fmt::print(stderr, "vmctl: cannot undo what was begun of {}: {}\n", backend_path(device_), e.what());
    }
}

Device NewDevice::keep()
{
    kept_ = true;
    return device_;
}

void wait_for_backend(Store& store, const Device& d, const std::function<bool()>& done)
{
    using Clock = std::chrono::steady_clock;
    const std::string complaint = complaint_path(d) + "/error";
    for (const auto end = Clock::now() + driver_patience; !done(); ::usleep(2'000)) {
        if (const auto what = store.read(complaint)) fail("the driver in domain 0 says: {}", *what);
        const BusState state = backend_state(store, d);
        if (state >= BusState::closing) fail("the driver in domain 0 has closed the device ({})", name(state));
        if (Clock::now() > end)
            fail("no driver in domain 0 took the device up within {} s (is its kernel module {} loaded? If xenstored "
                 "was started anew since domain 0 booted, the kernel does not hear of new devices until the next boot)",
                 driver_patience.count(), module(d.kind));
        check_interrupt();
    }
}

void ask_to_close(Store& store, const Device& d)
{
    store.transaction([&] {
        const BusState state = backend_state(store, d);
        if (state == BusState::unknown || state == BusState::closed) return false; // no driver would answer
        store.write(backend_path(d) + "/online", "0");
        store.write(backend_path(d) + "/state", fmt::format("{}", static_cast<unsigned>(BusState::closing)));
        return true;
    });
}

void cut_off(Store& store, const Device& d)
{
    ask_to_close(store, d);
    store.remove(frontend_path(d));
}

bool is_closed(Store& store, const Device& d)
{
    const BusState state = backend_state(store, d);
    if (state == BusState::unknown || state == BusState::closed) return true;
    // one that no driver ever took up says nothing: its device is in nobody's list
    return ::access("/sys/bus/xen-backend", F_OK) == 0 && ::access(sysfs_path(d).c_str(), F_OK) != 0;
}

std::vector<Device> wait_closed(Store& store, std::vector<Device> devices, std::chrono::milliseconds patience,
                                const std::function<bool()>& give_up)
{
    using Clock = std::chrono::steady_clock;
    for (const auto end = Clock::now() + patience;; ::usleep(2'000)) {
        std::erase_if(devices, [&](const Device& d) { return is_closed(store, d); });
        if (devices.empty() || Clock::now() > end || (give_up && give_up())) return devices;
    }
}

void remove_up_to(Store& store, std::string path, const std::string& top)
{
    store.remove(path);
    for (path.resize(path.rfind('/')); path.size() > top.size(); path.resize(path.rfind('/'))) {
        if (!store.exists(path)) continue;
        if (!store.list(path).empty()) return;
        store.remove(path);
    }
}

void forget(Store& store, const Device& d)
{
    store.transaction([&] {
        remove_up_to(store, frontend_path(d), home(d.domain) + "/device");
        remove_up_to(store, backend_path(d), backends);
        remove_up_to(store, toolstack_path(d), toolstack_home(d.domain));
        remove_up_to(store, complaint_path(d), home(0));
        return true;
    });
}

std::vector<std::string> device_homes(unsigned domain)
{
    std::vector<std::string> homes;
    for (const DeviceKind kind : device_kinds)
        for (const std::string& top : {std::string{backends}, home(0) + "/error/backend"})
            homes.push_back(fmt::format("{}/{}/{}", top, type(kind), domain));
    return homes;
}

} // namespace parapet
