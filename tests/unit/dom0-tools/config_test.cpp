// SPDX-License-Identifier: MIT
//
// The syntax of xl.cfg: what is read, and where each complaint points.
#include "libparapet/config.hpp"
#include <gtest/gtest.h>

using namespace parapet;

namespace {

std::string complaint(const std::string& text)
{
    try {
        (void)parse_config(text, "f");
    } catch (const ConfigError& e) {
        return e.what();
    }
    return "none";
}

const std::string& text_of(const ConfigSetting& s) { return std::get<std::string>(s.value.value); }

} // namespace

TEST(Config, ReadsTextNumbersAndLists)
{
    const auto s = parse_config("# a comment\nname = \"a\\\"b\\x41\\v\\n\"; memory=0x80 # rest\n"
                                "disk = [ 'one', # first\n  \"two\",\n  [ 3, -4 ], ]\r\nlast='x'\\\n",
                                "f");
    ASSERT_EQ(s.size(), 4U);
    EXPECT_EQ(text_of(s[0]), "a\"bA\v\n");
    EXPECT_EQ(std::get<long long>(s[1].value.value), 128);
    EXPECT_EQ(s[1].at.line, 2U);
    const auto& list = std::get<ConfigValue::List>(s[2].value.value);
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(std::get<std::string>(list[1].value), "two");
    EXPECT_EQ(list[1].at.line, 4U);
    EXPECT_EQ(list[1].at.column, 3U);
    EXPECT_EQ(std::get<long long>(std::get<ConfigValue::List>(list[2].value)[1].value), -4);
}

TEST(Config, SkipsAByteOrderMark)
{
    EXPECT_EQ(parse_config("\xef\xbb\xbfname='a'\n", "f").at(0).key, "name");
    EXPECT_EQ(complaint("\xef\xbb\xbfname\n"), "f:1:5: '=' is missing after 'name'");
}

TEST(Config, AppendsToListsAndText)
{
    const auto s = parse_config("a = ['x']\na += ['y']\nb = 'p'\nb += 'q'\n", "f");
    ASSERT_EQ(s.size(), 2U);
    EXPECT_EQ(std::get<ConfigValue::List>(s[0].value.value).size(), 2U);
    EXPECT_EQ(text_of(s[1]), "pq");
    EXPECT_EQ(complaint("a = 1\na += 'x'\n"), "f:2:1: '+=' cannot append a text to the number that 'a' is");
}

TEST(Config, SaysWhereAndWhat)
{
    EXPECT_EQ(complaint("name = guest\n"), "f:1:8: text must stand in quotes: \"guest\"");
    EXPECT_EQ(complaint("a = [true]\n"), "f:1:6: there is no 'true' here; write 1");
    EXPECT_EQ(complaint("a = 09\n"), "f:1:5: '09' is not a number (behind a leading 0, digits are octal)");
    EXPECT_EQ(complaint("\n  name 'x'\n"), "f:2:8: '=' is missing after 'name'");
    EXPECT_EQ(complaint("a = 'x\nb = 1\n"), "f:1:5: this text is never closed with its quote");
    EXPECT_EQ(complaint("a = ['x'\n"), "f:1:5: this list is never closed with ']'");
    EXPECT_EQ(complaint("a = ['x' 'y']\n"), "f:1:10: ',' or ']' expected in the list, not '''");
    EXPECT_EQ(complaint("a = 1\na = 2\n"), "f:2:1: 'a' was already set on line 1");
    EXPECT_EQ(complaint("a = 12x\n"), "f:1:5: '12x' is not a number (text must stand in quotes)");
    EXPECT_EQ(complaint("a = 99999999999999999999\n"), "f:1:5: the number 99999999999999999999 is out of range");
    EXPECT_EQ(complaint("a = 1 2\n"), "f:1:7: '2' after the value of 'a'");
    EXPECT_EQ(complaint("a =\n"), "f:1:4: a value is missing");
    EXPECT_EQ(complaint("= 1\n"), "f:1:1: a setting must start with its name, not with '='");
    EXPECT_EQ(complaint("a = '\\q'\n"), "f:1:8: unknown escape \\q");
    EXPECT_EQ(complaint("a = '\\x0'\n"), "f:1:8: two hexadecimal digits, not 00, must follow \\x");
    EXPECT_EQ(complaint("a = [[[[[[[[[1]]]]]]]]]\n"), "f:1:13: lists are nested too deeply");
    EXPECT_EQ(complaint("a = -\n"), "f:1:5: '-' is not a number (text must stand in quotes)");
    EXPECT_EQ(complaint("a = 0x\n"), "f:1:5: '0x' is not a number (text must stand in quotes)");
}

