// SPDX-License-Identifier: MIT
#include "mm/segdesc.hpp"
#include "mm_model.hpp"
#include "tests/unit/mm/fixture.hpp"
#include <optional>
#include <random>

namespace hv::mm::test {

/// The implementation against the model: same verdicts, same types, counts and contents after every step, and a clean
/// audit. Few frames and few slots, so that conflicts are the rule.
class ModelTest : public MmTest {
protected:
    static constexpr unsigned pool_size = 14;
    static constexpr std::array<unsigned, 6> slots{0, 1, 255, 258, 272, 511};

    void SetUp() override
    {
        for (unsigned i = 0; i < pool_size; ++i)
            pool_.push_back(page(domu()));
        outside_ = {page(dom0()), Mfn{1100}, Mfn{frames + 7}};
    }
    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
    Mfn any() { return below(30) == 0 ? outside_[below(3)] : pool_[below(pool_size)]; }
    std::uint64_t any_entry()
    {
        static constexpr std::uint64_t odd[] = {pte::page_size_or_pat, pte::global,         pte::cache_disable,
                                                pte::no_execute,       pte::accessed_dirty, 0x200};
        if (below(4) == 0) return below(2) == 0 ? 0 : 0x5a5a5a5a5a5a5a5aULL & ~pte::present;
        std::uint64_t e = entry(any(), below(2) == 0 ? rw : ro);
        if (below(6) == 0) e |= odd[below(6)];
        return e;
    }
    /// A budget small enough to be preempted often.
    Work budget() { return Work{static_cast<std::int32_t>(below(4) == 0 ? below(8) : 1200)}; }

    void compare(const model::Model& model, unsigned step)
    {
        // What waits to be taken apart is so much noise to a model that knows no preemption.
        ASSERT_TRUE(persist([&] {
                        Work w;
                        return finish_deferred(domu(), w);
                    }).ok());
        for (const auto& [f, want] : model.frames()) {
            const FrameState s = frame(Mfn{f}).current();
            ASSERT_EQ(s.count, want.count) << "step " << step << " frame " << f;
            ASSERT_EQ(s.refs, want.refs) << "step " << step << " frame " << f;
            if (want.count != 0) {
                ASSERT_EQ(s.type, want.type) << "step " << step;
            }
            for (const auto& [index, e] : want.entries) {
                const std::uint64_t ignored = pte::is_present(e) ? pte::user | pte::global | pte::accessed_dirty : 0;
                const std::uint64_t dpl = pte::is_present(e) ? 0 : 3ULL << 45;
                ASSERT_EQ(peek(Mfn{f}, index) & ~ignored & ~dpl, e & ~ignored & ~dpl) << "step " << step;
            }
        }
    }
    void run(std::uint32_t seed, unsigned steps);

