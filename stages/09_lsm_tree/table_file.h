/// @file
/// A table's file: stage 08's, with a Bloom filter in it.
///
///     table  = { data block } filter block index block footer
///     footer = crc: u32  version: u32  filter: u64  size: u64  index: u64
///              size: u64  entries: u64  "lsmtable"
///
///     +------------+-----+--------+-------+------------------+
///     | data block | …   | filter | index | footer, 56 bytes |
///     +------------+-----+--------+-------+------------------+
///
/// Integers are big-endian. Blocks are told of in common/table/block.h, the
/// filter in bloom.h. The index has, under the first key of each data block, its
/// offset and length, u64 each. Of every key a table has one entry: the newest.
///
/// A table's name is its number, `12.sst`, which tells nothing but that it is
/// another one: what is newer than what, and which tables count at all, stands
/// in the manifest. So a table needs no other name while it is being written.
/// @source the layout: LevelDB, doc/table_format.md
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/file.h"
#include "common/store/stage.h"
#include "common/table/block.h"
#include "stages/09_lsm_tree/batch.h"

namespace strata::lsm {

using sst::BlockBuilder;
using sst::BlockCursor;
using sst::BlockHeader;
using sst::BlockKind;
using sst::Compression;

/// How a table's name ends.
inline constexpr std::string_view kTableSuffix = ".sst";

/// Numbers of files, from 1 on, are below this one.
inline constexpr std::uint64_t kNumbersEnd = std::uint64_t{1} << 62;

/// @returns the name of the file with that number.
[[nodiscard]] std::string numbered_name(std::uint64_t number,
                                        std::string_view suffix);

/// @returns the number of a file called `name`; 0 where it is not digits in
///   front of `suffix`.
/// @throws Damage when it is not as any file is called, such as `007.sst`: it
///   may be a second name for one
[[nodiscard]] std::uint64_t number_of(const std::string& name,
                                      const std::string& directory,
                                      std::string_view suffix);

/// A stretch of a file, in bytes.
struct Place {
  std::uint64_t offset = 0;  ///< where it begins
  std::uint64_t size = 0;    ///< its length
};

/// The end of a table.
struct Footer {
  Place filter;               ///< the filter block
  Place index;                ///< the index block
  std::uint64_t entries = 0;  ///< in all data blocks
};

/// Length of a footer in bytes.
inline constexpr std::size_t kFooterBytes = 56;

/// Appends a footer.
void encode_footer(const Footer& footer, std::string& out);

/// @param bytes kFooterBytes of them
/// @returns the footer, or nothing where they are none.
[[nodiscard]] std::optional<Footer> decode_footer(std::string_view bytes);

/// Appends an entry of the index: where a block with that first key is.
void add_index_entry(std::string_view first_key, const Place& place,
                     BlockBuilder& index);

/// @returns where a block is, given what the index says of it; nothing where
///   that is no place.
[[nodiscard]] std::optional<Place> decode_place(std::string_view value);

/// How tables are written.
struct TableFormat {
  std::uint64_t block_bytes = 4096;             ///< a block ends behind so many
  Compression compression = Compression::kLz4;  ///< of its blocks
  std::uint64_t bloom_bits = 10;                ///< a key; 0: no filter
};

/// What the manifest says of a table.
struct TableInfo {
  std::uint64_t number = 0;      ///< its name
  std::uint64_t size = 0;        ///< of the file, in bytes
  std::uint64_t entries = 0;     ///< tombstones too
  std::uint64_t tombstones = 0;  ///< of these
  std::string first;             ///< its least key
  std::string last;              ///< its greatest key

  /// @returns whether a key between `from` and `to`, both included, may be in
  ///   it.
  [[nodiscard]] bool overlaps(std::string_view from,
                              std::string_view to) const {
    return first <= to && from <= last;
  }
};

/// Writes a table, entry by entry.
class TableWriter {
 public:
  /// Begins a file of that number; one that a crash left there is overwritten.
  /// @throws IoError
  TableWriter(const Options& options, std::uint64_t number,
              const TableFormat& format);

  /// Adds an entry behind all others: its key must be greater than theirs.
  /// @throws IoError
  /// @complexity one write for every 256 KiB or more
  void add(const Entry& entry);

  /// @returns bytes of the file so far.
  [[nodiscard]] std::uint64_t size() const {
    return written_ + buffer_.size() + block_.size();
  }

  /// Writes filter, index and footer, and makes the file durable; its name is
  /// once the directory is synced, too.
  /// @returns what there is to know of it.
  /// @throws IoError
  TableInfo finish();

  /// @returns whether the file could not be synced.
  [[nodiscard]] bool has_failed_sync() const { return file_.has_failed(); }

 private:
  void end_block();
  void write_out();

  const TableFormat format_;
  File file_;
  BlockBuilder block_;
  BlockBuilder index_;
  std::vector<std::uint64_t> hashes_;  // of all keys
  std::string block_first_;            // key
  TableInfo info_;
  std::string buffer_;         // what the file has not been given yet
  std::uint64_t written_ = 0;  // what it has been given, in bytes
};

}  // namespace strata::lsm
