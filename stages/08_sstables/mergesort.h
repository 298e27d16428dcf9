/// @file
/// Mergesort: many sorted sequences go through side by side and become one, in
/// memory for one entry of each.
///
///     3  newest   a=9        c=†
///     2           a=1  b=2         d=4          out: a=9 b=2 c=† d=4
///     1  oldest        b=1   c=3
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "stages/08_sstables/cursor.h"

namespace strata::sstables {

/// Merges sorted sequences: of a key that several of them have it tells the
/// newest entry, tombstones too, and passes over the others.
///
/// The cursors stand in a heap whose top has the smallest key and, of those
/// with that key, the newest entry: so the first entry that comes of a key is
/// the one that counts.
class MergingCursor final : public Cursor {
 public:
  /// @param inputs the newest first
  explicit MergingCursor(std::vector<std::unique_ptr<Cursor>> inputs);

  /// @complexity as many comparisons as the logarithm of the inputs
  [[nodiscard]] bool next() override;

  [[nodiscard]] const Entry& entry() const override {
    return heap_.front().cursor->entry();
  }

  /// @returns where the entry comes from: 0 is the newest input.
  [[nodiscard]] std::size_t source() const { return heap_.front().age; }

 private:
  struct Input {
    std::unique_ptr<Cursor> cursor;
    std::size_t age;
  };

  static bool comes_later(const Input& a, const Input& b);
  void advance_top();

  std::vector<Input> inputs_;  // until the first call of `next`
  std::vector<Input> heap_;
  std::string key_;  // told last
  bool has_begun_ = false;
};

}  // namespace strata::sstables
