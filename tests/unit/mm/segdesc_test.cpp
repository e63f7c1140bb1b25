// SPDX-License-Identifier: MIT
#include "fixture.hpp"
#include "mm/segdesc.hpp"

namespace hv::mm::test {

using SegDesc = MmTest;

TEST_F(SegDesc, EveryAccessByteAndSizeInEachPlace)
{
    for (unsigned access = 0; access < 256; ++access)
        for (unsigned size = 0; size < 4; ++size) {
            const std::uint64_t d = 0x00cf0000'0000ffffULL | std::uint64_t{access} << 40;
            const std::uint64_t with_size = (d & ~(3ULL << 53)) | std::uint64_t{size} << 53;
            const bool present = (access & 0x80) != 0;
            const bool segment = (access & 0x10) != 0;
            const bool code = (access & 8) != 0;
            const bool expected = !present || (segment && !(code && size == 3));
            const auto r = harmless_descriptor(with_size);
            ASSERT_EQ(r.ok(), expected) << std::hex << access << " " << size;
            if (r.ok()) {
                EXPECT_EQ(r.take(), present ? with_size | 3ULL << 45 : with_size);
            }
            const Mfn m = page(domu());
            poke(m, access, with_size);
            const auto held = get_segdesc(m, domu());
            ASSERT_EQ(held.ok(), expected);
            EXPECT_EQ(write_descriptor(Maddr{maddr_of(m).raw() + 8}, with_size, domu()).ok(), expected);
            if (held.ok()) {
                EXPECT_EQ(peek(m, access), r.take()) << "ring 3 is forced in place";
                EXPECT_EQ(get_writable(m, domu()).error(), Error::einval);
            }
            ASSERT_TRUE(release_domain_frame(domu(), m).ok());
        }
}

TEST_F(SegDesc, WritesElsewhereAreRefused)
{
    const Tree t = tree(domu());
    ASSERT_TRUE(pin_all(domu(), t.l4, 4).ok());
    EXPECT_FALSE(write_descriptor(maddr_of(t.l1), 0, domu()).ok());
    EXPECT_FALSE(write_descriptor(maddr_of(page(dom0())), 0, domu()).ok());
    EXPECT_FALSE(write_descriptor(Maddr{maddr_of(page(domu())).raw() + 4}, 0, domu()).ok());
    EXPECT_FALSE(write_descriptor(Maddr{~0ULL & ~7ULL}, 0, domu()).ok());
    EXPECT_FALSE(write_descriptor(maddr_of(Mfn{1100}), 0, dom0()).ok());
}

} // namespace hv::mm::test
