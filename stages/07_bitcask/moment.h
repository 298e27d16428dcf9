/// @file
/// One moment of a Bitcask: what a fold, a scan or an iterator looks at.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "stages/07_bitcask/data_files.h"
#include "stages/07_bitcask/keydir.h"
#include "stages/07_bitcask/merge_policy.h"
#include "stages/07_bitcask/store.h"

namespace strata {

namespace bitcask {

/// A key and where its record is. The key lives as long as the moment.
struct Item {
  std::string_view key;  ///< the key
  Place place;           ///< of its record
};

}  // namespace bitcask

/// A snapshot of the keydir, and the files that it points into: kept from being
/// deleted by this store's merges, since a merge deletes only what nobody
/// holds. What another process merges away stays readable only while it is
/// open, so that a reader opens what it may.
struct Bitcask::Iterator::Moment {
  /// How many files a reader holds open for each moment.
  static constexpr std::size_t kHeldOpen = 16;

  /// @param files the store's open files
  /// @param snapshot of its keydir
  /// @param files_then its files at that moment
  /// @param rules which tell what has expired
  /// @param time of the moment, in seconds since 1970
  /// @param hold_open whether another process may delete the files
  /// @throws IoError
  Moment(bitcask::OpenFiles& files,
         std::unique_ptr<bitcask::Keydir::Snapshot> snapshot,
         std::shared_ptr<const bitcask::FileSet> files_then,
         const bitcask::MergePolicy& rules, std::uint64_t time, bool hold_open)
      : keys(std::move(snapshot)),
        open_files_(files),
        files_(std::move(files_then)),
        rules_(rules),
        time_(time) {
    if (!hold_open || files_->files.size() > kHeldOpen) return;
    for (const auto& file : files_->files) held_.push_back(files.open(file));
  }

  Moment(const Moment&) = delete;             ///< not copyable
  Moment& operator=(const Moment&) = delete;  ///< not copyable

  ~Moment() {
    keys.reset();
    files_.reset();
    if (at_end) at_end();
  }

  /// @returns whether a get at that moment would have found it.
  [[nodiscard]] bool is_live(const bitcask::Place& place) const {
    return !place.tombstone && !rules_.expired(place.tstamp, time_);
  }

  /// @returns a file of that moment, open until the next call.
  /// @throws IoError
  const File& open(std::uint32_t id) {
    if (!open_ || id != open_id_) {
      const auto file = files_->find(id)->shared_from_this();
      open_ = bitcask::unless_merged_away(
          file->path(), [&] { return open_files_.open(file); });
      open_id_ = id;
    }
    return *open_;
  }

  /// @returns the next key, valid until the next call; null behind the last.
  const bitcask::Item* next() {
    while (next_ == items_.size()) {
      if (shard_ == bitcask::Keydir::kShards) return nullptr;
      items_.clear();
      next_ = 0;
      keys->table(shard_++).for_each(
          [this](std::string_view key, const bitcask::Place& place) {
            if (is_live(place)) items_.push_back({key, place});
          });
      std::sort(items_.begin(), items_.end(), [](const auto& a, const auto& b) {
        return b.place.newer_than(a.place);
      });
    }
    return &items_[next_++];
  }

  std::unique_ptr<bitcask::Keydir::Snapshot> keys;  ///< all, expired ones too
  std::function<void()> at_end;  ///< called when the files are let go

 private:
  bitcask::OpenFiles& open_files_;
  std::shared_ptr<const bitcask::FileSet> files_;
  const bitcask::MergePolicy& rules_;
  std::uint64_t time_;
  std::vector<std::shared_ptr<const File>> held_;
  std::shared_ptr<const File> open_;
  std::uint32_t open_id_ = 0;
  std::size_t shard_ = 0;
  std::vector<bitcask::Item> items_;  // of the shard before shard_
  std::size_t next_ = 0;
};

}  // namespace strata
