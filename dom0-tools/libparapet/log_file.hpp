// SPDX-License-Identifier: MIT
//
// A log that starts anew, keeping one older part as PATH.1, before it can fill the disk. Several processes may write to
// one; each notices when another, or logrotate, has moved it away. Where it cannot be written, text is lost, no more.
#pragma once
#include "libparapet/files.hpp"
#include <utility>

namespace parapet {

class LogFile {
public:
    /// Each part has at most @p most_bytes, unless a single text is longer.
    LogFile(std::string path, std::uint64_t most_bytes) : path_{std::move(path)}, most_bytes_{most_bytes} {}
    void append(const std::string& text);
    /// Where the last text went; negative when it went nowhere.
    [[nodiscard]] int fd() const { return file_.get(); }

private:
    void open();
    void find_room(std::uint64_t bytes);

    std::string path_;
    std::uint64_t most_bytes_;
    Descriptor file_;
    bool losing_{false};
};

} // namespace parapet
