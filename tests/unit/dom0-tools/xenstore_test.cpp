// SPDX-License-Identifier: MIT
//
// The store's client against a daemon that follows a script: what travels together, what a refusal does, where events
// go.
#include "libparapet/xenstore.hpp"
#include "tests/unit/dom0-tools/store_socket.hpp"
#include <gtest/gtest.h>
#include <poll.h>
#include <thread>
#include <unistd.h>
extern "C" {
#include <xen/io/xs_wire.h>
}

using namespace parapet;

namespace {

struct Heard {
    std::uint32_t type, transaction;
    std::string body;
};

/// Listens where XENSTORED_PATH says, for one connection; a test acts as the daemon from a thread of its own.
class Daemon {
public:
    Daemon() = default;
    ~Daemon()
    {
        if (thread_.joinable()) thread_.join();
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    void act(std::function<void()> script)
    {
        thread_ = std::thread{[this, script] {
            connection_ = socket_.accept();
            script();
            connection_ = Descriptor{};
        }};
    }
    Heard hear()
    {
        xsd_sockmsg head{};
        StoreSocket::take(connection_, &head, sizeof head);
        Heard heard{head.type, head.tx_id, std::string(head.len, 0)};
        StoreSocket::take(connection_, heard.body.data(), head.len);
        return heard;
    }
    void say(std::uint32_t type, const std::string& body) { say_together({{type, body}}); }
    void say_together(const std::vector<std::pair<std::uint32_t, std::string>>& messages)
    {
        std::string all;
        for (const auto& [type, body] : messages) {
            const xsd_sockmsg head{type, 0, 0, static_cast<std::uint32_t>(body.size())};
            all.append(reinterpret_cast<const char*>(&head), sizeof head);
            all += body;
        }
        write_all(connection_.get(), all);
    }
    void agree(std::uint32_t type) { say(type, std::string{"OK\0", 3}); }
    void refuse(const char* error) { say(XS_ERROR, {error, std::strlen(error) + 1}); }
    /// Nothing more has been said to us.
    bool silent()
    {
        pollfd ready{connection_.get(), POLLIN, 0};
        return ::poll(&ready, 1, 50) == 0;
    }

private:
    StoreSocket socket_;
    Descriptor connection_;
    std::thread thread_;
};

std::string text(std::initializer_list<const char*> words)
{
    std::string all;
    for (const char* word : words)
        all.append(word, std::strlen(word) + 1);
    return all;
}

TEST(Xenstore, ReadsAndTellsMissingFromEmpty)
{
    Daemon daemon;
    daemon.act([&] {
        EXPECT_EQ(daemon.hear().body, text({"/a"}));
        daemon.say(XS_READ, "one");
        for (int i = 0; i < 3; ++i)
            EXPECT_EQ(daemon.hear().type, std::uint32_t{XS_READ}); // all asked before the first is answered
        daemon.say(XS_READ, "");
        daemon.refuse("ENOENT");
        daemon.say(XS_READ, "c");
        daemon.hear();
        daemon.refuse("EACCES");
    });
    Store store;
    EXPECT_EQ(store.read("/a"), "one");
    const auto values = store.read_all({"/a", "/b", "/c"});
    ASSERT_EQ(values.size(), 3u);
    EXPECT_EQ(values[0], "");
    EXPECT_FALSE(values[1]);
    EXPECT_EQ(values[2], "c");
    EXPECT_THROW(store.read("/secret"), Error);
}

TEST(Xenstore, ABatchTravelsTogetherAndTellsTheFirstRefusal)
{
    Daemon daemon;
    daemon.act([&] {
        EXPECT_EQ(daemon.hear().body, text({"/a"}) + "1");
        const Heard rights = daemon.hear();
        EXPECT_EQ(rights.type, std::uint32_t{XS_SET_PERMS});
        EXPECT_EQ(rights.body, text({"/a", "n0", "r7"}));
        EXPECT_EQ(daemon.hear().body, text({"/b"}));
        EXPECT_TRUE(daemon.silent());
        daemon.agree(XS_WRITE);
        daemon.refuse("ENOSPC");
        daemon.refuse("ENOENT"); // of a removal: no matter
        daemon.hear();
        daemon.agree(XS_WRITE);
    });
    Store store;
    try {
        store.batch([&] {
            store.write("/a", "1", 0, 7, Access::read);
            store.remove("/b");
        });
        ADD_FAILURE() << "no refusal was told";
    } catch (const Error& e) {
        EXPECT_EQ(e.code(), ENOSPC);
        EXPECT_NE(std::string{e.what()}.find("permissions of /a"), std::string::npos);
    }
    store.write("/c", ""); // alone again
}

TEST(Xenstore, AFailureInsideABatchIsTheOneTold)
{
    Daemon daemon;
    daemon.act([&] {
        daemon.hear();
        daemon.refuse("EPERM");
        daemon.hear();
        daemon.say(XS_READ, "x");
    });
    Store store;
    EXPECT_THROW(store.batch([&] {
        store.write("/a", "1");
        throw std::logic_error{"ours"};
    }),
                 std::logic_error);
    EXPECT_EQ(store.read("/b"), "x"); // the answers still belong to their questions
}

TEST(Xenstore, KeepsEventsThatComeBetweenAnswers)
{
    Daemon daemon;
    daemon.act([&] {
        daemon.hear();
        daemon.agree(XS_WATCH);
        daemon.hear();
        daemon.say(XS_WATCH_EVENT, text({"/w/x", "token"}));
        daemon.say_together({{XS_READ, "value"}, {XS_WATCH_EVENT, text({"/w/y", "other"})}});
    });
    Store store;
    store.watch("/w", "token");
    EXPECT_EQ(store.read("/a"), "value");
    for (const char* token : {"token", "other"}) { // a poll of fd() would sleep: both have been read
        EXPECT_TRUE(store.event_waits());
        EXPECT_EQ(store.take_event(), token);
    }
    EXPECT_FALSE(store.event_waits());
}

TEST(Xenstore, RunsATransactionAgainAndGivesItUp)
{
    Daemon daemon;
    daemon.act([&] {
        for (const char* id : {"41", "42"}) {
            EXPECT_EQ(daemon.hear().body, text({""}));
            daemon.say(XS_TRANSACTION_START, text({id}));
            EXPECT_EQ(std::to_string(daemon.hear().transaction), id);
            daemon.agree(XS_WRITE);
            const Heard end = daemon.hear();
            EXPECT_EQ(std::to_string(end.transaction), id);
            EXPECT_EQ(end.body, text({"T"}));
            if (std::string{id} == "41")
                daemon.refuse("EAGAIN");
            else
                daemon.agree(XS_TRANSACTION_END);
        }
        daemon.hear();
        daemon.say(XS_TRANSACTION_START, text({"43"}));
        EXPECT_EQ(daemon.hear().body, text({"F"}));
        daemon.agree(XS_TRANSACTION_END);
        EXPECT_EQ(daemon.hear().transaction, 0u);
        daemon.say(XS_READ, "x");
    });
    Store store;
    int rounds = 0;
    store.transaction([&] {
        store.write("/a", std::to_string(++rounds));
        return true;
    });
    EXPECT_EQ(rounds, 2);
    store.transaction([] { return false; });
    EXPECT_EQ(store.read("/a"), "x");
}

TEST(Xenstore, ListsInPartsWhatIsTooLong)
{
    Daemon daemon;
    daemon.act([&] {
        daemon.hear();
        daemon.say(XS_DIRECTORY, text({"a", "b"}));
        daemon.hear();
        daemon.refuse("E2BIG");
        EXPECT_EQ(daemon.hear().body, text({"/d", "0"}));
        daemon.say(XS_DIRECTORY_PART, text({"7", "one", "two"}));
        EXPECT_EQ(daemon.hear().body, text({"/d", "8"}));
        daemon.say(XS_DIRECTORY_PART, text({"8", "three", ""})); // changed meanwhile: all of it again
        EXPECT_EQ(daemon.hear().body, text({"/d", "0"}));
        daemon.say(XS_DIRECTORY_PART, text({"8", "uno"}));
        EXPECT_EQ(daemon.hear().body, text({"/d", "4"}));
        daemon.say(XS_DIRECTORY_PART, text({"8", "due", ""}));
        daemon.hear();
        daemon.refuse("ENOENT");
    });
    Store store;
    EXPECT_EQ(store.list("/c"), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(store.list("/d"), (std::vector<std::string>{"uno", "due"}));
    EXPECT_TRUE(store.list("/none").empty());
}

TEST(Xenstore, ALostConnectionAndNonsenseAreErrors)
{
    {
        Daemon daemon;
        daemon.act([&] { daemon.hear(); });
        Store store;
        EXPECT_THROW(store.read("/a"), Error);
        EXPECT_THROW(store.read("/b"), Error);
    }
    {
        Daemon daemon;
        daemon.act([&] {
            daemon.hear();
            daemon.agree(XS_RM);
        });
        Store store;
        EXPECT_THROW(store.read("/a"), Error);
    }
    ::setenv("XENSTORED_PATH", "/nonexistent", 1);
    EXPECT_THROW(Store{}, Error);
}

} // namespace
