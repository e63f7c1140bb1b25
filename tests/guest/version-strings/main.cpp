// SPDX-License-Identifier: MIT
// xen_version and console_io: strings end where they should, sizes are right, bad pointers are -EFAULT, and a console
// write of several kilobytes is taken whole.
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

bool terminated(const char* text, unsigned size)
{
    for (unsigned i = 0; i < size; ++i) {
        if (text[i] == 0) {
            return true;
        }
    }
    return false;
}

void check_strings()
{
    static char text[1200];
    struct Query {
        u64 op;
        unsigned size;
        const char* name;
    };
    const Query queries[] = {{PV_XENVER_EXTRAVERSION, PV_EXTRAVERSION_LEN, "extraversion"},
                             {PV_XENVER_CAPABILITIES, PV_CAPABILITIES_INFO_LEN, "capabilities"},
                             {PV_XENVER_CHANGESET, PV_CHANGESET_INFO_LEN, "changeset"},
                             {PV_XENVER_COMMANDLINE, PV_COMMANDLINE_LEN, "commandline"},
                             {PV_XENVER_COMPILE_INFO, sizeof(pv_compile_info), "compile_info"}};
    for (const Query& q : queries) {
        __builtin_memset(text, 0x5a, sizeof text);
        expect_rc(xen_version(q.op, text), 0, q.name);
        expect(terminated(text, q.size), "the text ends inside its array");
        expect_eq(static_cast<u8>(text[q.size]), 0x5a, "nothing is written behind it");
        print("version-strings: %s '%s'\n", q.name, text);
        if (q.op == PV_XENVER_CAPABILITIES) {
            expect(contains(text, "xen-3.0-x86_64"), "capabilities name the guest type");
        }
        if (q.op == PV_XENVER_COMMANDLINE) {
            expect(contains(text, "dom0_mem=64M"), "the hypervisor's own command line");
        }
        expect_rc(hypercall(PV_HYPERCALL_XEN_VERSION, q.op, 0x1000), -14, "a bad pointer");
        expect_rc(hypercall(PV_HYPERCALL_XEN_VERSION, q.op, 0xffff830000000000), -14, "a hypervisor pointer");
    }
}

void check_numbers()
{
    pv_platform_parameters platform = {};
    expect_rc(xen_version(PV_XENVER_PLATFORM_PARAMETERS, &platform), 0, "platform_parameters");
    expect_eq(platform.virt_start, 0xffff800000000000, "virt_start");
    expect_rc(xen_version(PV_XENVER_PAGESIZE), 4096, "pagesize");
    pv_domain_handle handle;
    __builtin_memset(&handle, 0x5a, sizeof handle);
    expect_rc(xen_version(PV_XENVER_GUEST_HANDLE, &handle), 0, "guest_handle");
    u64 sum = 0;
    for (u8 byte : handle.a) {
        sum += byte;
    }
    expect_eq(sum, 0, "dom0's is zero");
    long rc = xen_version(PV_XENVER_BUILD_ID);
    expect(rc == 20 || rc == -61, "build_id without a buffer gives the length, or -ENODATA");
    print("version-strings: build_id length %ld\n", rc);
}

void check_console()
{
    static char text[6000];
    for (unsigned i = 0; i < sizeof text; ++i) {
        text[i] = i % 100 == 99 ? '\n' : '.';
    }
    expect_rc(console_write(text, 4096), 0, "4096 bytes in one call");
    expect_rc(console_write(text, sizeof text), 0, "6000 bytes in one call");
    expect_rc(console_write(text, 0), 0, "none");
    expect_rc(hypercall(PV_HYPERCALL_CONSOLE_IO, PV_CONSOLEIO_WRITE, 10, 0x1000), -14, "a bad pointer");
    expect_rc(hypercall(PV_HYPERCALL_CONSOLE_IO, PV_CONSOLEIO_WRITE, 10, 0xffff830000000000), -14, "the hypervisor's");
    char input[16];
    expect_rc(hypercall(PV_HYPERCALL_CONSOLE_IO, PV_CONSOLEIO_READ, 16, addr(input)), 0, "no input");
}

} // namespace

void test_main()
{
    install_traps();
    step("strings");
    check_strings();
    step("numbers");
    check_numbers();
    step("console");
    check_console();
}
