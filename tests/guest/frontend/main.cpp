// SPDX-License-Identifier: MIT
// A hostile frontend of a split disk or network interface: a domain of 8 MB that connects to the stock backend of
// domain 0 by hand and then does one thing no driver would do, named by the words of its command line; it says on its
// console what came of it. tests/system/hostile_frontend.py makes such domains. As domain 0 it checks its structures.
#include "tests/guest/lib/console.hpp"
#include "tests/guest/lib/event.hpp"
#include "tests/guest/lib/grant.hpp"
#include "tests/guest/lib/store.hpp"
#include "tests/guest/lib/test.hpp"
#include "tests/guest/lib/trap.hpp"

using namespace guest;

namespace {

struct RingHead {
    u32 request_produced, request_event, response_produced, response_event;
    u32 unused[12];
};

struct Segment {
    u32 ref;
    u8 first, last;
    u16 hole;
};

struct BlockRequest {
    u8 operation, segments;
    u16 handle;
    u32 hole;
    u64 id, sector;
    Segment segment[11];
};

struct BlockResponse {
    u64 id;
    u8 operation;
    u8 hole;
    short status;
    u32 more;
};

union BlockEntry {
    BlockRequest request;
    BlockResponse response;
};

struct NetRequest {
    u32 ref;
    u16 offset, flags, id, size;
};

struct NetResponse {
    u16 id;
    short status;
};

union NetEntry {
    NetRequest request;
    NetResponse response;
};

template <class Entry> struct Ring {
    static constexpr u32 count = sizeof(Entry) == sizeof(BlockEntry) ? 32 : 256;
    RingHead head;
    Entry entry[count];
};

constexpr u32 kRing = 20, kReceiveRing = 21, kData = 22; // grants
constexpr u32 kNoGrant = 400;                            // nothing was ever granted there
constexpr const char* kDisk = "device/vbd/51712";
constexpr const char* kInterface = "device/vif/0";

/// One device's nodes, by which it talks to its backend.
class Device {
public:
    Device(Store& store, Console& console, const char* home) : store_{store}, console_{console}, home_{home}
    {
        backend_ << store_.read(path("backend").text) << "/state";
        store_.watch(backend_.text, '1');
    }

    void write(const char* key, const char* value)
    {
        if (!store_.write(path(key).text, value)) console_.say("frontend: not written: ", key);
    }
    void write(const char* key, u64 value) { write(key, (Text{} << value).text); }

    char backend_state()
    {
        const char* state = store_.read(backend_.text);
        return state == nullptr ? '?' : *state;
    }
    /// Sleeps until the backend is in one of these states.
    char await(const char* states)
    {
        for (;;) {
            const char now = backend_state();
            for (const char* s = states; *s != 0; ++s)
                if (*s == now) return now;
            store_.wait_event();
        }
    }
    void say(const char* what, char state)
    {
        const char text[] = {state, '\0'};
        console_.say((Text{} << "frontend: " << what << ", backend " << text << "\n").text);
    }
    Console& console() { return console_; }

private:
    Text path(const char* key) { return Text{} << home_ << "/" << key; }

