// SPDX-License-Identifier: MIT
// Builds the tables of a user address space from arena pages, leaves first, and checks every step.
#include "tests/guest/lib/user.hpp"

#include "tests/guest/lib/test.hpp"

namespace guest {

UserSpace::UserSpace()
    : l4_(alloc_table()), l3_(alloc_table()), l2_(alloc_table()), l1_(alloc_table()), code_(alloc_page()),
      stack_(alloc_page()), data_(alloc_page())
{
    l1_[0] = entry(mfn_of(code_), kRo);
    l1_[1] = entry(mfn_of(stack_), kRw);
    l1_[2] = entry(mfn_of(data_), kRw);
    l2_[kUserBase >> 21] = entry(mfn_of(l1_), kTable);
    l3_[0] = entry(mfn_of(l2_), kTable);
    l4_[0] = entry(mfn_of(l3_), kTable);
    require(make_read_only(l1_), "user L1 read-only");
    require(make_read_only(l2_), "user L2 read-only");
    require(make_read_only(l3_), "user L3 read-only");
    require(pin(4, l4_), "pinning the user L4");
    require(mmuext(PV_MMUEXT_NEW_USER_BASEPTR, mfn_of(l4_)), "NEW_USER_BASEPTR");
}

void UserSpace::load(const void* begin, const void* end)
{
    u64 size = addr(end) - addr(begin);
    if (size > kPageSize) {
        fail("user code larger than a page");
    }
    __builtin_memcpy(code_, begin, size);
}

TrapFrame UserSpace::context() const
{
    TrapFrame frame = {};
    frame.rip = kUserCode;
    frame.cs = kKernelCs;
    frame.rflags = kUserRflags;
    frame.rsp = kUserStackTop;
    frame.ss = kKernelSs;
    return frame;
}

} // namespace guest
