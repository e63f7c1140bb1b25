// SPDX-License-Identifier: MIT
//
// Every number, struct size, member offset and member size of pv-abi/ equals Xen's public headers, and no
// name escapes the comparison: the headers are parsed here and held against the list of rows, both ways.
#include "tests/abi.h"
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/pv_abi/oracle.hpp" // last: it leaves strict ISO mode

namespace {

struct Row {
    std::string_view name; // PV_X, "pv_x" or "pv_x.member"
    std::string_view what;
    long long ours, xen;
};

#define ROW(name, what, ours, xen) Row{name, what, static_cast<long long>(ours), static_cast<long long>(xen)},
#define CONSTANT(ours, xen) ROW(#ours, "value", ours, xen)
#define SIZE(ours, xen) ROW(#ours, "size", sizeof(struct ours), sizeof(xen))
// We have only what precedes Xen's flexible part.
#define HEAD(ours, xen, rest) ROW(#ours, "size", sizeof(struct ours), offsetof(xen, rest))
#define MEMBER_AS(ours, xen, member, xen_member)                                                                       \
    ROW(#ours "." #member, "offset", offsetof(struct ours, member), offsetof(xen, xen_member))                         \
    ROW(#ours "." #member, "size", sizeof(((struct ours*)nullptr)->member), sizeof(((xen*)nullptr)->xen_member))
#define MEMBER(ours, xen, member) MEMBER_AS(ours, xen, member, member)
// Xen has a bare array where we have a struct of one member.
#define WHOLE(ours, xen, member)                                                                                       \
    ROW(#ours "." #member, "offset", offsetof(struct ours, member), 0)                                                 \
    ROW(#ours "." #member, "size", sizeof(((struct ours*)nullptr)->member), sizeof(xen))

constexpr Row table[] = {
#include "tests/unit/pv_abi/rows/console.inc"
#include "tests/unit/pv_abi/rows/domctl.inc"
#include "tests/unit/pv_abi/rows/errno.inc"
#include "tests/unit/pv_abi/rows/event.inc"
#include "tests/unit/pv_abi/rows/grant.inc"
#include "tests/unit/pv_abi/rows/hypercall.inc"
#include "tests/unit/pv_abi/rows/memory.inc"
#include "tests/unit/pv_abi/rows/mmu.inc"
#include "tests/unit/pv_abi/rows/physdev.inc"
#include "tests/unit/pv_abi/rows/platform.inc"
#include "tests/unit/pv_abi/rows/sched.inc"
#include "tests/unit/pv_abi/rows/start_info.inc"
#include "tests/unit/pv_abi/rows/sysctl.inc"
#include "tests/unit/pv_abi/rows/types.inc"
#include "tests/unit/pv_abi/rows/vcpu.inc"
#include "tests/unit/pv_abi/rows/version.inc"
};

namespace fs = std::filesystem;

fs::path abi_dir() { return fs::path{__FILE__}.parent_path() / "../../../pv-abi"; }

/// Names declared by one header, in the spelling of Row::name.
class HeaderNames {
public:
    explicit HeaderNames(const fs::path& header)
    {
        std::ifstream in{header};
        EXPECT_TRUE(in) << header;
        for (std::string line; std::getline(in, line);)
            take(trim(line.substr(0, line.find("//"))));
        EXPECT_TRUE(struct_.empty()) << header << ": struct " << struct_ << " does not end";
    }
    std::set<std::string> names;

private:
    static std::string trim(const std::string& s)
    {
        const auto first = s.find_first_not_of(" \t");
        return first == s.npos ? "" : s.substr(first, s.find_last_not_of(" \t") - first + 1);
    }

    void take(const std::string& line)
    {
        if (line.starts_with("#define PV_"))
            take_define(line.substr(8));
        else if (struct_.empty() && line.starts_with("struct pv_") && line.ends_with(" {"))
            names.insert(struct_ = line.substr(7, line.size() - 9));
        else if (!struct_.empty())
            take_inside(line);
    }

    void take_define(const std::string& rest)
    {
        const auto end = rest.find_first_of(" (");
        if (end != rest.npos && rest[end] == ' ') names.insert(rest.substr(0, end));
    }

    void take_inside(const std::string& line)
    {
        if (line == "union {" || line == "struct {") {
            open_.push_back(members_.size());
        } else if (line.starts_with("}")) {
            close(trim(line.substr(1, line.size() - 2)));
        } else if (line.starts_with("PV_ARM(")) {
            const auto name = line.find(", ") + 2;
            add(line.substr(name, line.find(",", name) - name));
        } else if (!line.empty()) {
            const auto type_end = line.find(' ', line.starts_with("struct ") ? 7 : 0);
            for (auto at = type_end; at < line.size();) {
                const auto end = line.find_first_of(",;", at);
                if (end == line.npos) throw std::runtime_error{"no end of a member in: " + line};
                add(line.substr(at, line.find('[', at) < end ? line.find('[', at) - at : end - at));
                at = end + 1;
            }
        }
    }

    void close(const std::string& name)
    {
        if (!open_.empty()) {
            for (auto i = open_.back(); i < members_.size(); i++)
                members_[i] = name + "." + members_[i];
            open_.pop_back();
            return;
        }
        for (const auto& m : members_)
            names.insert(struct_ + "." + m);
        members_.clear();
        struct_.clear();
    }

    void add(const std::string& declarator)
    {
        const std::string name = trim(declarator);
        const bool filler = name.starts_with("hole") || name == "words"; // not Xen's names
        if (!filler) members_.push_back(name);
    }

    std::string struct_;
    std::vector<std::string> members_;
    std::vector<std::size_t> open_; // index of the first member inside each open brace
};

TEST(PvAbi, EveryRowEqualsXen)
{
    for (const Row& row : table)
        EXPECT_EQ(row.ours, row.xen) << row.what << " of " << row.name;
    RecordProperty("checks", static_cast<int>(std::size(table)));
    std::cout << "pv_abi: " << std::size(table) << " numbers compared\n";
}

TEST(PvAbi, EmulatePrefixEqualsXen)
{
    const unsigned char ours[] = {PV_EMULATE_PREFIX};
    std::string text = ".byte ";
    for (const unsigned char byte : ours) {
        char digits[8];
        std::snprintf(digits, sizeof digits, "0x%02x,", byte);
        text += digits;
    }
    text.back() = ' ';
    EXPECT_EQ(text + "; ", XEN_EMULATE_PREFIX);
}

TEST(PvAbi, NoNameEscapesTheTable)
{
    std::set<std::string> declared, compared{"PV_EMULATE_PREFIX"};
    std::vector<fs::path> headers{abi_dir() / "../tests/abi.h"};
    for (const auto& entry : fs::directory_iterator{abi_dir()})
        headers.push_back(entry.path());
    for (const auto& path : headers)
        declared.merge(HeaderNames{path}.names);
    for (const Row& row : table)
        compared.emplace(row.name);
    for (const auto& name : declared)
        EXPECT_TRUE(compared.contains(name)) << name << " is declared and has no row";
    for (const auto& name : compared)
        EXPECT_TRUE(declared.contains(name)) << name << " has a row and is not declared";
}

TEST(PvAbi, TestsIncludeEveryHeader)
{
    std::ifstream in{abi_dir() / "../tests/abi.h"};
    const std::string all{std::istreambuf_iterator<char>{in}, {}};
    for (const auto& entry : fs::directory_iterator{abi_dir()}) {
        const std::string name = entry.path().filename();
        EXPECT_NE(all.find("#include \"pv-abi/" + name + "\"\n"), all.npos) << name;
    }
}

} // namespace
