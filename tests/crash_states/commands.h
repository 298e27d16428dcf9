/// @file
/// What `crash_states` prints.
#pragma once

#include "tests/crash_states/arguments.h"

namespace strata::crash_states {

/// Reads the batch from standard input and carries out the command.
/// @returns the exit code
/// @throws CommandError and whatever else the input or a store gives cause for
[[nodiscard]] int run(const Arguments& arguments);

}  // namespace strata::crash_states
