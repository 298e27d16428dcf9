/// @file
/// A table that is read: its sparse index in memory, its blocks on disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/file.h"
#include "common/record/log_entries.h"
#include "common/store/file_cache.h"
#include "common/table/block.h"
#include "stages/08_sstables/cursor.h"
#include "stages/08_sstables/table_file.h"

namespace strata::sstables {

/// One table, which never changes. For many threads at once.
///
/// The index only tells what the blocks tell too. Where it or the footer is
/// damaged the blocks are gone through one by one, and it is made anew: every
/// block that is whole still answers. What is behind the last whole block then
/// is lost, and so every key behind the last one that is known.
class Table {
 public:
  /// Where a data block is.
  struct Block {
    std::string first_key;     ///< of its entries
    std::uint64_t offset = 0;  ///< in the file, in bytes
    std::uint64_t size = 0;    ///< with its header, in bytes
  };

  /// Reads footer and index.
  /// @param files opens the file, now and for every read; must outlive this
  /// @throws IoError
  /// @complexity two reads; of a damaged table, all of it
  Table(const Options& options, FileCache& files, TableRange range);

  /// @returns whose writes it holds.
  [[nodiscard]] const TableRange& range() const { return range_; }

  /// @returns its file's name within the store's directory.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// @returns its file's path.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// @returns the file's length in bytes.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// @returns memory that the index holds, in bytes.
  [[nodiscard]] std::uint64_t index_bytes() const;

  /// @returns its data blocks, in file order.
  [[nodiscard]] const std::vector<Block>& blocks() const { return blocks_; }

  /// @returns the damage that was seen when it was opened, if any: of the
  ///   footer, of the index, or of what stands behind the last whole block.
  [[nodiscard]] const std::optional<Gap>& gap() const { return gap_; }

  /// @returns whether keys may have been lost by that damage.
  [[nodiscard]] bool has_lost_keys() const { return lost_behind_.has_value(); }

  /// Looks a key up. Where it has a value that is put into `value`, whose
  /// memory is reused.
  /// @throws IoError; Damage when the block is damaged in which the key is, or
  ///   must be if it is there
  /// @complexity no read where the key is less than all; else one
  [[nodiscard]] Found get(std::string_view key, std::string& value) const;

  /// Goes through a block's entries.
  /// @returns the block as a gap where it is damaged.
  /// @throws IoError
  [[nodiscard]] std::optional<Gap> for_each(
      const Block& block, const char* why,
      const std::function<void(const BlockCursor&)>& visit) const;

  /// Reads `count` blocks from the `first` on, which lie one behind the other.
  /// @throws IoError; Damage when the file has become shorter
  void read_blocks(std::size_t first, std::size_t count, const char* why,
                   std::string& bytes) const;

  /// @returns the block in which `key` is if it is there at all, the number of
  ///   it among blocks(); of a key that is less than all, 0.
  [[nodiscard]] std::size_t block_of(std::string_view key) const;

  /// @throws Damage when `key` may have been lost by the damage that gap()
  ///   tells of.
  void check_not_lost(std::string_view key) const;

  /// @throws Damage when there is any damage that was seen at the open.
  void check_whole() const;

  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

 private:
  [[nodiscard]] bool read_index(const File& file);
  [[nodiscard]] bool take_index(std::string_view entries, std::uint64_t end);
  void find_blocks(const File& file);
  [[nodiscard]] std::shared_ptr<const File> open(const char* why) const;

  const Options& options_;
  FileCache& files_;
  const TableRange range_;
  const std::string name_;
  const std::string path_;
  std::uint64_t size_ = 0;
  std::vector<Block> blocks_;
  std::optional<Gap> gap_;
  std::optional<std::string> lost_behind_;  // keys greater than this one
};

/// Whoever holds one may read its file: it is not removed before all let go.
using TablePtr = std::shared_ptr<const Table>;

/// Goes through a table in constant memory. It reads more and more blocks at
/// a time: a short range reads little, a long one in long reads.
class TableCursor final : public Cursor {
 public:
  /// Takes damage that is passed over.
  using Skip = std::function<void(const Gap&)>;

  /// @param from stands before the first entry whose key is not less
  /// @param why told in the ledger
  /// @param skip called with each damaged stretch, behind which it goes on;
  ///   without it `next` throws Damage
  TableCursor(TablePtr table, std::string_view from, const char* why,
              Skip skip = nullptr);

  [[nodiscard]] bool next() override;

  [[nodiscard]] const Entry& entry() const override { return block_.entry(); }

  /// @returns the entry's length in its block, in bytes.
  [[nodiscard]] std::uint64_t entry_size() const { return block_.size(); }

 private:
  [[nodiscard]] bool open_next_block();
  void read_ahead();
  [[nodiscard]] Decoded first_of_block();
  void meet(const Gap& gap);

  const TablePtr table_;
  const char* const why_;
  const Skip skip_;
  std::string from_;     // empty once it has been found
  bool at_end_ = false;  // and what is lost there was told
  std::size_t next_block_;
  std::size_t read_until_ = 0;  // the blocks before it are in `bytes_`
  std::size_t at_ = 0;          // where in `bytes_` the next one begins
  std::size_t ahead_ = 1;       // how much to read at the next time, in bytes
  std::string bytes_;
  std::string scratch_;
  BlockCursor block_;
};

}  // namespace strata::sstables
