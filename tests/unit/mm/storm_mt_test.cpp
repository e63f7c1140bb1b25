// SPDX-License-Identifier: MIT
//
// Two CPUs work on the same few frames without mercy, under ThreadSanitizer. Nothing is known about which of them
// wins; afterwards every count must be right and every frame come back.
#include "fixture.hpp"
#include "mm/tlb.hpp"
#include "mm/types.hpp"
#include <atomic>
#include <chrono>
#include <random>
#include <thread>

namespace hv::mm::test {

class StormMt : public MmTest {
protected:
    StormMt()
    {
        arch::host::set_online(2);
        arch::host::state().recording = false; // the fake machine's list of flushes is not for several threads
    }
    std::vector<Mfn> pool_;

    void one_step(std::mt19937& random)
    {
        const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
        const auto any = [&] { return pool_[below(static_cast<unsigned>(pool_.size()))]; };
        static constexpr unsigned slots[] = {0, 1, 272, 511};
        const Mfn m = any();
        const std::uint64_t value = entry(any(), below(4));
        Work w{static_cast<std::int32_t>(below(20))};
        if (!finish_deferred(domu(), w).ok()) return;
        switch (below(9)) {
        case 0:
        case 1: (void)pin(domu(), m, below(4) + 1, w).ok(); break;
        case 2: (void)unpin(domu(), m, w).ok(); break;
        case 3:
            // A guest's own store: only through a mapping, which holds a writable reference.
            if (const auto held = get_writable(m, domu()); held.ok()) poke(m, slots[below(4)], value);
            break;
        case 4: (void)get_root(m, domu(), w).ok(); break;
        case 5: (void)get_segdesc(m, domu()).ok(); break;
        case 6: (void)exchange_one(m); break;
        default: {
            UpdateBatch batch{own(domu()), w};
            (void)apply(batch, maddr_of(m).raw() + slots[below(4)] * 8 + below(2) * 2, value).ok();
            break;
        }
        }
    }
    /// The frame leaves and a new one comes, or not; the number may be another's a moment later.
    bool exchange_one(Mfn m)
    {
        if (!release_domain_frame(domu(), m).ok()) return false;
        return alloc_domain_frames(domu(), 0).ok();
    }
};

TEST_F(StormMt, ConcurrentOperationsKeepEveryCountRight)
{
    // All memory but a little is taken, so that released frames come back at once, often to another CPU.
    for (unsigned i = 0; i < 24; ++i)
        pool_.push_back(page(domu()));
    std::vector<Mfn> taken;
    for (auto m = alloc_frames(0); m.ok(); m = alloc_frames(0))
        taken.push_back(m.take());
    for (unsigned i = 0; i < 2; ++i) {
        free_frames_at(taken.back());
        taken.pop_back();
    }
    std::vector<std::thread> cpus;
    for (unsigned cpu = 0; cpu < 2; ++cpu)
        cpus.emplace_back([this, cpu] {
            arch::host::become_cpu(cpu);
            std::mt19937 random{cpu + 1};
            for (unsigned step = 0; step < 6000; ++step)
                one_step(random);
        });
    for (std::thread& t : cpus)
        t.join();
    for (const Mfn m : taken)
        free_frames_at(m);
    audit_clean();
}

TEST_F(StormMt, AFrameIsNeverWritableAndATableAtOnce)
{
    const Mfn m = page(domu());
    std::atomic<bool> stop{false}, broken{false};
    std::atomic<unsigned> writes{0};
    std::thread writer{[&] {
        arch::host::become_cpu(1);
        while (!stop.load()) {
            const auto held = get_writable(m, domu());
            if (!held.ok()) continue;
            ++writes;
            poke(m, 5, ~0ULL & ~pte::present);
            if (frame(m).current().type != PageType::writable) broken = true;
            poke(m, 5, 0);
        }
    }};
    // Counted by what both sides achieved, not by tries: a writer that lost its processor while it holds the frame
    // refuses every try of its peer until it is back.
    unsigned pins = 0;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((pins < 2000 || writes < 2000) && std::chrono::steady_clock::now() < deadline) {
        Work w;
        if (!pin(domu(), m, 1, w).ok()) {
            std::this_thread::yield();
            continue;
        }
        ++pins;
        if (peek(m, 5) != 0) broken = true; // seen half-written: the writer was still at it
        EXPECT_TRUE(unpin(domu(), m, w).ok());
    }
    stop = true;
    writer.join();
    EXPECT_FALSE(broken);
    EXPECT_GE(pins, 2000U);
    EXPECT_GE(writes, 2000U);
}

TEST_F(StormMt, TwoTablesThatNameEachOtherNeverWaitForEachOther)
{
    // One CPU makes the first an L2 that names the second, the other makes the second an L3 that names the first: each
    // holds the lock of its own when it wants the other's.
    const Mfn two = page(domu()), three = page(domu());
    poke(two, 0, entry(three, rw));
    poke(three, 0, entry(two, rw));
    std::atomic<unsigned> ready{0};
    std::vector<std::thread> cpus;
    for (unsigned cpu = 0; cpu < 2; ++cpu)
        cpus.emplace_back([&, cpu] {
            arch::host::become_cpu(cpu);
            const Mfn mine = cpu == 0 ? two : three;
            for (unsigned round = 1; round <= 20000; ++round) {
                ready.fetch_add(1);
                while (ready.load() < 2 * round) {
                }
                Work w;
                if (pin(domu(), mine, cpu + 2, w).ok()) {
                    EXPECT_TRUE(unpin(domu(), mine, w).ok());
                }
            }
        });
    for (std::thread& t : cpus)
        t.join();
    for (const Mfn m : {two, three})
        for (unsigned level = 2; level <= 3; ++level)
            (void)pin_all(domu(), m, level).ok(); // carries on what was left half-way
}

TEST_F(StormMt, TheHeapServesManyCpus)
{
    std::vector<std::thread> cpus;
    for (unsigned cpu = 0; cpu < 2; ++cpu)
        cpus.emplace_back([cpu] {
            arch::host::become_cpu(cpu);
            std::mt19937 random{cpu};
            std::vector<Array<std::uint32_t>> held;
            for (unsigned step = 0; step < 3000; ++step) {
                if (held.size() > 20) held.erase(held.begin() + static_cast<long>(random() % held.size()));
                auto made = make_array<std::uint32_t>(random() % 400 + 1);
                if (!made.ok()) continue;
                held.push_back(std::move(made).take());
                for (std::uint32_t& v : held.back().span())
                    v = cpu;
                for (const std::uint32_t v : held.front().span())
                    EXPECT_EQ(v, cpu);
            }
        });
    for (std::thread& t : cpus)
        t.join();
    EXPECT_EQ(heap_bytes(), 0U);
}

} // namespace hv::mm::test
