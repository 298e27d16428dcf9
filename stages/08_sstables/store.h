/// @file
/// Stage 08: the log is sorted before it is written.
///
///     1-4.sst, 5-5.sst, …    tables (table_file.h); they never change
///     6-6.sst.writing        one that is not finished; nobody reads it
///
///     set ──▶ memtable ──full──▶ frozen ──written out──▶ 6-6.sst
///             (a sorted tree)    memtable                5-5.sst
///     get ──▶    1st ──────────▶  2nd  ───────────────▶  1-4.sst, newest first
///
/// A write goes into a sorted tree in memory. When that is full, it is frozen,
/// and a thread writes it out in order of its keys, while the next tree takes
/// the writes. A table needs no key of each record in memory: the sparse index
/// holds one for each block, and the record is found by reading that block.
///
/// Tables are merged as in mergesort, without holding any of them in memory;
/// the newest entry of a key wins. The output's name tells which tables it
/// holds, so that a crash at any step leaves a store that answers the same.
///
/// **What this stage loses.** A write is in memory only until its memtable has
/// been written out. A clean exit does that; a kill -9 does not.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/os/file.h"
#include "common/store/file_cache.h"
#include "common/store/stage.h"
#include "common/store/store.h"
#include "stages/08_sstables/memtable.h"
#include "stages/08_sstables/mergesort.h"
#include "stages/08_sstables/table.h"
#include "stages/08_sstables/table_file.h"

namespace strata {

/// Set and del enter a memtable; get asks memtables and tables, newest first,
/// and reads one block of each table until one knows the key.
///
/// Any number of threads may use a store at once. Writers take turns. A reader
/// waits only while a writer enters its key into the tree, or the list of
/// tables is exchanged. A writer waits when the memtable is full before the one
/// before it has been written out.
///
/// Invariant: of two sources the newer one holds the newer entry of a key:
/// memtable, frozen memtable, then tables in descending order of their ranges.
/// These follow each other without a gap, from 1 on; where a number is missing
/// a table is lost, and no answer is given that it could have changed.
///
/// A store that was opened for reading beside a writer in another process sees
/// the tables that were there when it was opened. When one that it needs has
/// been merged away it lists them anew and goes on with those: a get answers
/// from then on as of this moment, and a scan goes on behind the last key that
/// it told.
class SsTables final : public Store {
 public:
  /// Opens the store that `options` tell of.
  /// @throws IoError, Busy; Damage when two tables hold the same writes
  /// @complexity reads each table's footer and index.
  explicit SsTables(const Options& options);

  /// Writes the memtable out; where that fails, the writes in it are lost,
  /// which `Options::note` is told.
  ~SsTables() override;

  /// With `Sync::kNever` the pair is in memory when this returns, and survives
  /// the process once its memtable has been written out. With `Sync::kAlways`
  /// it is in a table of its own, on disk.
  /// @throws IoError also when the memtable is full and the one before it
  ///   cannot be written out: nothing was entered.
  /// @complexity no I/O before the memtable is full.
  void set(std::string_view key, std::string_view value) override;

  /// Enters a tombstone, whether the key is there or not: to ask would cost a
  /// read.
  /// @throws IoError, and complexity, as `set`
  void del(std::string_view key) override;

  /// @throws Damage when the block is damaged in which the key must be, or a
  ///   newer table is lost.
  /// @complexity one block read for each table that is asked; a miss asks all
  ///   of them.
  [[nodiscard]] bool get(std::string_view key, std::string& value) override;

  /// Tells the keys of one moment, ascending by bytes, in constant memory.
  void keys(const KeyVisitor& visit) override;

  /// Tells the pairs of one moment, whatever is written or merged meanwhile,
  /// in constant memory: that of a copy of the memtable, and of one stretch of
  /// each table.
  /// @complexity reads those blocks of each table that are in the range, once.
  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override;

  /// Writes out the memtable.
  void flush() override;

  /// Writes out the memtable and merges all tables into one, without
  /// tombstones. Does nothing where there are not two.
  /// @throws Damage when a table is damaged, IoError: every table is kept.
  void compact() override;

  /// @complexity reads every table: which entries count is known only by
  ///   merging them.
  [[nodiscard]] Stats stats() override;

  void dump(std::string_view file, const DumpVisitor& visit) override;
  void verify(const DamageVisitor& visit) override;

