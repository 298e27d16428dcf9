/// @file
/// Stage 02: the same file, read backwards.
///
///     log.txt   as in stage 01
///
///     a,1 \n b,2 \n a,3 \n       blocks of 8 bytes, from the end:
///     ╰─ third ─╯╰ second ╯…     get a stops at the first match, a = 3
///
/// A record may straddle two blocks, or many. Walking backwards, the place
/// where a line begins is met last, when all that follows has been seen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/store/stage.h"
#include "common/text/text_store.h"

namespace strata {

/// Set appends; get scans from the end and stops at the first match.
///
/// Invariant: as in stage 01, the later record is the newer one. So the first
/// match on the way back is the value, and nothing before it matters.
class ReverseScan final : public TextStore {
 public:
  /// Opens the store that `options` tell of.
  /// @throws IoError, Busy
  explicit ReverseScan(const Options& options);

  /// @complexity one write of key + value + 2 bytes, no read.
  void set(std::string_view key, std::string_view value) override;

  /// @complexity reads blocks from the end up to and with the one in which the
  ///   record begins, and the value once more where it reaches into a later
  ///   block; a miss reads the whole file. Memory: a block and the key.
  [[nodiscard]] bool get(std::string_view key, std::string& value) override;

 private:
  const std::uint64_t block_bytes_;
};

/// @returns the description of stage 02.
const Stage& stage_02_reverse_scan();

}  // namespace strata
