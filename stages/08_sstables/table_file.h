/// @file
/// A sorted segment file, or SSTable: how it is called, laid out and written.
///
///     table  = { data block } index block footer
///     footer = crc: u32  version: u32  index: u64  size: u64  entries: u64
///              "sstable\n"
///
///     +------------+------------+-----+-------------+-----------------+
///     | data block | data block | …   | index block | footer, 40 bytes |
///     +------------+------------+-----+-------------+-----------------+
///
/// Blocks are told of in block.h. The *sparse index* has one entry for each
/// data block: under the block's first key stand its offset and length, u64
/// each. A search reads no block but the one in which the key must be. It is
/// never compressed: what is small on disk is then small in memory.
///
/// The footer is written last. It tells where the index block begins and how
/// long it is, and how many entries the table has; its own checksum covers all
/// behind it. A file without it is not finished.
///
/// A table has its name only once all of it is written: until then it is called
/// `17-17.sst.writing`, and a killed process leaves nothing that could be taken
/// for a table. The name says whose writes it holds:
///
///     17-17.sst    the 17th memtable
///     1-16.sst     the first to the 16th, merged
///
/// Which is the newer of two tables, and which has taken the place of which, is
/// thus told by their names alone: one whose range lies within another's was
/// merged into that, and is only waiting to be removed.
/// @source the SSTable: Chang et al., "Bigtable", OSDI 2006; its layout:
///   LevelDB, doc/table_format.md
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/file.h"
#include "common/store/stage.h"
#include "common/table/block.h"
#include "stages/08_sstables/cursor.h"

namespace strata::sstables {

using sst::BlockBuilder;
using sst::BlockCursor;
using sst::BlockHeader;
using sst::BlockKind;
using sst::Compression;
using sst::kBlockHeaderBytes;
using sst::kMaxCompressed;

/// What keys and values a table can hold: any bytes.
inline constexpr Limits kLimits{.max_key_bytes = 0xFFFF,
                                .max_value_bytes = 0xFFFFFFFF,
                                .key_forbids = "",
                                .value_forbids = "",
                                .value_prefix_taken = ""};

/// Why nothing is known of keys that a table may have held.
inline constexpr const char* kMissing = "the table is missing";

/// How a table's name ends.
inline constexpr std::string_view kTableSuffix = ".sst";

/// How the name of a file ends that is still being written.
inline constexpr std::string_view kWritingSuffix = ".sst.writing";

/// Which memtables a table holds: the first to the last, counting from 1.
struct TableRange {
  std::uint64_t first = 0;  ///< of the memtables merged into it, the oldest
  std::uint64_t last = 0;   ///< the newest

  /// @returns whether all of `other` is in this one.
  [[nodiscard]] bool holds(const TableRange& other) const {
    return first <= other.first && other.last <= last;
  }

  /// @returns the file's name within the store's directory.
  [[nodiscard]] std::string name(std::string_view suffix = kTableSuffix) const;
};

/// Picks the tables out of the names in a directory; other names are another's.
/// @returns those that no other one holds, oldest first; all that others hold
///   are put behind `superseded`.
/// @throws Damage when a name is a second one for a range, such as
///   `01-1.sst`, or when two tables have some memtables in common.
[[nodiscard]] std::vector<TableRange> tables_among(
    const std::vector<std::string>& names, const std::string& directory,
    std::vector<TableRange>& superseded);

/// @returns whether a file is called as one that is still being written.
[[nodiscard]] bool is_unfinished_table(std::string_view name);

/// The end of a table.
struct Footer {
  std::uint64_t index_offset = 0;  ///< of the index block, in bytes
  std::uint64_t index_size = 0;    ///< its length with its header
  std::uint64_t entries = 0;       ///< in all data blocks
};

/// Length of a footer in bytes.
inline constexpr std::size_t kFooterBytes = 40;

/// @param bytes kFooterBytes of them
/// @returns the footer, or nothing where they are none.
[[nodiscard]] std::optional<Footer> decode_footer(std::string_view bytes);

/// Appends an entry of the index: where a block with that first key is.
void add_index_entry(std::string_view first_key, std::uint64_t offset,
                     std::uint64_t size, BlockBuilder& index);

/// How tables are written.
struct TableFormat {
  std::uint64_t block_bytes = 4096;             ///< a block ends behind so many
  Compression compression = Compression::kLz4;  ///< of its blocks
};

/// Writes a table, entry by entry.
class TableWriter {
 public:
  /// Begins the file under the name that it has while it is being written; one
  /// that a crash left there is overwritten.
  /// @throws IoError
  TableWriter(const Options& options, TableRange range,
              const TableFormat& format);

  /// Adds an entry behind all others: its key must be greater than theirs.
  /// @throws IoError
  /// @complexity one write for every 256 KiB or more
  void add(const Entry& entry);

  /// Writes index and footer and gives the file its name.
  /// @param durable whether to sync the file before that; the name is durable
  ///   once the directory is synced, too
  /// @throws IoError; the name may then have been given all the same.
  void finish(bool durable);

  /// Removes the file, by whichever name it has: nobody was told of it.
  /// @returns whether it is gone; what is left of a file without its name, the
  ///   next open for writing removes.
  [[nodiscard]] bool take_back();

  /// @returns whether the file could not be synced.
  [[nodiscard]] bool has_failed_sync() const { return file_.has_failed(); }

 private:
  void end_block();
  void write_out();

  const Options& options_;
  const TableRange range_;
  const TableFormat format_;
  File file_;
  BlockBuilder block_;
  BlockBuilder index_;
  std::string first_key_;      // of the block
  std::string buffer_;         // what the file has not been given yet
  std::uint64_t written_ = 0;  // what it has been given, in bytes
  std::uint64_t entries_ = 0;
  bool may_have_its_name_ = false;
};

}  // namespace strata::sstables