  /// The copy is one table with the newest readable entry of each key.
  void salvage(const std::string& directory,
               const DamageVisitor& visit) override;

  /// @returns how many tables gets have asked since the open.
  [[nodiscard]] std::uint64_t index_probes() const override { return probes_; }

 private:
  using Memtable = sstables::Memtable;
  using MemtablePtr = std::shared_ptr<const Memtable>;
  using Table = sstables::Table;
  using TablePtr = sstables::TablePtr;
  using Tables = std::vector<TablePtr>;  // oldest first

  // All that is known of keys at one moment, but for the memtable.
  struct View {
    MemtablePtr frozen;  // or null
    std::shared_ptr<const Tables> tables;
  };

  // store.cpp: opening, reading and writing
  void load(std::uint64_t seen);
  [[nodiscard]] std::vector<sstables::TableRange> list_tables();
  void become_writer();
  void remove_left_overs();
  [[noreturn]] void throw_no_number() const;
  void check_is_writer() const;
  void write(const sstables::Entry& entry);
  [[nodiscard]] View view() const;
  [[nodiscard]] sstables::Found find(std::string_view key, std::string& value);
  [[nodiscard]] sstables::MergingCursor merged(const MemtablePtr& newest,
                                               const View& view,
                                               std::string_view from) const;
  [[nodiscard]] MemtablePtr copy_of_memtable(std::string_view from,
                                             std::string_view to,
                                             View& view) const;
  void check_none_missing(const Tables& tables) const;
  [[nodiscard]] std::optional<sstables::TableRange> missing_before(
      const Tables& tables, std::size_t at) const;
  [[noreturn]] void throw_missing(sstables::TableRange range) const;
  template <typename Work>
  void following_merges(const Work& work);

  // inspect.cpp: what it tells of itself
  static void dump_table(const Table& table,
                         const std::function<bool(std::string_view)>& is_dead,
                         const DumpVisitor& visit);

  // merging.cpp: memtables become tables, and tables become fewer
  void check_goes_on();
  void check_not_failed() const;
  void freeze();
  void write_out_frozen();
  void add_table(const MemtablePtr& memtable);
  TablePtr write_table(sstables::TableRange range, sstables::Cursor& entries,
                       bool drop_tombstones, bool durable);
  [[nodiscard]] Tables tables_worth_merging() const;
  void merge(const Tables& inputs);
  void replace(const Tables& inputs, const TablePtr& output);
  void sweep();
  [[nodiscard]] TablePtr take_unread();
  void sweep_if_possible();
  void sync_directory(const char* why);
  void wake_background();
  void work_in_background();
  void merge_if_worth_it();

  const Options options_;
  const std::uint64_t memtable_bytes_;
  const std::uint64_t merge_tables_;
  const sstables::TableFormat format_;
  FileCache files_;

  // Who holds two of these has taken them in this order.
  std::mutex loading_;   // one load at a time
  std::mutex merging_;   // one merge at a time
  std::mutex writing_;   // one writer at a time
  std::mutex flushing_;  // one memtable at a time is written out
  mutable std::shared_mutex list_lock_;  // nobody does any I/O with it

  std::shared_ptr<Memtable> memtable_;    // list_lock_
  MemtablePtr frozen_;                    // list_lock_; null: none
  std::shared_ptr<const Tables> tables_;  // list_lock_
  std::atomic<std::uint64_t> loads_{0};   // how often it was read from disk
  std::atomic<std::uint64_t> probes_{0};

  std::uint64_t next_number_ = 1;       // flushing_; of the next table; 0: none
  std::mutex directory_lock_;           // one sync at a time
  std::optional<Directory> directory_;  // the writer's lock
  std::atomic<bool> failed_{false};     // see check_not_failed

  Tables superseded_;  // list_lock_; still on disk

  // writing_
  std::condition_variable wake_;
  bool has_work_ = false;
  std::string failure_;               // still to be told
  std::set<std::uint64_t> damaged_;   // first numbers of tables: not merged
  std::uint64_t pause_ = 0;           // in tables, after a failed merge
  std::uint64_t tables_to_wait_ = 0;  // what is left of it
  std::atomic<bool> stopping_{false};
  std::thread background_;
};

/// @returns the description of stage 08.
const Stage& stage_08_sstables();

}  // namespace strata
