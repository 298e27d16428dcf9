/// @file
/// The tour's command line.
#pragma once

#include <string>

namespace strata::tour {

/// What the tour was asked for.
struct Arguments {
  std::string repository;  ///< where the history is, unless there is a log
  std::string access_log;  ///< empty: git
  std::string out;         ///< the directory for the report
};

/// What went on the command line cannot be carried out: exit at once.
struct Exit {
  int code = 0;
  std::string text;  ///< for standard output when `code` is 0, else for error
};

/// Reads the command line. Defaults are the project's own repository, and
/// build/tour in it: the project is where STRATA_ROOT says, else here.
/// @throws Exit
[[nodiscard]] Arguments parse(int argc, char** argv);

}  // namespace strata::tour
