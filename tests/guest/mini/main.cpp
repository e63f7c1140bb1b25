// SPDX-License-Identifier: MIT
// The smallest whole domain: 8 MB, one vCPU, a console and xenstore. It says on its console that it is up, answers what
// is written into its node data/request in data/answer, and goes when control/shutdown says so: tests/system/scale.py
// and its neighbours have many. As domain 0, which has neither ring, it tries its own ring code on itself.
// Words of the command line: `hostile` takes all that xenstore lets it have and then never rests; `garbage` sends what
// is no request.
#include "tests/guest/lib/console.hpp"
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/store.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

bool equal(const char* a, const char* b) { return starts_with(a, b) && starts_with(b, a); }

void check_rings()
{
    char data[16], taken[32];
    u32 consumed = 0xfffffff8, produced = consumed; // wraps soon
    ByteRing ring{data, sizeof data, consumed, produced};
    const char* text = "0123456789abcdefghij";
    expect_eq(ring.take(taken, 1), 0, "nothing from an empty ring");
    for (unsigned round = 0; round < 5; ++round) {
        expect_eq(ring.put(text, 11), 11, "put");
        expect_eq(ring.put(text + 11, 9), 5, "what there is room for");
        expect_eq(ring.put(text, 1), 0, "a full ring takes nothing");
        expect_eq(ring.take(taken, 3), 3, "a part");
        expect_eq(ring.take(taken + 3, sizeof taken), 13, "the rest");
        expect(__builtin_memcmp(taken, text, 16) == 0, "what was put is taken");
        expect_eq(produced, consumed, "empty again");
    }
    produced += 17;
    expect_eq(ring.take(taken, 1), 0, "an index that makes no sense");
    expect_eq(ring.put(text, 1), 0, "an index that makes no sense");
}

class Mini {
public:
    Mini(Store& store, Console& console) : store_{store}, console_{console} {}

    [[noreturn]] void serve()
    {
        const char* number = store_.read("domid");
        self_ << (number == nullptr ? "?" : number);
        store_.write("control/feature-poweroff", "1");
        store_.write("control/feature-reboot", "1");
        store_.watch("control/shutdown", '1');
        store_.watch("data/request", '2');
        store_.write("data/answer", (Text{} << "up " << self_.text).text);
        console_.say("mini: up as ", self_.text);
        for (;;) {
            if (store_.wait_event() == '1') {
                end_if_asked();
            } else {
                answer();
            }
        }
    }

    // Everything until it is refused; then requests for ever.
    [[noreturn]] void torment()
    {
        many("nodes", [&](u64 n) { return store_.write((Text{} << "data/n" << n).text, "x"); });
        many("watches", [&](u64 n) { return store_.watch((Text{} << "data/w" << n).text, '3'); });
        many("transactions", [&](u64) { return store_.start_transaction(); });
        static char large[4000];
        many("large values", [&](u64) { return store_.write("data/n0", large, sizeof large); });
        many("foreign nodes", [&](u64 n) { return store_.write((Text{} << "/mine" << n).text, "x"); });
        many("nodes of domain 0", [&](u64) { return store_.write("/local/domain/0/name", "x"); });
        console_.say("mini: floods\n");
        for (u64 n = 0;; ++n) {
            store_.write((Text{} << "data/n" << n % 900).text, (Text{} << n).text);
        }
    }

    [[noreturn]] void babble()
    {
        static char nonsense[1024];
        __builtin_memset(nonsense, 0xff, sizeof nonsense);
        console_.say("mini: babbles\n");
        for (;;) {
            store_.send_raw(nonsense, sizeof nonsense);
        }
    }

private:
    template <class F> void many(const char* what, F&& one)
    {
        constexpr u64 enough = 20000;
        u64 n = 0;
        while (n < enough && one(n)) {
            ++n;
        }
        Text said;
        said << "mini: " << n << " " << what << ", then " << (n == enough ? "no end" : store_.error()) << "\n";
        console_.say(said.text);
    }

    void answer()
    {
        const char* request = store_.read("data/request");
        if (request == nullptr) { // not yet there: a new watch fires at once
            return;
        }
        Text answer;
        answer << request << " by " << self_.text;
        store_.write("data/answer", answer.text);
        console_.say("mini: answers ", answer.text);
    }

    void end_if_asked()
    {
        const char* wish = store_.read("control/shutdown");
        if (wish == nullptr || *wish == 0) {
            return;
        }
        const bool reboot = equal(wish, "reboot");
        console_.say("mini: goes: ", wish);
        store_.write("control/shutdown", "");
        shutdown(reboot ? PV_SHUTDOWN_REBOOT : PV_SHUTDOWN_POWEROFF);
    }

    Store& store_;
    Console& console_;
    Text self_;
};

} // namespace

void test_main()
{
    install_traps();
    mask_events();
    if ((start_info->flags & PV_SIF_INITDOMAIN) != 0) {
        check_rings();
        return;
    }
    static Store store{*static_cast<Store::Interface*>(va_of_mfn(start_info->store_mfn)), start_info->store_evtchn};
    static Console console{*static_cast<pv_xencons_interface*>(va_of_mfn(start_info->console.domU.mfn)),
                           start_info->console.domU.evtchn};
    static Mini mini{store, console};
    if (has_argument("hostile")) {
        mini.torment();
    }
    if (has_argument("garbage")) {
        mini.babble();
    }
    mini.serve();
}
