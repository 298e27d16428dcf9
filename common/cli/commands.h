/// @file
/// The commands: one table, from which the command line, the shell, its
/// completion and the help are made.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/cli/session.h"

namespace strata {

/// The flags that belong to single commands.
struct Flags {
  bool ack = false;           ///< batch: tell of each write
  bool skip_deletes = false;  ///< batch: pass over `del` where there is none
  bool json = false;          ///< stats: as one JSON object
  bool files = false;         ///< stats: each file with records, too
};

/// A command's words behind its name.
using Words = std::vector<std::string>;

/// A command of the command line.
struct Command {
  std::string_view name;       ///< as it is typed
  std::string_view arguments;  ///< for the help, e.g. "KEY VALUE"
  std::string_view help;       ///< one line
  std::size_t least = 0;       ///< words it needs
  std::size_t most = 0;        ///< words it takes
  /// Carries it out, given the words behind its name; returns the exit code.
  int (*run)(Session&, const Words&, const Flags&) = nullptr;
};

/// @returns every command, those included that some stages refuse; `shell`
///   and `help` are the command line's own and not among them.
[[nodiscard]] const std::vector<Command>& all_commands();

/// Merges now, in a store that holds anything: one that does not exist is not
/// made for it.
void compact(Session& session);

/// Carries out one command and flushes what it printed.
/// @param words the command's name, then its words
/// @param flags those given before the command
/// @returns the exit code, 0 or 1
/// @throws CommandError and whatever the store throws
int run_command(Session& session, const Words& words, Flags flags);

}  // namespace strata