    Store& store_;
    Console& console_;
    const char* home_;
    Text backend_;
};

u32 offer_port()
{
    pv_evtchn_alloc_unbound offer = {};
    offer.dom = PV_DOMID_SELF;
    require(event_op(PV_EVTCHNOP_ALLOC_UNBOUND, &offer), "alloc_unbound");
    clear_port_mask(offer.port);
    return offer.port;
}

template <class Entry> Ring<Entry>& make_ring(u32 ref)
{
    auto* ring = reinterpret_cast<Ring<Entry>*>(alloc_page());
    ring->head.request_event = ring->head.response_event = 1;
    grant(ref, ring);
    return *ring;
}

/// Sleeps until the backend has answered so many.
template <class Entry> void answers(Ring<Entry>& ring, u32 port, u32 wanted)
{
    for (;;) {
        clear_port(port);
        const u32 produced = __atomic_load_n(&ring.head.response_produced, __ATOMIC_ACQUIRE);
        if (static_cast<s32>(produced - wanted) >= 0) return;
        wait_port(port);
    }
}

template <class Entry> void push(Ring<Entry>& ring, u32 port, u32 produced)
{
    ring.head.response_event = produced; // to be rung when all are answered
    __atomic_store_n(&ring.head.request_produced, produced, __ATOMIC_RELEASE);
    send(port);
}

void offer_disk(Device& disk, u32 port)
{
    disk.await("2");
    disk.write("ring-ref", kRing);
    disk.write("event-channel", port);
    disk.write("protocol", "x86_64-abi");
}

void offer_interface(Device& net, u32 port)
{
    net.await("2");
    net.write("tx-ring-ref", kRing);
    net.write("rx-ring-ref", kReceiveRing);
    net.write("event-channel", port);
    net.write("request-rx-copy", "1");
}

/// Five requests that no disk can serve, each of them refused by an answer, then one that it can.
void wrong_requests(Device& disk, Ring<BlockEntry>& ring, u32 port)
{
    u8* page = alloc_page();
    grant(kData, page);
    const Segment good = {kData, 0, 7, 0};
    const BlockRequest requests[] = {
        {0, 1, 0, 0, 100, 0, {{kNoGrant, 0, 7, 0}}}, // no such grant
        {99, 1, 0, 0, 101, 0, {good}},               // no such operation
        {0, 255, 0, 0, 102, 0, {good}},              // more segments than there is room for
        {0, 1, 0, 0, 103, 1ul << 40, {good}},        // far beyond the end
        {1, 1, 0, 0, 104, 0, {{kData, 6, 2, 0}}},    // ends before it begins
        {0, 1, 0, 0, 105, 0, {good}},
    };
    unsigned refused = 0, served = 0, produced = 0;
    for (const BlockRequest& request : requests) {
        ring.entry[produced % ring.count].request = request;
        push(ring, port, ++produced);
        answers(ring, port, produced);
        const BlockResponse got = ring.entry[(produced - 1) % ring.count].response;
        (got.status == 0 ? served : refused) += 1;
        if (got.id != request.id) disk.console().say("frontend: answers another request\n");
    }
    disk.console().say((Text{} << "frontend: refused " << u64{refused} << ", served " << u64{served} << "\n").text);
}

void sleep_ns(u64 length)
{
    pv_sched_poll nothing = {};
    nothing.timeout = system_time() + length;
    sched_op(PV_SCHEDOP_POLL, &nothing);
}

/// States that do not follow each other, and some that are none.
void jump(Device& device)
{
    static const char* const states[] = {"4",  "1",  "6",   "3", "2",          "5", "7", "8",
                                         "77", "-1", "abc", "",  "4294967299", "6", "1", "4"};
    for (const char* state : states) {
        device.write("state", state);
        sleep_ns(200'000'000); // or the backend would see only the last
    }
    device.say("jumped", device.backend_state());
}

void attack_disk(Device& disk)
{
    const u32 port = offer_port();
    Ring<BlockEntry>& ring = make_ring<BlockEntry>(kRing);
    offer_disk(disk, port);
    if (has_argument("ref")) disk.write("ring-ref", kNoGrant);
    if (has_argument("port")) disk.write("event-channel", 900);
    if (has_argument("own-port")) disk.write("event-channel", start_info->store_evtchn);
    if (has_argument("words")) disk.write("ring-ref", "garbage");
    if (has_argument("protocol")) disk.write("protocol", "mips-abi");
    if (has_argument("pages")) disk.write("ring-page-order", "30");
    if (has_argument("queues")) disk.write("multi-queue-num-queues", "4000000000");
    if (has_argument("jumps")) return jump(disk);
    disk.write("state", "3");
    const char state = disk.await("456");
    if (state == '4' && has_argument("index")) push(ring, port, 100'000);
    if (state == '4' && has_argument("requests")) wrong_requests(disk, ring, port);
    disk.say("connected or not", state);
}

void attack_interface(Device& net)
{
    const u32 port = offer_port();
    Ring<NetEntry>& ring = make_ring<NetEntry>(kRing);
    make_ring<NetEntry>(kReceiveRing);
    offer_interface(net, port);
    if (has_argument("ref")) net.write("tx-ring-ref", kNoGrant);
    if (has_argument("port")) net.write("event-channel", 900);
    if (has_argument("queues")) net.write("multi-queue-num-queues", "1000");
    if (has_argument("jumps")) return jump(net);
    net.write("state", "4");
    const char state = net.await("456");
    if (state == '4' && has_argument("index")) push(ring, port, 100'000);
    if (state == '4' && has_argument("cross")) {
        ring.entry[0].request = {kData, 4000, 0, 7, 200};
        push(ring, port, 1);
    }
    if (state == '4' && has_argument("requests")) { // grants that are none
        for (u32 i = 0; i < 8; ++i)
            ring.entry[i].request = {kNoGrant + i, 0, 0, static_cast<u16>(i), 100};
        push(ring, port, 8);
        answers(ring, port, 8);
        unsigned refused = 0;
        for (u32 i = 0; i < 8; ++i)
            refused += ring.entry[i].response.status < 0 ? 1 : 0;
        net.console().say((Text{} << "frontend: refused " << u64{refused} << "\n").text);
    }
    net.say("connected or not", state);
}

} // namespace

void test_main()
{
    install_traps();
    mask_events();
    if ((start_info->flags & PV_SIF_INITDOMAIN) != 0) {
        expect_eq(sizeof(BlockRequest), 112, "a request to a disk");
        expect_eq(sizeof(BlockResponse), 16, "its answer");
        expect_eq(sizeof(Ring<BlockEntry>), 64 + 32 * 112, "a disk's ring");
        expect_eq(sizeof(NetRequest), 12, "a request to an interface");
        expect_eq(sizeof(Ring<NetEntry>), 64 + 256 * 12, "an interface's ring");
        return;
    }
    static Store store{*static_cast<Store::Interface*>(va_of_mfn(start_info->store_mfn)), start_info->store_evtchn};
    static Console console{*static_cast<pv_xencons_interface*>(va_of_mfn(start_info->console.domU.mfn)),
                           start_info->console.domU.evtchn};
    Device device{store, console, has_argument("disk") ? kDisk : kInterface};
    if (has_argument("disk"))
        attack_disk(device);
    else
        attack_interface(device);
    for (;;) // still there: whatever the backend does now, the ring and the port stay
        store.wait_event();
}
