/// @file
/// `Segment`: one file of stage 06 as memory knows it: which keys it holds, and
/// how much of it is still of use.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/record/log_entries.h"
#include "common/record/record_reader.h"
#include "common/store/counting_allocator.h"
#include "common/store/hash.h"

namespace strata::compaction {

/// Where a key's newest record in a segment is.
struct Place {
  std::uint64_t offset = 0;   ///< of its first byte in the file
  std::uint64_t size = 0;     ///< of the whole record in bytes
  bool is_tombstone = false;  ///< whether it says that the key is deleted
};

/// One segment: a keydir over one file, and an account of its bytes.
///
/// A segment that is frozen has a file and a keydir that never change again,
/// so any thread may read both without asking. Only the account of a frozen
/// segment goes on: a key that is written again makes a record here useless.
/// Who may touch what:
///
///   keydir, gaps, size   anyone, once frozen; before that the store's locks
///   the account          the store's locks, always
///
/// Invariant: of the bytes of intact records, `bytes()`, those of records which
/// are the newest of their key in the whole store are `newest_bytes()`, and
/// those of them that a get can return `live_bytes()`. All others are `lost()`,
/// each once: that is how a merge knows what to leave out.
class Segment {
 public:
  /// The keys of a segment.
  using Keydir = std::unordered_map<
      std::string, Place, KeyHash, std::equal_to<>,
      CountingAllocator<std::pair<const std::string, Place>>>;

  /// Places in a file.
  using Offsets = std::vector<std::uint64_t>;

  /// @param directory the store's
  /// @param id the number in its name; order of ids is order of writing
  /// @param hash of keys
  Segment(const std::string& directory, std::uint32_t id, KeyHash hash);

  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  /// @returns the number in its name.
  [[nodiscard]] std::uint32_t id() const { return id_; }

  /// @returns its file's name within the store's directory: `17.log`.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// @returns its file's path.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// @returns where the newest record of `key` in this segment is, or null.
  [[nodiscard]] const Place* find(std::string_view key) const;

  /// @returns every key with its place.
  [[nodiscard]] const Keydir& keydir() const { return keydir_; }

  /// Enters a record behind all others: it is the newest of its key in the
  /// store, as far as this segment can tell.
  void add(std::string_view key, const Place& place);

  /// Takes a record off the account: there is a newer one of its key now.
  void lose(const Place& place);

  /// @returns where the records begin that were lost, in no order.
  [[nodiscard]] const Offsets& lost() const { return lost_; }

  /// Enters a stretch that holds no readable record.
  void add_gap(const Gap& gap) { gaps_.push_back(gap); }

  /// @returns the damaged stretches, in file order; none in a healthy file.
  [[nodiscard]] const std::vector<Gap>& gaps() const { return gaps_; }

  /// @returns a gap at or behind `newer_than` in which a record of `key` has
  ///   room, or null.
  [[nodiscard]] const Gap* may_hide(std::string_view key,
                                    std::uint64_t newer_than) const;

  /// @returns the length of the file in bytes as far as it is known.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// Tells how long the file is now.
  void set_size(std::uint64_t size) { size_ = size; }

  /// @returns bytes of all intact records.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  /// @returns bytes of records that are the newest of their key.
  [[nodiscard]] std::uint64_t newest_bytes() const { return newest_bytes_; }

  /// @returns bytes of those that are no tombstones.
  [[nodiscard]] std::uint64_t live_bytes() const { return live_bytes_; }

  /// @returns how many those are.
  [[nodiscard]] std::uint64_t live_keys() const { return live_keys_; }

  /// @returns the memory that the keydir and `lost` hold, in bytes.
  [[nodiscard]] std::uint64_t index_bytes() const {
    return map_bytes_ + string_bytes_ +
           lost_.capacity() * sizeof(Offsets::value_type);
  }

  /// @returns whether it is known to survive a power cut. For merges alone.
  [[nodiscard]] bool is_durable() const { return is_durable_; }

  /// Tells that it has been synced.
  void set_durable() { is_durable_ = true; }

 private:
  const std::uint32_t id_;
  const std::string name_;
  const std::string path_;
  std::uint64_t map_bytes_ = 0;
  std::uint64_t string_bytes_ = 0;  // of keys too long to stand in the map
  Keydir keydir_;
  Offsets lost_;
  std::vector<Gap> gaps_;
  std::uint64_t size_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t newest_bytes_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t live_keys_ = 0;
  bool is_durable_ = false;
};

/// Whoever holds one may read its file: it is not removed before all let go.
using SegmentPtr = std::shared_ptr<Segment>;

/// How a segment's name ends.
inline constexpr std::string_view kSegmentSuffix = ".log";

/// How the name of a file ends that a merge is still writing.
inline constexpr std::string_view kMergingSuffix = ".log.merging";

/// @returns whether a record that stands whole in memory is a tombstone.
[[nodiscard]] bool is_deletion(const LogEntry& entry);

}  // namespace strata::compaction
