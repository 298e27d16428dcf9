/// @file
/// `shell`: the commands at a prompt.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/cli/commands.h"
#include "common/cli/session.h"

namespace strata {

/// Splits a line of the shell into words at blanks. Double quotes hold blanks
/// together, and the escapes of `batch` work within and without, `\"` too.
/// @returns nothing when all is well, else what is wrong with the line
[[nodiscard]] std::optional<std::string> split_words(std::string_view line,
                                                     Words& words);

/// Reads commands from a terminal, with history and completion, or line by
/// line from what else standard input is, and carries them out until the end
/// of the input. An error is told and the next command read.
/// @param help called for the command `help`
/// @returns the exit code, 0
int shell(Session& session, const std::function<void()>& help);

}  // namespace strata
