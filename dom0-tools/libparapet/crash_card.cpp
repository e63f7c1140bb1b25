// SPDX-License-Identifier: MIT
//
// See crash_card.hpp. The formats read here are those of the hypervisor's guest/crash_report.cpp.
#include "libparapet/crash_card.hpp"
#include "libparapet/files.hpp"
#include "libparapet/registers.hpp"
#include <algorithm>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

namespace parapet {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view line_start = "(parapet) error: ";
constexpr std::size_t console_lines = 50; // the call trace of a panic, and what it is of

void take_apart(const std::string& line, CrashReport& report)
{
    std::istringstream words{line};
    std::string word;
    words >> word;
    if (word == "stack") {
        words >> word; // the offset
        while (words >> word)
            report.stack.push_back(word);
    } else if (word == "hypercall") {
        const std::size_t colon = line.rfind(": ");
        if (colon != std::string::npos)
            report.hypercalls.push_back(
                hypercall_name(static_cast<unsigned>(std::strtoul(line.c_str() + colon + 2, nullptr, 10))));
    }
}

/// The end of a file, or nothing.
std::string tail_of(const std::string& path)
{
    constexpr std::uint64_t most = 16 << 10;
    try {
        const auto file = Descriptor::open(path, O_RDONLY);
        const std::uint64_t size = file.size(), part = std::min(size, most);
        std::string text(part, '\0');
        read_at(file.get(), std::as_writable_bytes(std::span{text}), size - part);
        return text;
    } catch (const Error&) { // it is another console daemon that serves it, or none
        return "";
    }
}

std::vector<std::string> console_end(const std::string& name)
{
    for (const char* place : {"/var/log/parapet/{}.log", "/var/log/xen/console/guest-{}.log"})
        if (const std::string text = tail_of(fmt::format(fmt::runtime(place), name)); !text.empty())
            return last_lines(text, console_lines);
    return {};
}

Json vcpus_of(Hypervisor& hv, DomainId domain)
{
    Json vcpus = Json::array();
    const auto info = hv.find(domain);
    for (std::uint32_t n = 0; info && n <= info->max_vcpu_id; ++n) {
        const auto context = hv.context(domain, n);
        if (!context) continue;
        Json regs;
        for (const auto& [name, value] : registers_of(*context))
            regs[name] = fmt::format("{:#018x}", value);
        vcpus.push_back({{"vcpu", n}, {"kernel", (context->flags & PV_VGCF_IN_KERNEL) != 0}, {"registers", regs}});
    }
    return vcpus;
}

} // namespace

CrashReport find_report(const std::string& log, DomainId domain)
{
    const std::string owner = fmt::format("{}d{}v", line_start, domain);
    CrashReport report;
    std::istringstream lines{log};
    for (std::string line; std::getline(lines, line);) {
        const std::size_t crashes = line.find(" crashes: ");
        if (line.starts_with(owner) && crashes != std::string::npos) {
            report = {line.substr(crashes + 10), {line}, {}, {}};
        } else if (!report.lines.empty() && line.starts_with(line_start) && line.substr(line_start.size(), 2) == "  ") {
            report.lines.push_back(line);
            take_apart(line.substr(line_start.size()), report);
        } else if (line.starts_with(line_start) && line.find(" crashes: ") != std::string::npos) {
            if (!report.lines.empty()) break; // another's follows
        }
    }
    return report;
}

std::string hypercall_name(unsigned number)
{
    constexpr std::pair<unsigned, const char*> names[] = {
        {PV_HYPERCALL_SET_TRAP_TABLE, "set_trap_table"},
        {PV_HYPERCALL_MMU_UPDATE, "mmu_update"},
        {PV_HYPERCALL_SET_GDT, "set_gdt"},
        {PV_HYPERCALL_STACK_SWITCH, "stack_switch"},
        {PV_HYPERCALL_SET_CALLBACKS, "set_callbacks"},
        {PV_HYPERCALL_FPU_TASKSWITCH, "fpu_taskswitch"},
        {PV_HYPERCALL_PLATFORM_OP, "platform_op"},
        {PV_HYPERCALL_SET_DEBUGREG, "set_debugreg"},
        {PV_HYPERCALL_GET_DEBUGREG, "get_debugreg"},
        {PV_HYPERCALL_UPDATE_DESCRIPTOR, "update_descriptor"},
        {PV_HYPERCALL_MEMORY_OP, "memory_op"},
        {PV_HYPERCALL_MULTICALL, "multicall"},
        {PV_HYPERCALL_UPDATE_VA_MAPPING, "update_va_mapping"},
        {PV_HYPERCALL_SET_TIMER_OP, "set_timer_op"},
        {PV_HYPERCALL_XEN_VERSION, "xen_version"},
        {PV_HYPERCALL_CONSOLE_IO, "console_io"},
        {PV_HYPERCALL_GRANT_TABLE_OP, "grant_table_op"},
        {PV_HYPERCALL_VM_ASSIST, "vm_assist"},
        {PV_HYPERCALL_UPDATE_VA_MAPPING_OTHERDOMAIN, "update_va_mapping_otherdomain"},
        {PV_HYPERCALL_IRET, "iret"},
        {PV_HYPERCALL_VCPU_OP, "vcpu_op"},
        {PV_HYPERCALL_SET_SEGMENT_BASE, "set_segment_base"},
        {PV_HYPERCALL_MMUEXT_OP, "mmuext_op"},
        {PV_HYPERCALL_SCHED_OP, "sched_op"},
        {PV_HYPERCALL_CALLBACK_OP, "callback_op"},
        {PV_HYPERCALL_EVENT_CHANNEL_OP, "event_channel_op"},
        {PV_HYPERCALL_PHYSDEV_OP, "physdev_op"},
        {PV_HYPERCALL_SYSCTL, "sysctl"},
        {PV_HYPERCALL_DOMCTL, "domctl"},
        {PV_HYPERCALL_MCA, "mca"},
        // which kernels try, and are refused (xen.h)
        {27, "xsm_op"},
        {28, "nmi_op"},
        {31, "xenoprof_op"},
        {34, "hvm_op"},
        {37, "kexec_op"},
        {40, "xenpmu_op"},
    };
    const auto* const found =
        std::find_if(std::begin(names), std::end(names), [&](auto n) { return n.first == number; });
    return found != std::end(names) ? found->second : fmt::format("number {}", number);
}

std::vector<std::string> last_lines(const std::string& text, std::size_t count)
{
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) {
        while (!line.empty() && line.back() == '\r')
            line.pop_back();
        lines.push_back(printable(line));
    }
    if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
    return lines;
}

Json make_card(Hypervisor& hypervisor, DomainId domain, const std::string& console)
{
    const CrashReport report = find_report(hypervisor.console_log(false), domain);
    return {{"why", report.why},
            {"vcpus", vcpus_of(hypervisor, domain)},
            {"stack", report.stack},
            {"hypercalls", report.hypercalls},
            {"console", console_end(console)},
            {"hypervisor", report.lines}};
}

std::string card_path(const std::string& name) { return "/var/log/parapet/" + name + ".crash"; }

void save_card(const std::string& name, const Json& card)
{
    make_directories("/var/log/parapet", 0755);
    const std::string path = card_path(name), fresh = path + ".new";
    const auto file = Descriptor::open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    write_all(file.get(), card.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    if (::rename(fresh.c_str(), path.c_str()) != 0) fail_errno("{}", path);
}

} // namespace parapet
