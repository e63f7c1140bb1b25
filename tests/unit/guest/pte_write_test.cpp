// SPDX-License-Identifier: MIT
//
// Stores into read-only L1 tables, on real frames and a validated root: applied as the instruction says, or the
// guest's own fault.
#include "arch/host/machine.hpp"
#include "guest/emulate.hpp"
#include "guest/guest_ptr.hpp"
#include "guest/triage.hpp"
#include "mm/allocator.hpp"
#include "mm/audit.hpp"
#include "mm/init.hpp"
#include "mm/window.hpp"
#include <gtest/gtest.h>
#include <memory>

namespace hv::guest::test {

// All in the first page table: page n is at n << 12.
constexpr std::uint64_t code_page = 1, stack_page = 2, table_page = 3, data_page = 4, readonly_page = 5, spare = 6;
constexpr std::uint64_t handler = code_page << 12 | 0x800, slot = table_page << 12 | data_page * 8;
constexpr std::uint64_t user = 4;

class PteWrite : public ::testing::TestWithParam<bool> {
protected:
    PteWrite()
    {
        constexpr std::size_t frames = 2048;
        arch::host::reset(frames);
        mm::init(Mfn{frames});
        mm::reserve({page_size, frames * page_size});
        mm::release_reserved({page_size, frames * page_size});
        owner = std::make_unique<mm::MemoryOwner>(DomainId{7}, mm::Privilege::none);
        owner->set_max_pages(100);
        v = std::make_unique<VcpuState>(VcpuId{0}, *owner, policy);
        EXPECT_TRUE(v->allocate().ok());
        v->hot.info = &info;
        const Mfn l4 = page(), l3 = page(), l2 = page();
        l1 = page();
        data = page();
        set(l4, 0, l3, 7);
        set(l3, 0, l2, 7);
        set(l2, 0, l1, 7);
        set(l1, code_page, page(), 7);
        set(l1, stack_page, page(), 7);
        set(l1, table_page, l1, 5);
        set(l1, data_page, data, 7);
        set(l1, readonly_page, page(), 5);
        auto root = mm::get_root(l4, *owner);
        EXPECT_TRUE(root.ok());
        v->set_root(true, std::move(root).take());
        v->load();
        v->regs().cs = 0xe033;
        v->regs().ss = 0xe02b;
        v->regs().rflags = 0x202;
        v->regs().rip = code_page << 12;
        v->regs().rsp = (stack_page + 1) << 12;
        v->regs().rbx = slot;
        v->hot.traps[14] = {14, PV_TI_IF, 0x10, 0, handler};
    }
    ~PteWrite() override
    {
        v->unload();
        v->drop_references();
        owner->set_dying();
        while (mm::relinquish(*owner).error() == Error::restart) {
        }
        EXPECT_EQ(owner->held(), 0u);
        v.reset();
    }
    Mfn page() { return mm::alloc_domain_frames(*owner, 0).take(); }
    static void set(Mfn table, std::uint64_t index, Mfn m, std::uint64_t flags)
    {
        mm::FrameWindow<std::uint64_t>{table}[index] = maddr_of(m).raw() | flags;
    }
    [[nodiscard]] std::uint64_t entry(std::uint64_t index) const { return mm::FrameWindow<std::uint64_t>{l1}[index]; }

    /// A write fault at @p address by the instruction; true if it was emulated, false if the guest got its fault.
    template <std::size_t N> bool emulates(const std::uint8_t (&bytes)[N], std::uint64_t address = slot)
    {
        auto& r = v->regs();
        const std::uint64_t rip = r.rip;
        EXPECT_TRUE(copy_to_guest_bytes(GuestVa{rip}, std::as_bytes(std::span{bytes})).ok());
        r.entry_vector = 14;
        r.error_code = 7;
        const auto code = In<std::uint32_t>{GuestVa{rip}}.read();
        if (GetParam() && code.ok() && store_page_table_entry(r, address, code.take(), *v) != nullptr) { // as fast.S
            r.rip += 3 + (code.take() >> 22 & 1);
            r.rflags &= ~std::uint64_t{0x10000};
        } else {
            EXPECT_EQ(handle_trap(*v, v->regs(), address), Outcome::resume);
        }
        if (r.rip == rip + N) return true;
        EXPECT_EQ(r.rip, handler);
        EXPECT_EQ(info.arch.cr2, address);
        const auto error = In<std::uint64_t>{GuestVa{r.rsp}}.read(2).take();
        EXPECT_EQ(error, 3u);
        return false;
    }

