// SPDX-License-Identifier: MIT
//
// Another program, run to its end. Daemons that it leaves behind are nothing we wait for.
#pragma once
#include <string>
#include <vector>

namespace parapet {

struct ProgramEnd {
    bool good;             ///< It ended by itself, with status 0.
    std::string complaint; ///< What it wrote to its standard error, without the last newline.
};

/// Runs @p words, the first of which is looked for along PATH. Throws when there is no such program.
ProgramEnd run_program(const std::vector<std::string>& words);

} // namespace parapet