    std::mt19937 random_;
    std::vector<Mfn> pool_, outside_;
};

void ModelTest::run(std::uint32_t seed, unsigned steps)
{
    random_.seed(seed);
    std::set<std::uint64_t> numbers;
    for (const Mfn m : pool_)
        numbers.insert(m.raw());
    model::Model model{numbers, arch::hypervisor_root_entries()};
    unsigned accepted = 0;
    for (unsigned step = 0; step < steps; ++step) {
        const Mfn m = any();
        const unsigned level = below(4) + 1;
        const unsigned index = slots[below(slots.size())];
        const std::uint64_t value = any_entry();
        bool got = false, want = false;
        const char* what = "";
        switch (below(8)) {
        case 0:
        case 1:
            what = "pin";
            want = model.pin(m.raw(), level);
            got = persist([&] {
                      Work w = budget();
                      return pin(domu(), m, level, w);
                  }).ok();
            break;
        case 2:
            what = "unpin";
            want = model.unpin(m.raw());
            got = persist([&] {
                      Work w = budget();
                      return unpin(domu(), m, w);
                  }).ok();
            break;
        case 3:
            what = "native store";
            if (!numbers.contains(m.raw()) || !model.storable(m.raw())) continue;
            model.store(m.raw(), index, value);
            poke(m, index, value);
            want = got = true;
            break;
        default:
            what = "mmu_update";
            want = model.update(m.raw(), index, value);
            got = update(own(domu()), m, index, value, below(2) * 2).ok();
            break;
        }
        ASSERT_EQ(got, want) << what << " step " << step << " seed " << seed << " frame " << m.raw() << " level "
                             << level << " slot " << index << " value " << std::hex << value;
        accepted += got;
        ASSERT_NO_FATAL_FAILURE(compare(model, step)) << what;
        if (step % 4 == 0) {
            ASSERT_EQ(differences(), 0U) << what << " step " << step;
        }
    }
    EXPECT_GT(accepted, steps / 5) << "too much is refused to mean anything";
}

TEST_F(ModelTest, RandomSequencesAgreeWithTheModel1) { run(1, 4000); }
TEST_F(ModelTest, RandomSequencesAgreeWithTheModel2) { run(2, 4000); }
TEST_F(ModelTest, RandomSequencesAgreeWithTheModel3) { run(3, 4000); }

/// Operations are started with tiny budgets and may be abandoned half-way, by two domains at once; the auditor is the
/// only judge. Afterwards both domains die and nothing may be left.
class StormTest : public ModelTest {
protected:
    void storm(std::uint32_t seed, unsigned steps)
    {
        random_.seed(seed);
        std::optional<RootRef> root;
        std::vector<Mfn> theirs;
        for (unsigned i = 0; i < 6; ++i)
            theirs.push_back(page(dom0()));
        const auto pick = [&] { return below(3) == 0 ? theirs[below(6)] : any(); };
        for (unsigned step = 0; step < steps; ++step) {
            MemoryOwner& o = below(4) == 0 ? dom0() : domu();
            MemoryOwner& frame_owner = &o == &dom0() && below(2) == 0 ? domu() : o;
            const Mfn m = pick();
            Work w{static_cast<std::int32_t>(below(6))};
            switch (below(10)) {
            case 0:
            case 1:
            case 2: (void)pin(o, m, below(4) + 1, w).ok(); break;
            case 3: (void)unpin(o, m, w).ok(); break;
            case 4:
                if (auto writable = get_writable(m, o); writable.ok())
                    poke(m, slots[below(slots.size())], entry(pick(), below(2) == 0 ? rw : ro));
                break;
            case 5:
                if (auto r = get_root(m, domu(), w); r.ok()) root = std::move(r).take();
                break;
            case 6: root.reset(); break;
            case 7: (void)decrease_and_populate(o, m); break;
            default: {
                UpdateBatch batch{{o, frame_owner}, w};
                std::array<pv_mmu_update, 3> run;
                for (pv_mmu_update& r : run)
                    r = {maddr_of(m).raw() + slots[below(slots.size())] * 8, entry(pick(), below(4))};
                std::uint32_t done = 0;
                (void)batch.apply(std::span{run}.first(1 + below(3)), done).ok();
                break;
            }
            }
            const std::vector<Mfn> held = root && *root ? std::vector{root->mfn()} : std::vector<Mfn>{};
            ASSERT_EQ(differences({}, held), 0U) << "step " << step << " seed " << seed;
        }
        root.reset();
        destroy(dom0_); // first, as its tables may map the other's frames
    }
    bool decrease_and_populate(MemoryOwner& o, Mfn m)
    {
        if (!release_domain_frame(o, m).ok()) return false;
        const Mfn fresh = page(o);
        for (Mfn& p : pool_)
            if (p == m && &o == &domu()) p = fresh;
        return true;
    }
};

TEST_F(StormTest, HalfDoneWorkKeepsEveryCountRight1) { storm(11, 3000); }
TEST_F(StormTest, HalfDoneWorkKeepsEveryCountRight2) { storm(12, 3000); }
TEST_F(StormTest, HalfDoneWorkKeepsEveryCountRight3) { storm(13, 3000); }

} // namespace hv::mm::test