    DomainPolicy policy;
    pv_vcpu_info info{};
    std::unique_ptr<mm::MemoryOwner> owner;
    std::unique_ptr<VcpuState> v;
    Mfn l1{}, data{};
};

constexpr std::uint64_t frame_bits = 0x000ffffffffff000;

INSTANTIATE_TEST_SUITE_P(WithAndWithoutFastPaths, PteWrite, testing::Bool());

TEST_P(PteWrite, XchgClearsAndReturnsTheOldEntry)
{
    const std::uint64_t old = entry(data_page);
    v->regs().rcx = 0;
    EXPECT_TRUE(emulates({0x48, 0x87, 0x0b})); // xchg %rcx,(%rbx)
    EXPECT_EQ(entry(data_page), 0u);
    EXPECT_EQ(v->regs().rcx, old);
    EXPECT_TRUE(mm::get_segdesc(data, *owner).ok()); // no longer writable anywhere
}

TEST_P(PteWrite, MovInstallsAnEntry)
{
    const Mfn m = page();
    v->regs().rax = maddr_of(m).raw() | 0x63;
    v->regs().rbx = table_page << 12 | spare * 8;
    EXPECT_TRUE(emulates({0x48, 0x89, 0x03}, v->regs().rbx));
    EXPECT_EQ(entry(spare) & (frame_bits | 0x67), maddr_of(m).raw() | 0x67); // the U bit is added
    EXPECT_FALSE(mm::get_segdesc(m, *owner).ok());
}

TEST_P(PteWrite, WholeStoresWithEveryKindOfAddress)
{
    auto& r = v->regs();
    const std::uint64_t old = entry(data_page);
    const auto moves = [&](const auto& bytes, std::uint64_t& base, std::uint64_t at, std::uint64_t& reg) {
        base = at;
        for (const std::uint64_t next : {std::uint64_t{0}, old}) {
            reg = next;
            r.rip = code_page << 12;
            EXPECT_TRUE(emulates(bytes));
            EXPECT_EQ(entry(data_page), next);
            EXPECT_EQ(reg, next ^ old);
        }
    };
    using Three = std::uint8_t[3];
    using Four = std::uint8_t[4];
    using Seven = std::uint8_t[7];
    moves(Four{0x48, 0x87, 0x4b, 0x40}, r.rbx, slot - 0x40, r.rcx);                          // xchg %rcx,64(%rbx)
    moves(Four{0x48, 0x87, 0x4b, 0xf8}, r.rbx, slot + 8, r.rcx);                             // xchg %rcx,-8(%rbx)
    moves(Seven{0x48, 0x87, 0x8b, 0x78, 0x56, 0x34, 0x12}, r.rbx, slot - 0x12345678, r.rcx); // 32-bit displacements
    moves(Seven{0x48, 0x87, 0x8b, 0xf8, 0xff, 0xff, 0xff}, r.rbx, slot + 8, r.rcx);
    moves(Four{0x4d, 0x87, 0x4d, 0x00}, r.r13, slot, r.r9); // xchg %r9,0(%r13)
    moves(Four{0x4d, 0x87, 0x0c, 0x24}, r.r12, slot, r.r9); // xchg %r9,(%r12): a SIB byte
    moves(Three{0x4c, 0x87, 0x08}, r.rax, slot, r.r9);      // xchg %r9,(%rax)
    moves(Three{0x49, 0x87, 0x00}, r.r8, slot, r.rax);      // xchg %rax,(%r8)
    constexpr std::uint64_t ahead = slot - (code_page << 12) - 7;
    static_assert(ahead < 0x10000);
    const Seven relative{0x48, 0x87, 0x0d, ahead & 0xff, ahead >> 8, 0, 0}; // xchg %rcx,ahead(%rip)
    moves(relative, r.rbx, 0, r.rcx);
    r.r9 = 0;
    r.r11 = slot;
    EXPECT_TRUE(emulates({0x4d, 0x89, 0x0b})); // mov %r9,(%r11)
    EXPECT_EQ(entry(data_page), 0u);
    EXPECT_EQ(r.r9, 0u);
}

TEST_P(PteWrite, CodeThatEndsWithItsPage)
{
    v->regs().rcx = 0;
    v->regs().rbx = table_page << 12 | readonly_page * 8;
    EXPECT_TRUE(emulates({0x48, 0x87, 0x0b}, v->regs().rbx)); // unmaps the page behind the data page
    v->regs().rip = (data_page << 12 | page_size) - 3;
    EXPECT_TRUE(emulates({0x48, 0x87, 0x0b}, v->regs().rbx));
    EXPECT_NE(entry(readonly_page), 0u);
}

TEST_P(PteWrite, ByteAndRemovesWriteAccess)
{
    v->regs().r12 = slot;
    EXPECT_TRUE(emulates({0xf0, 0x41, 0x80, 0x24, 0x24, 0xfd})); // lock andb $0xfd,(%r12)
    EXPECT_EQ(entry(data_page) & 3, 1u);
    EXPECT_EQ(entry(data_page) & frame_bits, maddr_of(data).raw());
    EXPECT_EQ(v->regs().rflags & 0x8c1, 0u); // CF ZF SF OF: the result is neither zero nor negative
}

TEST_P(PteWrite, CompareAndExchange)
{
    const std::uint64_t old = entry(data_page);
    v->regs().rax = old ^ 2;
    v->regs().rdx = 0;
    EXPECT_TRUE(emulates({0xf0, 0x48, 0x0f, 0xb1, 0x13})); // lock cmpxchg %rdx,(%rbx)
    EXPECT_EQ(v->regs().rflags & 0x40, 0u);
    EXPECT_EQ(v->regs().rax, old);
    EXPECT_EQ(entry(data_page), old);
    EXPECT_TRUE(emulates({0xf0, 0x48, 0x0f, 0xb1, 0x13}));
    EXPECT_EQ(v->regs().rflags & 0x40, 0x40u);
    EXPECT_EQ(entry(data_page), 0u);
}

TEST_P(PteWrite, BitTestAndReset)
{
    EXPECT_TRUE(emulates({0xf0, 0x48, 0x0f, 0xba, 0x33, 0x01})); // lock btr $1,(%rbx)
    EXPECT_EQ(v->regs().rflags & 1, 1u);
    EXPECT_EQ(entry(data_page) & 2, 0u);
    EXPECT_TRUE(emulates({0xf0, 0x48, 0x0f, 0xba, 0x33, 0x01}));
    EXPECT_EQ(v->regs().rflags & 1, 0u);
    EXPECT_TRUE(emulates({0xf0, 0x48, 0x0f, 0xba, 0x2b, 0x01})); // bts gives it back
    EXPECT_EQ(entry(data_page) & 2, 2u);
}

TEST_P(PteWrite, RefusedEntriesAreTheGuestsFault)
{
    const std::uint64_t old = entry(data_page);
    v->regs().rax = maddr_of(l1).raw() | 7; // a writable page table
    EXPECT_FALSE(emulates({0x48, 0x89, 0x03}));
    EXPECT_EQ(entry(data_page), old);
}

TEST_P(PteWrite, OrdinaryReadOnlyPagesAreTheGuestsFault)
{
    v->regs().rbx = readonly_page << 12;
    EXPECT_FALSE(emulates({0x48, 0x87, 0x0b}, readonly_page << 12));
}

TEST_P(PteWrite, AnInstructionThatDoesNotReachTheAddressIsTheGuestsFault)
{
    EXPECT_FALSE(emulates({0x48, 0x87, 0x0b}, slot + 8));
}

TEST_P(PteWrite, OddSizesAndAlignmentsAreTheGuestsFault)
{
    const std::uint64_t old = entry(data_page);
    EXPECT_FALSE(emulates({0x66, 0x89, 0x03})); // two bytes
    v->regs().rip = code_page << 12;
    v->regs().rbx = slot + 4;
    EXPECT_FALSE(emulates({0x48, 0x89, 0x03}, slot + 4)); // across two entries
    EXPECT_EQ(entry(data_page), old);
}

TEST_P(PteWrite, UserModeIsNeverEmulated)
{
    const std::uint64_t old = entry(data_page);
    v->hot.user_root = v->hot.kernel_root;
    v->hot.kernel_sp = v->regs().rsp;
    v->enter_user_mode();
    v->regs().cs = 0x33;
    v->regs().entry_vector = 14;
    v->regs().error_code = 7;
    ASSERT_TRUE(copy_to_guest_bytes(GuestVa{v->regs().rip}, std::as_bytes(std::span{"\x48\x87\x0b"})).ok());
    EXPECT_EQ(handle_trap(*v, v->regs(), slot), Outcome::resume);
    EXPECT_EQ(v->regs().rip, handler);
    EXPECT_EQ(entry(data_page), old);
    v->hot.user_root = 0;
}

} // namespace hv::guest::test
