// SPDX-License-Identifier: MIT
//
// See xenstore.hpp.
#include "libparapet/xenstore.hpp"
#include <cstdlib>
#include <memory>
#include <utility>
extern "C" {
#include <xenstore.h>
}

namespace parapet {
namespace {

struct Free {
    void operator()(void* p) const { std::free(p); }
};

int perms_of(Access access)
{
    constexpr int bits[] = {XS_PERM_NONE, XS_PERM_READ, XS_PERM_WRITE, XS_PERM_READ | XS_PERM_WRITE};
    return bits[static_cast<unsigned>(access)];
}

} // namespace

Store::Store() : store_{xs_open(0)}
{
    if (store_ == nullptr) fail_errno("cannot reach xenstore (is xenstored running?)");
}

Store::~Store() { xs_close(store_); }

std::optional<std::string> Store::read(const std::string& path)
{
    unsigned length = 0;
    const std::unique_ptr<char, Free> value{static_cast<char*>(xs_read(store_, transaction_, path.c_str(), &length))};
    if (value) return std::string{value.get(), length};
    if (errno == ENOENT) return std::nullopt;
    fail_errno("xenstore: cannot read {}", path);
}

std::vector<std::string> Store::list(const std::string& path)
{
    unsigned count = 0;
    const std::unique_ptr<char*, Free> names{xs_directory(store_, transaction_, path.c_str(), &count)};
    if (!names && errno != ENOENT) fail_errno("xenstore: cannot list {}", path);
    return names ? std::vector<std::string>{names.get(), names.get() + count} : std::vector<std::string>{};
}

void Store::write(const std::string& path, const std::string& value)
{
    if (!xs_write(store_, transaction_, path.c_str(), value.data(), static_cast<unsigned>(value.size())))
        fail_errno("xenstore: cannot write {}", path);
}

void Store::write(const std::string& path, const std::string& value, unsigned owner, unsigned other, Access access)
{
    write(path, value);
    xs_permissions perms[2] = {{owner, XS_PERM_NONE}, {other, static_cast<unsigned>(perms_of(access))}};
    if (!xs_set_permissions(store_, transaction_, path.c_str(), perms, owner == other ? 1 : 2))
        fail_errno("xenstore: cannot set the permissions of {}", path);
}

void Store::remove(const std::string& path)
{
    if (!xs_rm(store_, transaction_, path.c_str()) && errno != ENOENT) fail_errno("xenstore: cannot remove {}", path);
}

bool Store::exists(const std::string& path) { return read(path).has_value(); }

void Store::introduce(unsigned domain, std::uint64_t mfn, std::uint32_t port)
{
    if (!xs_introduce_domain(store_, domain, mfn, port)) fail_errno("xenstore does not take domain {} up", domain);
}

void Store::release(unsigned domain)
{
    if (!xs_release_domain(store_, domain) && errno != ENOENT) fail_errno("xenstore does not let domain {} go", domain);
}

void Store::watch(const std::string& path, const std::string& token)
{
    if (!xs_watch(store_, path.c_str(), token.c_str())) fail_errno("xenstore: cannot watch {}", path);
}

void Store::unwatch(const std::string& path, const std::string& token)
{
    if (!xs_unwatch(store_, path.c_str(), token.c_str()) && errno != ENOENT)
        fail_errno("xenstore: cannot stop watching {}", path);
}

int Store::fd() const { return xs_fileno(store_); }

std::optional<std::string> Store::take_event()
{
    const std::unique_ptr<char*, Free> event{xs_check_watch(store_)};
    if (event) return std::string{event.get()[XS_WATCH_TOKEN]};
    if (errno == EAGAIN) return std::nullopt;
    fail_errno("xenstore: the connection is lost");
}

void Store::transaction(const std::function<void()>& work)
{
    for (;;) {
        transaction_ = xs_transaction_start(store_);
        if (transaction_ == XBT_NULL) fail_errno("xenstore: cannot start a transaction");
        try {
            work();
        } catch (...) {
            xs_transaction_end(store_, std::exchange(transaction_, XBT_NULL), true);
            throw;
        }
        if (xs_transaction_end(store_, std::exchange(transaction_, XBT_NULL), false)) return;
        if (errno != EAGAIN) fail_errno("xenstore: cannot end a transaction");
    }
}

} // namespace parapet