TEST(Config, OverridesNeedNoQuotes)
{
    auto s = parse_config("name = 'a'\nmemory = 1\n", "f");
    override_setting(s, "name=other guest", 2);
    override_setting(s, "memory=256", 2);
    override_setting(s, "extra=\"a=b c\"", 2);
    override_setting(s, "vif=['mac=x']", 2);
    ASSERT_EQ(s.size(), 4U);
    EXPECT_EQ(text_of(s[0]), "other guest");
    EXPECT_EQ(std::get<long long>(s[1].value.value), 256);
    EXPECT_EQ(text_of(s[2]), "a=b c");
    EXPECT_TRUE(s[3].value.is_list());
    for (const auto& [word, number] : {std::pair{"0x10", 16}, {"-3", -3}, {"010", 8}}) {
        override_setting(s, std::string{"extra="} + word, 2);
        EXPECT_EQ(std::get<long long>(s[3].value.value), number);
        EXPECT_EQ(s[3].value.written, word);
    }
    for (const char* word : {"7up", "-", "--5", "-s", "0x", "1,2", "99999999999999999999", ""}) {
        override_setting(s, std::string{"extra="} + word, 2);
        EXPECT_EQ(text_of(s[3]), word);
    }
    EXPECT_THROW(override_setting(s, "name", 2), Error);
    EXPECT_THROW(override_setting(s, "=x", 2), Error);
    EXPECT_THROW(override_setting(s, "a b=x", 2), Error);
    EXPECT_THROW(override_setting(s, "vif=['x'", 2), ConfigError);
}

TEST(Config, WhatIsWrongWithAnOverrideIsFound)
{
    const auto complaint = [](const char* argument, std::size_t number) -> std::string {
        std::vector<ConfigSetting> s;
        try {
            override_setting(s, argument, number);
        } catch (const ConfigError& e) {
            return e.what();
        }
        return "none";
    };
    EXPECT_EQ(complaint("vif=['x'", 2), "argument 2 \"vif=['x'\":5: this list is never closed with ']'");
    EXPECT_EQ(complaint("vif=['x', y]", 7), "argument 7 \"vif=['x', y]\":11: text must stand in quotes: \"y\"");
    std::vector<ConfigSetting> s;
    override_setting(s, "memory=12x", 3);
    EXPECT_EQ(ConfigError(s[0].at, "it").what(), std::string{"argument 3 \"memory=12x\":1: it"});
    EXPECT_EQ(ConfigError(s[0].value.at, "it").what(), std::string{"argument 3 \"memory=12x\":8: it"});
}

TEST(Config, FindsWhatWasMeant)
{
    const std::vector<std::string> words{"memory", "name", "kernel", "vcpus", "maxvcpus"};
    EXPECT_EQ(closest("memroy", words), "memory");
    EXPECT_EQ(closest("Name", words), "name");
    EXPECT_EQ(closest("MEMORY", words), "memory");
    EXPECT_EQ(closest("first", {"FIRST"}), "FIRST");
    EXPECT_EQ(closest("vcpu", words), "vcpus");
    EXPECT_EQ(closest("completely", words), "");
    EXPECT_EQ(closest("cpuid", {"cpus"}), ""); // two edits are too many for a short word
    EXPECT_EQ(closest("maxvpcs", words), "maxvcpus");
    EXPECT_EQ(closest("timer_mode", {"tsc_mode"}), "");
    EXPECT_EQ(closest("x", words), "");
    EXPECT_EQ(closest(std::string(1000, 'a'), words), "");
}
