/// @file
/// How one goes through what is sorted.
#pragma once

#include "common/table/entry.h"

namespace strata::sstables {

using sst::Entry;
using sst::Found;

/// Goes through entries in the order of their keys, ascending by bytes.
class Cursor {
 public:
  Cursor() = default;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  virtual ~Cursor() = default;

  /// Moves to the next entry; the first call, to the first.
  /// @returns false at the end.
  /// @throws IoError; Damage where the next entry cannot be read
  [[nodiscard]] virtual bool next() = 0;

  /// @returns where it stands; valid until the next call of `next`.
  [[nodiscard]] virtual const Entry& entry() const = 0;
};

}  // namespace strata::sstables
