// SPDX-License-Identifier: MIT
//
// vmctl autostart DIR [--jobs N]: creates the domain of every configuration in a directory, in the order of the files'
// names. Each is created by a process of its own: one that fails does not keep the others from being started.
#include "vmctl/life_verbs.hpp"
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

namespace vmctl {
namespace {

struct Arguments {
    std::string directory;
    unsigned jobs{1};
};

struct Start {
    std::string file, name;
    pid_t process;
    parapet::Descriptor complaints;
};

struct Count {
    Json started = Json::array(), failed = Json::array(), running = Json::array();
};

std::vector<std::string> configurations(const std::string& directory)
{
    std::error_code error;
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator{directory, error})
        if (entry.path().extension() == ".cfg" && entry.path().filename().string()[0] != '.')
            files.push_back(entry.path());
    if (error) throw parapet::Error{fmt::format("{}: {}", directory, error.message()), error.value()};
    std::sort(files.begin(), files.end());
    return files;
}

Start begin(const std::string& file, const std::string& name)
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) parapet::fail_errno("pipe");
    parapet::Descriptor reads{ends[0]}, writes{ends[1]};
    const pid_t child = ::fork();
    if (child < 0) parapet::fail_errno("cannot start another vmctl");
    if (child == 0) {
        const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        ::dup2(null, STDIN_FILENO);
        ::dup2(null, STDOUT_FILENO);
        ::dup2(writes.get(), STDERR_FILENO);
        ::execl("/proc/self/exe", "vmctl", "create", file.c_str(), nullptr);
        std::_Exit(127);
    }
    return {file, name, child, std::move(reads)};
}

void finish(const Options& options, Start start, Count& count)
{
    std::string said;
    char part[1024];
    for (ssize_t got = 0; (got = ::read(start.complaints.get(), part, sizeof part)) != 0;) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        said.append(part, static_cast<std::size_t>(got));
    }
    int status = 0;
    while (::waitpid(start.process, &status, 0) < 0 && errno == EINTR) {
    }
    const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!good && said.empty()) said = fmt::format("its vmctl ended with status {:#x}\n", status);
    std::fflush(stdout);
    fmt::print(stderr, "{}", said); // warnings, or what was wrong: both name the file and place
    if (!options.json) fmt::print("{}: '{}' {}\n", start.file, start.name, good ? "started" : "NOT STARTED");
    std::fflush(stdout);
    (good ? count.started : count.failed).push_back(start.file);
}

/// The name in a configuration, or nothing and a complaint.
std::optional<std::string> name_in(const std::string& file)
{
    try {
        return parapet::read_domain_config(file, {}, parapet::FileCheck::none).name;
    } catch (const parapet::Error& e) {
        fmt::print(stderr, "{}\n", e.what());
        return std::nullopt;
    }
}

void autostart(const Options& options, const Arguments& a)
{
    Count count;
    {
        parapet::Toolstack tools;
        std::deque<Start> underway;
        for (const std::string& file : configurations(a.directory)) {
            const auto name = name_in(file);
            if (!name) {
                count.failed.push_back(file);
                if (!options.json) fmt::print("{}: NOT STARTED\n", file);
            } else if (parapet::find_domain(tools, *name)) {
                count.running.push_back(file);
                if (!options.json) fmt::print("{}: '{}' is there already\n", file, *name);
            } else {
                underway.push_back(begin(file, *name));
            }
            while (underway.size() >= a.jobs) {
                finish(options, std::move(underway.front()), count);
                underway.pop_front();
            }
        }
        for (Start& start : underway)
            finish(options, std::move(start), count);
    }
    if (options.json) print_json({{"started", count.started}, {"failed", count.failed}, {"running", count.running}});
    if (!count.failed.empty())
        throw parapet::Error{fmt::format("{} of {} were not started", count.failed.size(),
                                         count.failed.size() + count.started.size() + count.running.size()),
                             ECHILD};
}

} // namespace

void add_autostart(CLI::App& app, Options& options)
{
    Verb verb{app, "autostart", "Create the domains of all configurations in a directory"};
    auto a = std::make_shared<Arguments>();
    verb.required("DIR", a->directory, "whose files *.cfg are taken, by name");
    verb.option("-j,--jobs", a->jobs, "how many to create at a time (1)", 1U, 64U);
    verb.action([&options, a] { autostart(options, *a); });
}

} // namespace vmctl
