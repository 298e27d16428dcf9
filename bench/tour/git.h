/// @file
/// The history of a git repository as a key-value history: key = path, value =
/// blob id.
///
/// Along the first parents, from the first commit to the last, each commit is
/// the difference from the one before it, merges included. So the operations
/// lead, change by change, to exactly the tree of the last commit; leaving the
/// merges out would not.
#pragma once

#include <string>
#include <vector>

#include "bench/tour/history.h"

namespace strata::tour {

/// Reads the history that ends at HEAD.
/// @param repository any directory in a work tree, or a bare repository
/// @throws BadInput when it is no repository or has no commits.
/// @throws IoError when git cannot be run.
[[nodiscard]] History read_git(const std::string& repository);

}  // namespace strata::tour
