// SPDX-License-Identifier: MIT
//
// The hypervisor's command line. Names and value forms are Xen's where Xen has them; an unknown word is warned about
// and ignored, a bad value leaves the default and is warned about. Parsed once at boot, read-only afterwards.
#pragma once
#include "base/log.hpp"
#include <cstdint>
#include <span>

namespace hv {

enum class Choice : std::uint8_t { automatic, on, off };

struct Options {
    bool console_given = false; ///< console= is there; without it: the screen, and com1 if com1= describes it.
    bool com1_given = false;
    bool console_com1 = false;
    bool console_vga = false;
    std::uint32_t com1_baud = 115200; ///< Bits per second; 0 = as the firmware left it.
    std::uint16_t com1_port = 0x3f8;
    std::uint64_t dom0_bytes = 0;     ///< dom0_mem=; 0 = all but a reserve.
    std::uint64_t dom0_max_bytes = 0; ///< dom0_mem=max:; 0 = same as dom0_bytes.
    std::uint32_t dom0_max_vcpus = 0; ///< 0 = one for each CPU.
    std::uint32_t maxcpus = 0;        ///< 0 = all.
    log::Level log_level = log::Level::info;
    log::Level guest_log_level = log::Level::warning;
    bool noreboot = false;
    Choice spec_ctrl = Choice::automatic;
    Choice xpti = Choice::automatic;
    Choice tsc = Choice::automatic;     ///< tsc=stable (on) or unstable (off): do the CPUs' TSCs agree?
    std::uint32_t watchdog_seconds = 5; ///< watchdog_timeout=; 0 = no watchdog.
    bool fastpath = true;
    bool x2apic = true;              ///< Where there is one; without it only if firmware or an APIC id asks for it.
    Choice smap = Choice::automatic; ///< Automatic: not under QEMU's TCG, whose older versions fail with it.
    const char* command_line = "";   ///< The whole line, for XENVER_commandline.
};

/// Parses @p line (NUL-terminated; must outlive the result) and calls @p complain with each word it could not use.
Options parse_options(const char* line, void (*complain)(const char* word, const char* why));

/// The options of this boot. Written once by the boot code.
extern Options options;

} // namespace hv
