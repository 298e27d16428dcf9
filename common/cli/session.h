/// @file
/// `Session`: the store that the commands of one run work on, and what they
/// print.
#pragma once

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/cli/progress.h"
#include "common/os/ledger.h"
#include "common/store/stage.h"

namespace strata {

/// An error that has been put into words for the user.
class CommandError : public std::runtime_error {
 public:
  /// @param code the process's exit code
  /// @param what one line, without the program's name
  CommandError(int code, const std::string& what)
      : std::runtime_error(what), code_(code) {}

  /// @returns the exit code.
  [[nodiscard]] int code() const { return code_; }

 private:
  int code_;
};

/// @returns the exception being handled, in words and with its exit code. To
///   be called in a catch block.
[[nodiscard]] CommandError current_error();

/// @returns what a command or option that the stage refuses is answered.
[[nodiscard]] CommandError refused(const Refusal& refusal);

/// Prints one line on standard error, after the program's name. Control bytes
/// in it are escaped. Where nobody listens the line is lost.
void tell(const Stage& stage, std::string_view line);

/// One run of a stage's program. The store is opened for reading by the first
/// command that reads and for writing by the first that writes, so that
/// reading alone takes no lock and creates nothing.
class Session {
 public:
  /// @param stage whose program runs
  /// @param options where the store is; `os`, `note` and `progress` are set
  /// @param explain whether to keep a ledger of every call
  Session(const Stage& stage, Options options, bool explain);

  /// @returns the stage.
  [[nodiscard]] const Stage& stage() const { return stage_; }

  /// @returns the store, open at least for reading.
  [[nodiscard]] Store& to_read();

  /// @returns the store, open for writing.
  [[nodiscard]] Store& to_write();

  /// @returns whether the store is open for writing.
  [[nodiscard]] bool is_writing() const {
    return store_ != nullptr && options_.mode == Mode::kWrite;
  }

  /// Hands to the system what the store keeps in memory, where it does.
  /// @throws CommandError where that fails: what was in memory is lost, and the
  ///   store is closed.
  void write_out();

  /// @returns how long the last open took.
  [[nodiscard]] double open_seconds() const { return open_seconds_; }

  /// @throws CommandError when the stage does not have `what`, saying when it
  ///   arrives.
  void require(std::string_view what) const;

  /// Writes to standard output, which is buffered.
  void print(std::string_view text);

  /// Hands what was printed to the system.
  /// @throws IoError
  void flush();

  /// Prints one line on standard error, after the program's name.
  void tell(std::string_view line);

  /// @returns whether there is a ledger and anything to tell: a call, or a
  ///   keydir or table that was asked.
  [[nodiscard]] bool has_costs() const;

  /// Prints the ledger, if there is one, on standard error and empties it.
  void explain();

  /// Starts or ends keeping a ledger; the next command opens the store anew,
  /// for writing if it was.
  void set_explain(bool on);

 private:
  void open(Mode mode);
  [[nodiscard]] std::uint64_t probes() const;

  const Stage& stage_;
  Options options_;
  std::unique_ptr<Ledger> ledger_;
  Progress progress_{"reading the log"};
  double open_seconds_ = 0;
  std::uint64_t told_probes_ = 0;
  bool has_told_loss_ = false;  // of what a store that is closed kept in memory
  std::unique_ptr<Store> store_;  // last, so that it goes before its Os
};

}  // namespace strata
