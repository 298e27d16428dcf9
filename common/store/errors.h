/// @file
/// The errors. Values for data, exceptions for the machine: an absent key is a
/// `false`, a record that does not decode is a named result, and what is left
/// is thrown as one of these.
///
/// Each says what went wrong in one line without the program's name: the
/// command line puts that before it, and turns the type into the exit code.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>

namespace strata {

/// A system call was refused: permission, a full disk, an I/O error (exit 4).
/// What was acknowledged before is kept; the operation is not acknowledged.
class IoError : public std::system_error {
 public:
  /// @param operation what was tried, e.g. "cannot open"
  /// @param path the file or directory
  /// @param error the error number, positive, e.g. ENOSPC
  IoError(const std::string& operation, const std::string& path, int error)
      : std::system_error(error, std::generic_category(),
                          operation + ": " + path),
        operation_(operation),
        path_(path) {}

  /// @returns what was tried.
  [[nodiscard]] const std::string& operation() const { return operation_; }

  /// @returns the file or directory.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// @returns whether there is no such file or directory.
  [[nodiscard]] bool is_missing() const {
    return code() == std::errc::no_such_file_or_directory;
  }

 private:
  std::string operation_;
  std::string path_;
};

/// Input that this store cannot hold, or a misuse of a command (exit 2).
/// Thrown before the first byte is written: nothing on disk has changed.
class InvalidInput : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// Damage found in a file (exit 3). Nothing has been deleted or cut.
class Damage : public std::runtime_error {
 public:
  /// @param path the damaged file
  /// @param at byte offset where the damage begins
  /// @param why what is wrong there, e.g. "checksum does not match"
  Damage(const std::string& path, std::uint64_t at, const std::string& why)
      : std::runtime_error("damaged: " + path + ": offset " +
                           std::to_string(at) + ": " + why) {}
};

/// Another process, or another store in this one, writes here (exit 5).
class Busy : public std::runtime_error {
 public:
  /// @param directory the store that is taken
  explicit Busy(const std::string& directory)
      : std::runtime_error("already open for writing: " + directory +
                           ": another process holds the lock") {}
};

}  // namespace strata
