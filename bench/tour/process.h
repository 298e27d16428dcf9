/// @file
/// Running another program, without a shell in between.
#pragma once

#include <string>
#include <vector>

namespace strata::tour {

/// What a program left when it ended.
struct Finished {
  int status = 0;     ///< its exit status; 128 + N when signal N ended it
  std::string out;    ///< all of its standard output
  std::string error;  ///< all of its standard error
};

/// Runs a program and waits for its end. Its words reach it as they are,
/// whatever bytes they hold. Standard input is empty.
/// @param words the program, searched for in PATH, and its arguments
/// @param environment lines `NAME=value`
/// @throws IoError when it cannot be started.
/// @throws bench::Interrupted after the program has been ended.
[[nodiscard]] Finished run(const std::vector<std::string>& words,
                           const std::vector<std::string>& environment);

}  // namespace strata::tour
