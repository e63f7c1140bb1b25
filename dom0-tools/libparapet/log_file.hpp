// SPDX-License-Identifier: MIT
//
// A log that starts anew, keeping one older part as PATH.1, before it can fill the disk. Several processes may write to
// one; each notices when another, or logrotate, has moved it away. Where it cannot be written, text is lost, no more.
#pragma once
#include "libparapet/files.hpp"

namespace parapet {

class LogFile {
public:
    /// Each part has at most @p most_bytes, unless a single text is longer. Throws when it cannot be opened.
    LogFile(std::string path, std::uint64_t most_bytes);
    void append(const std::string& text);
    /// Where the last text went.
    [[nodiscard]] int fd() const { return file_.get(); }

private:
    [[nodiscard]] Descriptor opened() const;
    void find_room(std::uint64_t bytes);

    std::string path_;
    std::uint64_t most_bytes_;
    Descriptor file_;
    bool losing_{false};
};

} // namespace parapet
