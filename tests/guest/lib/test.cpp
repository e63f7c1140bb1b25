// SPDX-License-Identifier: MIT
// Counts expectations and prints the verdict. The entry point guest_main runs the C++ constructors, then test_main.
// A verdict is printed exactly once; a fault without handler also ends here (trap.cpp).
#include "tests/guest/lib/test.hpp"

#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"

extern "C" {
extern void (*init_array_begin[])();
extern void (*init_array_end[])();
[[noreturn]] void guest_main(pv_start_info* info);
}

namespace guest {

pv_start_info* start_info;

namespace {

unsigned checks;
unsigned failures;

struct ErrorName {
    int code;
    const char* name;
};
constexpr ErrorName kErrors[] = {
    {1, "-EPERM"},       {2, "-ENOENT"},    {3, "-ESRCH"},      {7, "-E2BIG"},   {11, "-EAGAIN"},
    {12, "-ENOMEM"},     {13, "-EACCES"},   {14, "-EFAULT"},    {16, "-EBUSY"},  {17, "-EEXIST"},
    {19, "-ENODEV"},     {22, "-EINVAL"},   {28, "-ENOSPC"},    {38, "-ENOSYS"}, {62, "-ETIME"},
    {95, "-EOPNOTSUPP"}, {105, "-ENOBUFS"}, {107, "-ENOTCONN"}, {34, "-ERANGE"}, {75, "-EOVERFLOW"},
};

const char* error_name(long rc)
{
    for (const ErrorName& e : kErrors) {
        if (rc == -e.code) {
            return e.name;
        }
    }
    return "";
}

} // namespace

bool starts_with(const char* text, const char* prefix)
{
    while (*prefix != 0) {
        if (*text++ != *prefix++) {
            return false;
        }
    }
    return true;
}

bool contains(const char* text, const char* part)
{
    for (; *text != 0; ++text) {
        if (starts_with(text, part)) {
            return true;
        }
    }
    return false;
}

bool has_argument(const char* word)
{
    const char* at = reinterpret_cast<const char*>(start_info->cmd_line);
    unsigned length = 0;
    while (word[length] != 0) {
        ++length;
    }
    while (*at != 0) {
        if (starts_with(at, word) && (at[length] == 0 || at[length] == ' ')) {
            return true;
        }
        while (*at != 0 && *at++ != ' ') {
        }
    }
    return false;
}

Hypervisor hypervisor()
{
    static int known = -1;
    if (known < 0) {
        char extra[64] = {};
        xen_version(PV_XENVER_EXTRAVERSION, extra);
        known = contains(extra, "arapet") ? 1 : 0;
    }
    return known == 1 ? Hypervisor::parapet : Hypervisor::xen;
}

void step(const char* text) { print("%s: %s\n", guest_name, text); }

bool expect(bool ok, const char* what, int line)
{
    ++checks;
    if (!ok) {
        ++failures;
        print("%s:%lu: not true: %s\n", guest_name, static_cast<u64>(line), what);
    }
    return ok;
}

bool expect_eq(u64 got, u64 want, const char* what, int line)
{
    ++checks;
    if (got != want) {
        ++failures;
        print("%s:%lu: %s: got 0x%lx want 0x%lx\n", guest_name, static_cast<u64>(line), what, got, want);
    }
    return got == want;
}

bool expect_rc(long got, long want, const char* what, int line)
{
    ++checks;
    if (got != want) {
        ++failures;
        print("%s:%lu: %s: got %ld %s want %ld %s\n", guest_name, static_cast<u64>(line), what, got, error_name(got),
              want, error_name(want));
    }
    return got == want;
}

void require(long rc, const char* what, int line)
{
    if (rc < 0) {
        print("%s:%lu: preparation failed: %s: %ld %s\n", guest_name, static_cast<u64>(line), what, rc, error_name(rc));
        fail(what);
    }
}

void shutdown(unsigned reason)
{
    pv_sched_shutdown request = {.reason = reason};
    sched_op(PV_SCHEDOP_SHUTDOWN, &request);
    for (;;) {
        asm volatile("pause");
    }
}

void fail(const char* why)
{
    print("RESULT %s FAIL %s\n", guest_name, why);
    shutdown(PV_SHUTDOWN_POWEROFF);
}

void finish()
{
    if (checks == 0) {
        fail("nothing was checked");
    }
    if (failures != 0) {
        print("RESULT %s FAIL %lu of %lu checks\n", guest_name, static_cast<u64>(failures), static_cast<u64>(checks));
    } else {
        print("RESULT %s PASS %lu checks\n", guest_name, static_cast<u64>(checks));
    }
    shutdown(PV_SHUTDOWN_POWEROFF);
}

} // namespace guest

void guest_main(pv_start_info* info)
{
    guest::start_info = info;
    for (void (**f)() = init_array_begin; f != init_array_end; ++f) {
        (*f)();
    }
    test_main();
    guest::finish();
}

// The compiler may call these for copies and initialisers.
extern "C" void* memset(void* to, int value, unsigned long n)
{
    void* start = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
    return start;
}
extern "C" void* memcpy(void* to, const void* from, unsigned long n)
{
    void* start = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}
extern "C" int memcmp(const void* a, const void* b, unsigned long n)
{
    const auto* x = static_cast<const unsigned char*>(a);
    const auto* y = static_cast<const unsigned char*>(b);
    for (; n > 0; --n, ++x, ++y) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
    }
    return 0;
}
