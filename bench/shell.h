/// @file
/// The tools of the shell, which the stages are compared with.
#pragma once

#include <string>
#include <vector>

namespace strata::bench {

/// A way to ask a text log for a key.
struct Tool {
  std::string name;    ///< to be told by
  std::string script;  ///< of sh; the key is in $key, the log is log.txt
};

/// The two functions that open the book's chapter on storage; the second is
/// `db_get KEY`, the first `db_set KEY VALUE`.
inline constexpr const char* kBookFunctions =
    "db_set() { echo \"$1,$2\" >> log.txt; }\n"
    "db_get() { grep \"^$1,\" log.txt | sed -e \"s/^$1,//\" | tail -n 1; }\n";

/// @returns the book's db_get, grep, tac with grep, and each scanning stage as
///   the program that lies beside this one.
[[nodiscard]] std::vector<Tool> shell_tools();

/// Runs a script of sh in `directory` in the C locale, in which grep is at its
/// fastest, and reads what it prints through a pipe: thrown away it would let
/// grep stop at the first match.
/// @returns what it printed.
/// @throws std::runtime_error when it fails.
std::string run_in_shell(const std::string& directory,
                         const std::string& script);

}  // namespace strata::bench
