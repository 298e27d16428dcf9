/// @file
/// Snapshots and iterators: the store as it was at one moment, whatever is
/// written, flushed and merged meanwhile.
///
/// @code
///   const Snapshot moment = store.snapshot();
///   auto each = store.iterator(Range::prefix("user:"), moment);
///   for (bool has = each->seek_first(); has; has = each->next()) {
///     … each->key(), each->value() …
///   }
/// @endcode
///
/// Neither may outlive its store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/store/errors.h"
#include "stages/09_lsm_tree/cursor.h"
#include "stages/09_lsm_tree/memtable.h"
#include "stages/09_lsm_tree/version.h"

namespace strata::lsm {

/// All that a store is at one time: nothing in it changes but that the newest
/// memtable is added to.
struct State {
  std::shared_ptr<Memtable> memtable;      ///< takes the writes
  std::shared_ptr<const Memtable> frozen;  ///< being written out, or null
  std::shared_ptr<const Version> version;  ///< the tables
  /// Where logs are damaged or missing: all that is older than the memtables may
  /// be older than what was lost there. Null where nothing was.
  std::shared_ptr<const Damage> lost;
};

/// A moment, kept: the entries that were there then, by a number, and the
/// memtables and tables that have them, by holding them. It costs what they
/// take in memory and on disk, for as long as there is a copy of it.
class Snapshot {
 public:
  /// @param as_of the highest sequence number that counts
  Snapshot(std::shared_ptr<const State> state, std::uint64_t as_of)
      : state_(std::move(state)), as_of_(as_of) {}

  /// @returns what the store was made of.
  [[nodiscard]] const State& state() const { return *state_; }

  /// @returns the highest sequence number that counts.
  [[nodiscard]] std::uint64_t as_of() const { return as_of_; }

 private:
  std::shared_ptr<const State> state_;
  std::uint64_t as_of_;
};

/// Keys from one on, up to another.
struct Range {
  std::string from;  ///< included
  std::string to;    ///< excluded; empty: no bound

  /// @returns the keys that begin with `prefix`.
  [[nodiscard]] static Range prefix(std::string_view prefix);
};

/// Goes through the live keys of a range, as of a moment, either way.
///
/// Every move returns whether there is a key where it went; when there is none,
/// only a seek moves it. It stands at a key only then. Every move may throw
/// IoError and Damage: then, too, only a seek moves it.
class Iterator {
 public:
  /// @param entries of all keys, tombstones too
  Iterator(Snapshot moment, std::unique_ptr<Cursor> entries, Range range);

  /// Moves to the first key.
  [[nodiscard]] bool seek_first() { return seek(range_.from); }

  /// Moves to the last key.
  [[nodiscard]] bool seek_last();

  /// Moves to the first key that is not less than `key`.
  [[nodiscard]] bool seek(std::string_view key);

  /// Moves to the last key that is less than `key`.
  [[nodiscard]] bool seek_before(std::string_view key);

  /// Moves to the next key.
  [[nodiscard]] bool next() { return show_forward(entries_->next()); }

  /// Moves to the key before.
  [[nodiscard]] bool prev() { return show_backward(entries_->prev()); }

  /// @returns the key; valid until it moves.
  [[nodiscard]] std::string_view key() const { return entries_->entry().key; }

  /// @returns its value; valid until it moves.
  [[nodiscard]] std::string_view value() const {
    return entries_->entry().value;
  }

 private:
  [[nodiscard]] bool show_forward(bool has_entry);
  [[nodiscard]] bool show_backward(bool has_entry);

  const Snapshot moment_;
  const std::unique_ptr<Cursor> entries_;
  const Range range_;
};

}  // namespace strata::lsm
