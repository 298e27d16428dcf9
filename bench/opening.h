/// @file
/// Opening and filling the stores that are measured.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/keys.h"
#include "common/store/stage.h"

namespace strata::bench {

/// The cache of an engine that has one of its own, stage 09 among them: all that
/// a million keys of a benchmark take fits, as it does for an engine that maps its
/// files and has the page cache.
inline constexpr std::uint32_t kCacheMib = 128;

/// How a store is to be opened, where that matters.
struct Opening {
  Mode mode = Mode::kRead;  ///< as of `Options`
  std::uint64_t keys = 1;   ///< a stage with slots gets four for each
  Os* os = nullptr;         ///< null for the real one
  /// How many records fill a segment, or a memtable; 0 for the stage's default.
  std::uint64_t segment_records = 0;
  bool merges_by_itself = true;  ///< false: only when it is told to
  Sync sync = Sync::kNever;      ///< as of `Options`
};

/// Opens a store. What the stage has no option for is left out. Nothing is
/// compressed, as the values are all alike, unless `compress_values` was called.
[[nodiscard]] std::unique_ptr<Store> open(const Stage& stage,
                                          const std::string& directory,
                                          const Opening& opening);

/// Opens a store with everything else at its default.
/// @param keys how many it is to hold: a stage with slots gets four for each
/// @param os null for the real one
[[nodiscard]] std::unique_ptr<Store> open(const Stage& stage,
                                          const std::string& directory,
                                          Mode mode, std::uint64_t keys,
                                          Os* os = nullptr);

/// Sets the keys 0 to `count` - 1, each once, ascending.
/// @param value_bytes of each value
void fill(Store& store, std::uint64_t count,
          std::size_t value_bytes = kValueBytes);

}  // namespace strata::bench
