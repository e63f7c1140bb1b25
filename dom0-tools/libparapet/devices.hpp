// SPDX-License-Identifier: MIT
//
// Split devices as xenstore shows them: a frontend's nodes in the guest's home, a backend's in domain 0's, the states
// that both sides go through, and how a device ends. What is decided from is only what the guest cannot write.
#pragma once
#include "libparapet/xenstore.hpp"
#include <chrono>
#include <compare>
#include <span>
#include <utility>

namespace parapet {

enum class DeviceKind : std::uint8_t { disk, network };
constexpr DeviceKind device_kinds[] = {DeviceKind::disk, DeviceKind::network};

struct Device {
    DeviceKind kind{};
    unsigned domain{}, number{};
    auto operator<=>(const Device&) const = default;
};

/// In the order of the ABI's numbers.
enum class BusState : std::uint8_t {
    unknown,
    initialising,
    init_wait,
    initialised,
    connected,
    closing,
    closed,
    reconfiguring,
    reconfigured
};
const char* name(BusState state);

using Keys = std::vector<std::pair<std::string, std::string>>;
struct DeviceNodes {
    Keys front, back; ///< Beside those that every device has.
};

std::string frontend_path(const Device& device);
std::string backend_path(const Device& device);
/// On the bus of domain 0's backends: vbd-3-51712.
std::string bus_name(const Device& device);
/// In domain 0's sysfs, once its kernel has seen the backend.
std::string sysfs_path(const Device& device);

std::vector<Device> devices_of(Store& store, unsigned domain, DeviceKind kind);
std::vector<Device> all_devices(Store& store, DeviceKind kind);
BusState backend_state(Store& store, const Device& device);
BusState frontend_state(Store& store, const Device& device);

/// Both ends of a device, made for either kernel to take up. Removed again unless kept.
class NewDevice {
public:
    NewDevice(Store& store, const Device& device, const DeviceNodes& nodes);
    ~NewDevice();
    NewDevice(const NewDevice&) = delete;
    NewDevice& operator=(const NewDevice&) = delete;
    Device keep();

private:
    Store& store_;
    Device device_;
    bool kept_{false};
};

/// Waits until the backend's driver has come as far as @p done asks. Throws with the driver's complaint if it has one.
void wait_for_backend(Store& store, const Device& device, const std::function<bool()>& done);

/// Asks the guest to let go.
void ask_to_close(Store& store, const Device& device);
/// Takes the frontend away under the guest, so that the backend closes whatever the guest does.
void cut_off(Store& store, const Device& device);
bool is_closed(Store& store, const Device& device);
/// Waits until all backends have closed; those that did not in time are returned. @p give_up ends the wait early.
std::vector<Device> wait_closed(Store& store, std::vector<Device> devices, std::chrono::milliseconds patience,
                                const std::function<bool()>& give_up = {});
/// Removes @p path and the parents that are empty then, but not @p top.
void remove_up_to(Store& store, std::string path, const std::string& top);
/// Removes every node of the device, and parents that it leaves empty.
void forget(Store& store, const Device& device);
/// Where nodes of a domain's devices are, outside of its home.
std::vector<std::string> device_homes(unsigned domain);

} // namespace parapet
