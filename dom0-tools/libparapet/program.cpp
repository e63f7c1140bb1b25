// SPDX-License-Identifier: MIT
//
// See program.hpp.
#include "libparapet/program.hpp"
#include "libparapet/error.hpp"
#include "libparapet/files.hpp"
#include "libparapet/interrupt.hpp"
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace parapet {
namespace {

constexpr int not_found = 127; // as a shell has it

[[noreturn]] void become(const std::vector<std::string>& words, int complaints)
{
    SignalGuard::forget();
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(complaints, STDERR_FILENO);
    std::vector<char*> arguments;
    for (const std::string& word : words)
        arguments.push_back(const_cast<char*>(word.c_str())); // execvp writes to none of them
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    std::_Exit(not_found);
}

std::string text_in(int file)
{
    std::string text;
    char part[1024];
    for (ssize_t got = 0; (got = ::pread(file, part, sizeof part, static_cast<off_t>(text.size()))) > 0;)
        text.append(part, static_cast<std::size_t>(got));
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

} // namespace

ProgramEnd run_program(const std::vector<std::string>& words)
{
    const Descriptor complaints{::memfd_create("complaints", MFD_CLOEXEC)}; // a pipe would stay open with a daemon
    if (!complaints.valid()) fail_errno("memfd_create");
    const pid_t child = ::fork();
    if (child < 0) fail_errno("cannot start {}", words[0]);
    if (child == 0) become(words, complaints.get());
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) fail_errno("waiting for {}", words[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == not_found) fail("there is no program {}", words[0]);
    return {WIFEXITED(status) && WEXITSTATUS(status) == 0, text_in(complaints.get())};
}

} // namespace parapet
