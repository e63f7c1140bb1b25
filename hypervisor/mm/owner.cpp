// SPDX-License-Identifier: MIT
//
// The registry of owners by id: a plain table, written at birth and death of a domain, read without a lock.
#include "mm/owner.hpp"
#include "base/assert.hpp"

namespace hv::mm {

namespace {
Atomic<MemoryOwner*> owners[PV_DOMID_MASK + 1];
} // namespace

MemoryOwner::MemoryOwner(DomainId id, Privilege privilege) : id_{id}, privilege_{privilege}
{
    ASSERT(id.raw() < PV_DOMID_FIRST_RESERVED);
    MemoryOwner* const before = owners[id.raw()].exchange(this, Order::acq_rel);
    ASSERT(before == nullptr);
}

MemoryOwner::~MemoryOwner()
{
    ASSERT(held() == 0);
    owners[id_.raw()].store(nullptr, Order::release);
}

MemoryOwner* find_owner(DomainId id)
{
    return id.raw() > PV_DOMID_MASK ? nullptr : owners[id.raw()].load(Order::acquire);
}

} // namespace hv::mm
