/// @file
/// `Batch`: writes that happen together or not at all.
///
///     batch = { entry }
///     entry = key size: varint  mark: varint  key  value
///
/// `mark` is 0 for a deletion and otherwise the value's size and 1, as in a
/// block (common/table/block.h). `a=1`, and `b` deleted, are these 7 bytes:
///
///     01 02 61 31                                          a 1
///     01 00 62                                             b, deleted
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/record/decoded.h"
#include "common/store/stage.h"
#include "common/table/entry.h"

namespace strata::lsm {

using sst::Entry;
using sst::Found;

/// What keys and values the stage can hold: any bytes.
inline constexpr Limits kLimits{.max_key_bytes = 0xFFFF,
                                .max_value_bytes = 0xFFFFFFFF,
                                .key_forbids = "",
                                .value_forbids = "",
                                .value_prefix_taken = ""};

/// Sets and deletions, in the order in which they were put in. Of several for
/// one key the last one counts.
class Batch {
 public:
  /// Puts `value` under `key`.
  /// @throws InvalidInput for what the stage cannot hold
  void set(std::string_view key, std::string_view value);

  /// Deletes `key`.
  /// @throws InvalidInput, as `set`
  void del(std::string_view key);

  /// Makes it empty; its memory is kept.
  void clear() { body_.clear(); }

  /// @returns whether there is nothing in it.
  [[nodiscard]] bool empty() const { return body_.empty(); }

  /// @returns its entries, encoded.
  [[nodiscard]] const std::string& body() const { return body_; }

 private:
  std::string body_;
};

/// Takes an entry off the front of a batch's body.
/// @returns `kRecord`; `kEnd` where the body is empty; `kCorrupt` where it does
///   not begin with an entry.
Decoded take_entry(std::string_view& body, Entry& entry);

}  // namespace strata::lsm
