/// @file
/// When to merge, and what: Bitcask's own rules and numbers.
///
/// One file that is bad enough *triggers* a merge. The merge then takes every
/// file that passes a lower *threshold*, so that a merge that has to run anyway
/// also clears what would have called for the next one. The numbers stay apart
/// so that merges are rare and thorough.
/// @source basho/bitcask, priv/bitcask.schema and src/bitcask.erl
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/stage.h"

namespace strata::bitcask {

/// What is in one data file.
struct FileStatus {
  std::uint32_t id = 0;            ///< of the file
  std::string name;                ///< of the file
  std::uint64_t keys = 0;          ///< records, tombstones too
  std::uint64_t live_keys = 0;     ///< those a get returns
  std::uint64_t bytes = 0;         ///< of all records
  std::uint64_t live_bytes = 0;    ///< of live records
  std::uint64_t needed_keys = 0;   ///< tombstones that must stay for now
  std::uint64_t needed_bytes = 0;  ///< of those
  std::uint32_t oldest = 0;        ///< tstamp of the oldest record, in seconds
  std::uint32_t newest = 0;        ///< tstamp of the newest record, in seconds

  /// @returns the share of records that a merge would leave out, in percent,
  ///   rounded down.
  [[nodiscard]] unsigned fragmented() const;

  /// @returns the bytes of records that a merge would leave out.
  [[nodiscard]] std::uint64_t dead_bytes() const {
    return bytes - live_bytes - needed_bytes;
  }
};

/// What to merge now.
struct MergePlan {
  std::vector<std::uint32_t> files;  ///< ids, ascending; none: nothing to do
  /// Why, a line for each file and rule, e.g. "3.bitcask.data: 71 % dead".
  std::vector<std::string> reasons;
};

/// The rules.
class MergePolicy {
 public:
  /// The stage's options that set them.
  static std::vector<OptionSpec> options();

  /// @param stage whose defaults hold where `given` says nothing
  /// @param given the options of an open store
  MergePolicy(const Stage& stage, const Options& given);

  /// @param files that are closed, ascending by id
  /// @param now in seconds since 1970
  [[nodiscard]] MergePlan plan(const std::vector<FileStatus>& files,
                               std::uint64_t now) const;

  /// @returns whether merges may begin by themselves at this time: in the hours
  ///   from the window's start up to, but not including, its end, of UTC. A
  ///   window that ends before it starts wraps midnight; one that ends where it
  ///   starts is never open.
  [[nodiscard]] bool in_window(std::uint64_t now) const;

  /// @returns whether a record written then has expired by now. A clock that
  ///   was set back lets nothing expire.
  [[nodiscard]] bool expired(std::uint32_t tstamp, std::uint64_t now) const {
    return expiry_seconds_ > 0 && now > tstamp &&
           now - tstamp > expiry_seconds_;
  }

  /// @returns whether anything ever expires.
  [[nodiscard]] bool expires() const { return expiry_seconds_ > 0; }

 private:
  [[nodiscard]] bool triggers(const FileStatus& file) const;
  [[nodiscard]] std::string why_worth(const FileStatus& file) const;

  std::uint64_t frag_trigger_;
  std::uint64_t dead_bytes_trigger_;
  std::uint64_t frag_threshold_;
  std::uint64_t dead_bytes_threshold_;
  std::uint64_t small_file_threshold_;
  std::uint64_t max_merge_size_;
  std::uint64_t window_start_;
  std::uint64_t window_end_;
  std::uint64_t expiry_seconds_;
  std::uint64_t expiry_grace_seconds_;
};

}  // namespace strata::bitcask
