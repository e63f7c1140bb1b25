// SPDX-License-Identifier: MIT
//
// A vCPU under the hammer: makes one random hypercall after the other as a kernel would, through the registers, with
// its arguments in a page of its own. What it does to memory it does to its domain's few common frames.
#pragma once
#include "tests/unit/domain/world.hpp"
#include <atomic>
#include <deque>
#include <functional>
#include <random>

namespace hv::hammer {

using domain::test::Guest;
inline constexpr std::size_t pool_size = 20;
inline constexpr std::uint64_t stack_top = page_size - 128; ///< In a vCPU's page; an iret's frame is above it.

/// A domain, and the frames that its calls map, pin, write, grant, give away and get back.
struct Subject {
    Guest guest{};
    Mfn second_root{};
    std::array<std::atomic<std::uint64_t>, pool_size> pool{}; ///< 0: given away; 1: a call has it in hand.
    [[nodiscard]] DomainId id() const { return guest.domain->id(); }
};

/// Successful calls, by number.
extern std::array<std::atomic<std::uint64_t>, 64> successes;

class Caller {
public:
    Caller(Subject& own, Subject& other, unsigned vcpu, Mfn page);
    /// One entry into the hypercall layer, with this vCPU loaded. A call that is to be repeated goes on next time.
    void step();

    // ---- for the calls: what they are made of ----
    unsigned below(unsigned n) { return static_cast<unsigned>(random() % n); }
    [[nodiscard]] domain::Vcpu& vcpu() const { return own.guest.vcpu(number); }
    [[nodiscard]] bool hardware() const { return own.guest.domain->is_hardware_domain(); }
    /// One vCPU of the machine never sleeps, so that there is always someone to wake the others.
    [[nodiscard]] bool sleepless() const { return hardware() && number == 0; }
    [[nodiscard]] std::uint64_t va(std::size_t offset = 0) const { return page_va(number) + offset; }
    template <typename T> T& at(std::size_t offset)
    {
        return *reinterpret_cast<T*>(arch::frame_address(page) + offset);
    }
    template <typename T> std::uint64_t put(std::size_t offset, const T& value)
    {
        at<T>(offset) = value;
        return va(offset);
    }
    std::uint64_t any_frame() { return own.pool[below(pool_size)].load(); }
    std::uint64_t any_foreign_frame() { return other.pool[below(pool_size)].load(); }
    std::uint64_t entry(std::uint64_t frame)
    {
        static constexpr std::uint64_t flags[] = {0, 5, 7, 7};
        return frame << page_shift | flags[below(4)];
    }
    /// An address without a use, for mappings.
    std::uint64_t play_va() { return domain::test::data_va + (256 + below(64)) * page_size; }
    void call(std::uint64_t number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0,
              std::uint64_t e = 0)
    {
        call_ = {number, a, b, c, d, e};
    }

    Subject& own;
    Subject& other;
    const unsigned number;
    const Mfn page;
    std::mt19937 random;
    std::int64_t least = 0;                             ///< Success is a result no less,
    const std::int16_t* status = nullptr;               ///< and this, if set, 0.
    std::function<void(bool success)> afterwards;       ///< May be empty.
    std::deque<std::function<void(Caller&)>> owed;      ///< Calls that must follow, before any other.
    std::array<std::int64_t, 4> grants{-1, -1, -1, -1}; ///< Handle of what is mapped at grant_va(i); -1: nothing.
    [[nodiscard]] std::uint64_t grant_va(unsigned i) const
    {
        return domain::test::data_va + (384 + number * grants.size() + i) * page_size;
    }
    /// Two pages that all vCPUs of a domain may have something written to.
    static constexpr std::uint64_t context_va = domain::test::data_va + 8 * page_size;
    static std::uint64_t page_va(unsigned vcpu) { return domain::test::data_va + (1 + vcpu) * page_size; }

private:
    void housekeeping();
    void choose();
    void finish(std::int64_t result);
    std::array<std::uint64_t, 6> call_{};
    bool again_ = false;
};

/// Fills in one random call of one random family.
void choose_call(Caller& c);

} // namespace hv::hammer
