/// @file
/// `LogWriter`: the writing end of an append-only file, with all that a write
/// must survive. Stages 01 to 04 keep one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/os/file.h"
#include "common/store/stage.h"

namespace strata {

/// Appends records to one file of a store. Holds the writer's lock, which is
/// the lock of the store's directory, until it is destroyed.
///
/// Invariant: up to `end()` the file holds whole records that were
/// acknowledged, and nothing that was not.
class LogWriter {
 public:
  /// Makes the directory and the file where they are missing.
  /// @param options where, through which `Os`, and when a write is safe
  /// @param name the file's name within the directory
  /// @throws Busy when the store has a writer already.
  /// @throws IoError
  LogWriter(const Options& options, const std::string& name);

  /// Cuts off what follows `end`: the torn tail that a crash left.
  /// @throws IoError
  void cut(std::uint64_t end);

  /// Appends `record` in one write, and one sync with `Sync::kAlways`.
  /// @returns the offset where it begins.
  /// @throws IoError when it is not acknowledged: its bytes are cut off again,
  ///   so that the next one stands right behind the last good one. Where that
  ///   fails too, and after a failed sync, every later call throws.
  std::uint64_t append(std::string_view record);

  /// @returns the file's length in bytes, where the next record goes.
  [[nodiscard]] std::uint64_t end() const { return end_; }

  /// @returns the file, to be read.
  [[nodiscard]] const File& file() const { return file_; }

 private:
  void sync();
  bool take_back();

  Directory directory_;
  File file_;
  Sync sync_;
  std::uint64_t end_;
  bool broken_ = false;
};

}  // namespace strata
