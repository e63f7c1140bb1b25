// SPDX-License-Identifier: MIT
//
// What the boot loader said, in one form for multiboot 1 and 2. Filled once on the boot CPU before anything else
// runs; strings live in the hypervisor's own image memory, modules stay where the loader put them.
#pragma once
#include "base/units.hpp"
#include "pv-abi/start_info.h"
#include <array>
#include <span>

namespace hv::boot {

/// In order of strictness.
enum class MemoryType : std::uint32_t { ram = 1, reserved = 2, acpi = 3, nvs = 4, unusable = 5 };

struct MemoryRange {
    Maddr start;
    std::uint64_t bytes;
    MemoryType type;
};

struct Module {
    Maddr start;
    std::uint64_t bytes;
    const char* command; ///< Without the leading file name; NUL-terminated, never null.
};

struct BootInfo {
    std::array<MemoryRange, 128> memory; ///< Sorted, disjoint, as the firmware told (the e820 map).
    std::size_t memory_count;
    std::array<Module, 8> modules;
    std::size_t module_count;
    const char* command_line; ///< Without the image's file name; never null.
    const char* loader_name;
    pv_dom0_vga_console_info screen; ///< Text screen or linear framebuffer the firmware left; zero: nothing known.
    Maddr rsdp;                      ///< Address of a copy the loader handed over; 0 = none, search the BIOS area.

    [[nodiscard]] std::span<const MemoryRange> map() const { return {memory.data(), memory_count}; }
    [[nodiscard]] std::span<const Module> module_list() const { return {modules.data(), module_count}; }
};

/// Builds the hardware domain and enters it. Machine, memory and clock are up.
[[noreturn]] void start_dom0(const BootInfo& info);

} // namespace hv::boot
