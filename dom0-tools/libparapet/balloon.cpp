// SPDX-License-Identifier: MIT
//
// Memory for a new domain from dom0's, by the balloon driver in dom0's kernel. See lifecycle.hpp.
#include "libparapet/interrupt.hpp"
#include "libparapet/lifecycle.hpp"
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <unistd.h>

namespace parapet {
namespace {

constexpr const char* target_path = "/local/domain/0/memory/target";
constexpr auto patience = std::chrono::seconds{10}; // without any progress

std::uint64_t free_pages(Hypervisor& hv)
{
    const auto info = hv.physinfo();
    const std::uint64_t all = info.free_pages + info.scrub_pages;
    return all > info.outstanding_pages ? all - info.outstanding_pages : 0;
}

std::uint64_t mib(std::uint64_t pages) { return (pages + 255) / 256; }

/// True once @p pages are free; false when no more becomes free for a while.
bool wait_for(Hypervisor& hv, std::uint64_t pages)
{
    using Clock = std::chrono::steady_clock;
    std::uint64_t most = 0;
    for (auto last = Clock::now(); Clock::now() - last < patience;) {
        const std::uint64_t now = free_pages(hv);
        if (now >= pages) return true;
        if (now > most) {
            most = now;
            last = Clock::now();
        }
        check_interrupt();
        ::usleep(20'000);
    }
    return false;
}

} // namespace

std::uint64_t dom0_floor_mib()
{
    const char* given = std::getenv("PARAPET_DOM0_MIN");
    if (given == nullptr || *given == '\0') return 192;
    constexpr std::uint64_t most = 1 << 20;
    std::uint64_t mib = 0;
    const char* const end = given + std::strlen(given);
    const auto [stop, error] = std::from_chars(given, end, mib);
    if (error != std::errc{} || stop != end || mib == 0 || mib > most)
        fail("PARAPET_DOM0_MIN must be from 1 to {} MiB, not '{}'", most, given);
    return mib;
}

Loan::Loan(Store& store, FileLock lock) : store_{store}, lock_{std::move(lock)}
{
    if (!lock_->note().empty()) give_back(); // the one before us was killed
}

Loan::~Loan()
{
    if (!taken_) return;
    try {
        give_back();
    } catch (const std::exception& e) {
        fmt::print(stderr, "vmctl: domain 0 does not get its memory back: {}\n", e.what());
    }
}

void Loan::take(const std::string& before, const std::string& lowered)
{
    lock_->set_note(before + " " + lowered);
    taken_ = true;
    store_.write(target_path, lowered);
}

/// Unless someone has set another target since.
void Loan::give_back()
{
    std::istringstream note{lock_->note()};
    std::string before, lowered;
    note >> before >> lowered;
    if (!lowered.empty() && store_.read(target_path) == lowered) store_.write(target_path, before);
    taken_ = false;
    lock_->set_note("");
}

void Loan::settle()
{
    if (!taken_) lock_.reset();
}

void Loan::keep()
{
    if (std::exchange(taken_, false)) lock_->set_note("");
}

void Loan::make_room(Hypervisor& hv, std::uint64_t pages)
{
    const std::uint64_t have = free_pages(hv);
    if (have >= pages) return;
    const auto dom0 = hv.find(0);
    const std::uint64_t dom0_pages = dom0 ? dom0->tot_pages : 0;
    const std::uint64_t floor = dom0_floor_mib() * 256;
    const std::uint64_t lacking = pages - have;
    const std::string advice = fmt::format("free memory with `vmctl shutdown` or `vmctl destroy` of another domain, "
                                           "or boot with a smaller dom0_mem=");
    if (dom0_pages < floor + lacking)
        throw Error{fmt::format("not enough memory: {} MiB needed, {} MiB free, and domain 0 ({} MiB) keeps at least "
                                "{} MiB; {}",
                                mib(pages), have / 256, dom0_pages / 256, floor / 256, advice),
                    ENOMEM};

    const std::uint64_t lowered = (dom0_pages - lacking) * 4;
    const std::string before = store_.read(target_path).value_or(fmt::format("{}", dom0_pages * 4));
    // dom0 may be on its way to a target that is low enough
    if (std::strtoull(before.c_str(), nullptr, 10) > lowered) take(before, fmt::format("{}", lowered));
    if (wait_for(hv, pages)) return;
    throw Error{fmt::format("not enough memory: {} MiB needed, {} MiB free, and domain 0 gave no more; {}", mib(pages),
                            free_pages(hv) / 256, advice),
                ENOMEM};
}

} // namespace parapet
