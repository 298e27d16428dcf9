/// @file
/// `LogWriter`: the writing end of an append-only file, with all that a write
/// must survive; and the lock that makes a process the store's only writer.
/// Stages 01 to 07 write through it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/os/file.h"
#include "common/store/stage.h"

namespace strata {

/// Makes the store's directory where it is missing and takes its lock: the
/// writer's lock, held until the result is destroyed.
/// @throws Busy when the store has a writer already.
/// @throws IoError
[[nodiscard]] Directory lock_store(const Options& options);

/// Appends records to one file of a store.
///
/// Invariant: up to `end()` the file holds whole records that were
/// acknowledged, and nothing that was not.
class LogWriter {
 public:
  /// Opens the file, to go on behind its end.
  /// @param options where, through which `Os`, and when a write is safe
  /// @param directory the store's, locked; with `Sync::kAlways` synced, so that
  ///   the file's name is durable before anything in it is acknowledged
  /// @param name the file's name within the directory
  /// @param mode `kCreate`, or `kCreateNew` for a file that must be new
  /// @throws IoError
  LogWriter(const Options& options, Directory& directory,
            const std::string& name, OpenMode mode = OpenMode::kCreate);

  /// Cuts off what follows `end`: the torn tail that a crash left. With
  /// `Sync::kAlways` it is gone for good: a newer file may follow, and behind
  /// that a torn tail would be damage.
  /// @throws IoError
  void cut(std::uint64_t end);

  /// Appends `record` in one write, and one sync with `Sync::kAlways`.
  /// @returns the offset where it begins.
  /// @throws IoError when it is not acknowledged: its bytes are cut off again,
  ///   so that the next one stands right behind the last good one. Where that
  ///   fails too, and after a failed sync, every later call throws.
  std::uint64_t append(std::string_view record);

  /// Makes everything appended durable.
  /// @throws IoError; every later call then throws.
  void sync(const char* why);

  /// For a write that needs no record, such as the delete of a key that is not
  /// there: what failed before may still be found on disk.
  /// @throws IoError when an earlier failure lets every call throw.
  void check_not_broken() const;

  /// @returns the file's length in bytes, where the next record goes.
  [[nodiscard]] std::uint64_t end() const { return end_; }

  /// @returns the file, to be read.
  [[nodiscard]] const File& file() const { return file_; }

 private:
  bool take_back();

  File file_;
  Sync sync_;
  std::uint64_t end_;
  bool broken_ = false;
};

}  // namespace strata
