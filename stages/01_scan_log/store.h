/// @file
/// Stage 01: a text file that only grows, and is read whole.
///
///     log.txt   the log: one record a line (common/record/text_record.h)
///
///     a,1 \n b,2 \n a,3 \n
///     └─────────┬────────┘
///     get a reads all of it; the last match, a = 3, is the answer
#pragma once

#include <string>
#include <string_view>

#include "common/store/stage.h"
#include "common/text/text_store.h"

namespace strata {

/// The simplest store there is: set appends, get scans.
///
/// Invariant: of two records of one key the later in the file was written
/// later. Nothing is ever changed in place, so the last match is the value.
class ScanLog final : public TextStore {
 public:
  /// Opens the store that `options` tell of.
  /// @throws IoError, Busy
  explicit ScanLog(const Options& options);

  /// @complexity one write of key + value + 2 bytes, no read.
  void set(std::string_view key, std::string_view value) override;

  /// @complexity reads the whole file, then the value once more; constant
  ///   memory beside the value.
  [[nodiscard]] bool get(std::string_view key, std::string& value) override;
};

/// @returns the description of stage 01.
const Stage& stage_01_scan_log();

}  // namespace strata
