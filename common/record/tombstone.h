/// @file
/// Tombstones: the values that say that a key is deleted.
///
///     tombstone = "bitcask_tombstone"                version 0
///               | "bitcask_tombstone1" file: u32     version 1
///               | "bitcask_tombstone2" file: u32     version 2, big-endian
///
/// As in Riak, whatever begins with the marker is a tombstone, of no version
/// when nothing of the above follows.
///
/// A deletion is one more record, since nothing in a log is changed in place.
/// Versions 1 and 2 name the file of the record that they hide: once that file
/// is gone, the tombstone has nothing left to do. The marker stands in band, in
/// the place of a value, and so no value may begin with it (kBinaryLimits).
/// @source basho/bitcask, src/bitcask.erl and include/bitcask.hrl
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace strata {

/// A tombstone of version 0, and how those of the other versions begin.
inline constexpr std::string_view kTombstone0 = "bitcask_tombstone";

/// The length of the longest tombstone in bytes.
inline constexpr std::size_t kLongestTombstone = kTombstone0.size() + 1 + 4;

/// What a tombstone tells.
struct Tombstone {
  int version = 0;         ///< 0, 1 or 2
  std::uint32_t file = 0;  ///< in versions 1 and 2, the file it hides one in
};

/// @returns what a tombstone of one of the versions tells.
[[nodiscard]] std::optional<Tombstone> decode_tombstone(std::string_view value);

/// @returns whether the value of a record says that its key is deleted.
[[nodiscard]] inline bool is_tombstone(std::string_view value) {
  return value.substr(0, kTombstone0.size()) == kTombstone0;
}

/// @returns a tombstone of version 2.
[[nodiscard]] std::string encode_tombstone(std::uint32_t file);

}  // namespace strata
