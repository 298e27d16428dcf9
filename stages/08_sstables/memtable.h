/// @file
/// `Memtable`: the newest writes, sorted as they come.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "stages/08_sstables/cursor.h"

namespace strata::sstables {

/// A balanced tree of keys, each with its last value, or none where it was
/// deleted. One thread writes; others may read meanwhile only behind a lock, or
/// once nobody writes any more.
class Memtable {
 public:
  /// Keys in order, each with its value; a tombstone has none.
  using Map = std::map<std::string, std::optional<std::string>, std::less<>>;

  /// What a key costs beside its bytes, roughly: the tree's node.
  static constexpr std::uint64_t kNodeBytes = 96;

  /// Enters what is known of a key now, in place of what was.
  void put(const Entry& entry) {
    auto [at, is_new] = map_.try_emplace(std::string(entry.key));
    if (is_new) bytes_ += entry.key.size() + kNodeBytes;
    if (at->second) bytes_ -= at->second->size();
    at->second.reset();
    if (entry.is_tombstone) return;
    at->second.emplace(entry.value);
    bytes_ += entry.value.size();
  }

  /// Looks a key up; its value is put into `value`.
  [[nodiscard]] Found get(std::string_view key, std::string& value) const {
    const auto found = map_.find(key);
    if (found == map_.end()) return Found::kNothing;
    if (!found->second) return Found::kTombstone;
    value = *found->second;
    return Found::kValue;
  }

  /// @returns what it holds.
  [[nodiscard]] const Map& map() const { return map_; }

  /// @returns memory that it holds, in bytes, roughly.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  Map map_;
  std::uint64_t bytes_ = 0;
};

/// Goes through a memtable, or a part of one, that nobody writes any more.
class MemtableCursor final : public Cursor {
 public:
  /// @param memtable kept for as long as this
  /// @param from stands before the first entry whose key is not less
  MemtableCursor(std::shared_ptr<const Memtable> memtable,
                 std::string_view from)
      : memtable_(std::move(memtable)),
        next_(memtable_->map().lower_bound(from)) {}

  [[nodiscard]] bool next() override {
    if (next_ == memtable_->map().end()) return false;
    const auto& [key, value] = *next_;
    entry_ = {key, value ? std::string_view(*value) : std::string_view(),
              !value};
    ++next_;
    return true;
  }

  [[nodiscard]] const Entry& entry() const override { return entry_; }

 private:
  const std::shared_ptr<const Memtable> memtable_;
  Memtable::Map::const_iterator next_;
  Entry entry_;
};

}  // namespace strata::sstables
