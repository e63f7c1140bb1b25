// SPDX-License-Identifier: MIT
//
// See domain/console.hpp.
#include "domain/console.hpp"
#include "arch/arch.hpp"
#include "base/log.hpp"
#include "base/options.hpp"
#include "domain/domain.hpp"
#include "domain/upcalls.hpp"

namespace hv::domain {
namespace {

constexpr std::size_t input_bytes = 1024;
constexpr char switch_key = 1; // CTRL-a
constexpr unsigned switch_presses = 3;

cpu::SpinLock input_lock{cpu::Rank::console};
std::array<char, input_bytes> input; // guarded by input_lock, as all below
std::uint32_t input_head, input_tail;
unsigned presses;
bool to_hypervisor;

enum class Route : std::uint8_t { nobody, guest, hypervisor, switched };

Route route(char c)
{
    const cpu::Guard guard{input_lock};
    presses = c == switch_key ? presses + 1 : 0;
    if (presses == switch_presses) {
        presses = 0;
        to_hypervisor = !to_hypervisor;
        return Route::switched;
    }
    if (to_hypervisor) return c == switch_key ? Route::nobody : Route::hypervisor;
    if (input_head - input_tail == input_bytes) return Route::nobody; // the guest does not read: drop
    input[input_head++ % input_bytes] = c;
    return Route::guest;
}

} // namespace

void console_typed()
{
    bool notify = false;
    for (arch::ConsoleInput in = arch::console_read(); in.present; in = arch::console_read()) {
        switch (route(in.character)) {
        case Route::nobody: break;
        case Route::guest: notify = true; break;
        case Route::hypervisor: console_key(in.character); break;
        case Route::switched:
            log::info("console input goes to {} (CTRL-a three times to switch)",
                      to_hypervisor ? "parapet: 'h' for help" : "dom0");
        }
    }
    if (notify) raise_virq(PV_VIRQ_CONSOLE);
}

std::size_t console_read(std::span<char> out)
{
    const cpu::Guard guard{input_lock};
    std::size_t n = 0;
    while (n < out.size() && input_tail != input_head)
        out[n++] = input[input_tail++ % input_bytes];
    return n;
}

void console_write(Domain& from, std::span<const char> text)
{
    if (from.is_hardware_domain()) return log::write_raw(text);
    if (options.guest_log_level < log::Level::debug) return;
    std::array<char, 128> line{};
    std::size_t used = 0;
    const auto flush = [&] {
        line[used] = 0;
        if (used != 0) log::line(log::Level::info, "d{}: {}", from.id(), static_cast<const char*>(line.data()));
        used = 0;
    };
    for (const char c : text) {
        if (c == '\n' || used + 1 == line.size()) flush();
        if (c >= ' ' && c < 0x7f) line[used++] = c;
    }
    flush();
}

} // namespace hv::domain
