/// @file
/// `batch`: many operations in one process.
///
///     operation = "set" TAB key TAB value | "get" TAB key | "del" TAB key
///               | "compact"
///
/// One a line; the fields are escaped (common/record/escape.h).
#pragma once

#include <string>

#include "common/cli/commands.h"
#include "common/cli/session.h"

namespace strata {

/// Carries out the operations in the file `path`, or standard input where that
/// is "-", and tells how many of each on standard error.
/// @returns the exit code
/// @throws CommandError naming the line that cannot be carried out; all lines
///   before it have been, and what they print has been printed
int batch(Session& session, const std::string& path, const Flags& flags);

}  // namespace strata
