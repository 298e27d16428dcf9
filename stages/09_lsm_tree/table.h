/// @file
/// A table that is read: its index and its filter in memory, its blocks on disk
/// or in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/os/file.h"
#include "common/record/log_entries.h"
#include "common/store/file_cache.h"
#include "stages/09_lsm_tree/block_cache.h"
#include "stages/09_lsm_tree/bloom.h"
#include "stages/09_lsm_tree/cursor.h"
#include "stages/09_lsm_tree/sparse_index.h"
#include "stages/09_lsm_tree/table_file.h"

namespace strata::lsm {

/// What all tables of a store share.
struct Shelf {
  const Options& options;  ///< the store's
  FileCache& files;        ///< opens files, now and for every read
  BlockCache& blocks;      ///< keeps what gets have read
};

/// One table, which never changes. For many threads at once.
///
/// Index and filter only tell what the blocks tell too. Without the filter, each
/// key may be there. Where the index or the footer is damaged the blocks are gone
/// through one by one, and it is made anew; what is behind the last whole block
/// then is lost, up to the greatest key that the manifest tells of. A file that
/// is missing has lost all.
class Table {
 public:
  /// Reads footer, filter and index.
  /// @param shelf what it points at must outlive this
  /// @throws IoError, also when the file is missing
  /// @complexity three reads; of a damaged table, all of it
  Table(const Shelf& shelf, const TableInfo& info);

  /// A table whose file is missing.
  [[nodiscard]] static std::shared_ptr<const Table> missing(
      const Shelf& shelf, const TableInfo& info);

  /// @returns what the manifest says of it.
  [[nodiscard]] const TableInfo& info() const { return info_; }

  /// @returns its file's name within the store's directory.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// @returns its file's path.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// @returns the file's length in bytes.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// @returns memory that index and filter hold, in bytes.
  [[nodiscard]] std::uint64_t index_bytes() const;

  /// @returns its data blocks, in file order.
  [[nodiscard]] const SparseIndex& blocks() const { return blocks_; }

  /// @returns the damage that was seen when it was opened, if any: of the
  ///   footer, of the index, or of what stands behind the last whole block.
  [[nodiscard]] const std::optional<Gap>& gap() const { return gap_; }

  /// @returns the filter, where it is damaged.
  [[nodiscard]] const std::optional<Gap>& filter_gap() const {
    return filter_gap_;
  }

  /// @returns whether keys may have been lost by that damage.
  [[nodiscard]] bool has_lost_keys() const { return lost_behind_.has_value(); }

  /// @param hash of the key, by bloom_hash
  /// @returns whether the filter lets a key through.
  [[nodiscard]] bool may_hold(std::uint64_t hash) const {
    return filter_.may_hold(hash);
  }

  /// Looks a key up that lies between its first and its last. Where it has a
  /// value that is put into `value`, whose memory is reused.
  /// @throws IoError; Damage when the block is damaged in which the key is, or
  ///   must be if it is there
  /// @complexity one read, of a block; none where the cache has it
  [[nodiscard]] Found get(std::string_view key, std::string& value) const;

  /// @returns a data block, by its number, from the cache or read into it.
  /// @throws IoError, Damage
  [[nodiscard]] LoadedBlock block(std::size_t number) const;

  /// Goes through a block's entries, and leaves the cache alone.
  /// @returns the block as a gap where it is damaged.
  /// @throws IoError
  [[nodiscard]] std::optional<Gap> for_each(
      const SparseIndex::Block& block, const char* why,
      const std::function<void(const BlockCursor&)>& visit) const;

  /// Reads `count` blocks from the `first` on, which lie one behind the other.
  /// @throws IoError; Damage when the file has become shorter
  void read_blocks(std::size_t first, std::size_t count, const char* why,
                   std::string& bytes) const;

  /// @throws Damage when `key` may have been lost by the damage that gap()
  ///   tells of.
  void check_not_lost(std::string_view key) const;

  /// @throws Damage when there is any damage that was seen at the open.
  void check_whole() const;

  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

 private:
  struct Missing {};

  Table(const Shelf& shelf, const TableInfo& info, Missing);
  [[nodiscard]] bool read_index(const File& file);
  [[nodiscard]] bool take_index(std::string_view entries, std::uint64_t end);
  void read_filter(const File& file, const Place& place);
  void find_blocks(const File& file);
  [[nodiscard]] std::shared_ptr<const File> open(const char* why) const;

  const Shelf& shelf_;
  const TableInfo info_;
  const std::string name_;
  const std::string path_;
  std::uint64_t size_ = 0;
  SparseIndex blocks_;
  Bloom filter_;
  std::optional<Gap> gap_;
  std::optional<Gap> filter_gap_;
  std::optional<std::string> lost_behind_;  // keys greater than this one
};

/// Whoever holds one may read its file: it is not removed before all let go.
using TablePtr = std::shared_ptr<const Table>;

/// How a table is gone through.
struct Reading {
  const char* why = "scan";  ///< told in the ledger
  bool all = false;          ///< from end to end: in long reads, past the cache
  /// Called with each damaged stretch, behind which `next` goes on; without it
  /// every move throws Damage. Only for who goes through all.
  std::function<void(const Table& table, const Gap& gap)> skip{};
};

/// Goes through a table in constant memory. A short range takes its blocks from
/// the cache, as gets do. One that goes on reads past it, each time as much as it
/// has come through so far: little is read in vain, a long range is read in long
/// reads, and the cache keeps what gets need.
class TableCursor final : public Cursor {
 public:
  /// @param table kept for as long as this
  TableCursor(TablePtr table, Reading reading);

  [[nodiscard]] bool seek(std::string_view key) override;
  [[nodiscard]] bool seek_before(std::string_view key) override;
  [[nodiscard]] bool seek_last() override;
  [[nodiscard]] bool next() override;
  [[nodiscard]] bool prev() override;

  [[nodiscard]] const Entry& entry() const override { return block_.entry(); }

  /// @returns the entry's length in its block, in bytes.
  [[nodiscard]] std::uint64_t entry_size() const { return block_.size(); }

 private:
  [[nodiscard]] bool begin_at(std::size_t number);
  [[nodiscard]] bool open_cached();
  [[nodiscard]] bool open_next();
  [[nodiscard]] bool first_of_next();
  [[nodiscard]] bool last_of_previous();
  void read_ahead();
  void meet(const Gap& gap);
  void meet_block(const char* why);
  void meet_lost();

  const TablePtr table_;
  const Reading reading_;
  std::size_t number_ = 0;      // of the block it is in
  LoadedBlock held_;            // where that came from the cache
  std::size_t read_until_ = 0;  // blocks behind it, before here: in `bytes_`
  std::size_t at_ = 0;          // where in `bytes_` the next one begins
  std::uint64_t from_ = 0;      // where in the file it began to go forward
  std::string bytes_;
  std::string scratch_;
  BlockCursor block_;
};

}  // namespace strata::lsm
