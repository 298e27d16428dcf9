/// @file
/// Stage 09: the LSM-tree. Stage 08, made safe and made fast.
///
///     7.log          the write-ahead log of the memtable (log.h)
///     4.sst, 6.sst …  tables (table_file.h); they never change
///     MANIFEST       which of these are the store (manifest.h)
///
///     write ──▶ log ──▶ memtable ──full──▶ frozen ──written out──▶ level 0
///                                                                  level 1
///     get ─────────────▶ 1st ────────────▶ 2nd ──────────────────▶ level 2 …
///
/// A write is in the log before it is in the memtable, so a crash loses nothing
/// that was acknowledged. A full memtable is frozen, the next one takes the
/// writes with the next log, and a thread writes the frozen one out as a table of
/// level 0. The same thread keeps the tree in shape by merging tables into deeper
/// levels. Each table has a Bloom filter, so that a get reads from hardly any
/// table that does not have its key.
///
/// The files to read, each from top to bottom:
///
///   write_path.cpp   a batch's way into log and memtable; group commit; waiting
///   read_path.cpp    get, scan, snapshots and iterators
///   picker.cpp       which tables are merged next
///   compaction.cpp   how memtables become tables, and tables others
///   recovery.cpp     what is made of the files that a crash leaves
///   inspect.cpp      what the store tells of itself
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/os/file.h"
#include "common/store/errors.h"
#include "common/store/file_cache.h"
#include "common/store/follow_merges.h"
#include "common/store/log_writer.h"
#include "common/store/stage.h"
#include "common/store/store.h"
#include "stages/09_lsm_tree/batch.h"
#include "stages/09_lsm_tree/iterator.h"
#include "stages/09_lsm_tree/log.h"
#include "stages/09_lsm_tree/manifest.h"
#include "stages/09_lsm_tree/picker.h"
#include "stages/09_lsm_tree/table.h"

namespace strata {

/// Writes go into a log and a memtable; gets ask memtables and tables, newest
/// first.
///
/// Any number of threads may use a store at once. Writers that come while
/// another one writes wait, and are then written by one of them in one go. Readers
/// wait for nobody.
///
/// Invariant: every acknowledged write is in a log that is there, or in a table
/// that the manifest names. Of two sources the newer one holds the newer entry of
/// a key: memtable, frozen memtable, level 0 from its newest run on, level 1, …
///
/// A store that was opened for reading beside a writer in another process sees
/// what there was when it was opened. When a table that it needs has been merged
/// away it loads anew and goes on: a get answers from then on as of this moment,
/// and a scan goes on behind the last key that it told. Snapshots and iterators
/// of such a store throw IoError then.
class LsmTree final : public Store {
 public:
  /// How often, and for how long, writers had to wait for the thread in the
  /// background.
  struct Stalls {
    std::uint64_t count = 0;     ///< writes that waited
    std::uint64_t total_ns = 0;  ///< all of them together, in nanoseconds
  };

  /// What the Bloom filters said since the open.
  struct FilterCounts {
    std::uint64_t asked = 0;    ///< tables in which the key has a place
    std::uint64_t refused = 0;  ///< of these, where the filter said no
    std::uint64_t erred = 0;    ///< where it let a key pass that was not there

    /// @returns how many of the keys that were not there it let pass, of 1.
    [[nodiscard]] double false_positives() const {
      const std::uint64_t absent = refused + erred;
      return absent == 0
                 ? 0
                 : static_cast<double>(erred) / static_cast<double>(absent);
    }
  };

  /// Opens the store that `options` tell of, and replays its logs.
  /// @throws IoError, Busy; Damage when the manifest is damaged: without it
  ///   nobody knows which files are the store, and none is removed
  /// @complexity reads the logs, and of each table footer, filter and index.
  explicit LsmTree(const Options& options);

  /// Everything that was acknowledged is in a log or in a table. A memtable that
  /// is half full or more is written out, so that the next open has little to
  /// replay, unless level 0 is full. Where that fails, it is in its log all the
  /// same.
  ~LsmTree() override;

  /// @throws IoError also when the memtable is full and the one before it
  ///   cannot be written out: nothing was written.
  /// @complexity one write to the log, and one sync with `Sync::kAlways`,
  ///   shared with other threads that write at the time
  void set(std::string_view key, std::string_view value) override;

  /// Writes a tombstone, whether the key is there or not.
  /// @throws IoError, and complexity, as `set`
  void del(std::string_view key) override;

  /// Writes all of a batch or, should anything fail, nothing of it. No reader
  /// sees a part of it, and no crash leaves one.
  /// @throws IoError, and complexity, as `set`
  void write(const lsm::Batch& batch);

  /// @throws Damage when the block is damaged in which the key must be, or what
  ///   is newer than all that is known of the key is lost.
  /// @complexity one block read from each table that has the key's place and
  ///   whose filter lets it pass, until one has it: of a key that is not there,
  ///   seldom any.
  [[nodiscard]] bool get(std::string_view key, std::string& value) override;

  /// As `get`, as of a moment.
  [[nodiscard]] bool get(std::string_view key, std::string& value,
                         const lsm::Snapshot& moment);

  /// @returns this moment, kept for as long as there is a copy of it.
  [[nodiscard]] lsm::Snapshot snapshot() const;

  /// @returns what goes through the keys of a range as of a moment. It stands
  ///   nowhere before its first seek.
  /// @throws Damage when writes are lost that it would have to show
  [[nodiscard]] std::unique_ptr<lsm::Iterator> iterator(
      lsm::Range range, const lsm::Snapshot& moment) const;

  void keys(const KeyVisitor& visit) override;

  /// Tells the pairs of one moment, whatever is written or merged meanwhile, in
  /// constant memory.
  /// @complexity reads those blocks of each run that are in the range, once.
  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override;

  /// Writes the memtable out as a table, which nothing but a test or a
  /// benchmark needs: what is in it is in the log.
  /// @throws IoError
  void write_memtable();

  /// Waits until nothing is left to be merged.
  void settle();

  /// Merges all into one run, without tombstones.
  /// @throws Damage when a table or a log is damaged, IoError: every table is
  ///   kept.
  void compact() override;

  /// @complexity reads everything: which entries count is known only by merging
  ///   them.
  [[nodiscard]] Stats stats() override;

  /// @returns a line for each level that has tables or had some: what a get may
  /// have to ask there, the bytes that were ever written into it for each that
  /// was written into level 0, and the bytes it takes for each that is live.
  /// Then, where there is any since the open, lines on what filters said, what
  /// the cache holds, and how long writers waited.
  [[nodiscard]] std::vector<std::string> details() override;

  [[nodiscard]] std::vector<FileStats> file_stats() override;

  /// Shows tables from the deepest level up, then logs: the oldest first. Of the
  /// manifest, its lines, when that is the file asked for.
  void dump(std::string_view file, const DumpVisitor& visit) override;
  void verify(const DamageVisitor& visit) override;

  /// The copy holds the newest readable entry of each key.
  void salvage(const std::string& directory,
               const DamageVisitor& visit) override;

  /// @returns how many tables gets have read a block of, or would have without
  ///   the cache, since the open.
  [[nodiscard]] std::uint64_t index_probes() const override { return probes_; }

  /// @returns what the filters said since the open.
  [[nodiscard]] FilterCounts filter_counts() const {
    return {refused_ + probes_, refused_, erred_};
  }

  /// @returns how writers waited since the open.
  [[nodiscard]] Stalls stalls() const { return {stalls_, stalled_ns_}; }

  /// @returns the tables of this moment.
  [[nodiscard]] std::shared_ptr<const lsm::Version> version() const {
    return state()->version;
  }

  /// @returns bytes of blocks that the cache holds.
  [[nodiscard]] std::uint64_t cached_bytes() const { return blocks_.bytes(); }

 private:
  using StatePtr = std::shared_ptr<const lsm::State>;

  // A log as recovery found it.
  struct FoundLog {
    std::uint64_t number = 0;
    std::uint64_t size = 0;    // in bytes
    std::uint64_t end = 0;     // of its last record
    bool torn = false;         // whether anything is behind that
    bool has_batches = false;  // or damage, which may have been some
    std::optional<lsm::Previous> previous{};  // what it begins with
  };

  // What a writer that waits for its turn wants to be written.
  struct Writer {
    const lsm::Batch* batch = nullptr;
    std::function<void()> work{};  // or this, alone, when there is no batch
    bool is_done = false;
    std::exception_ptr error{};
    std::condition_variable wake{};
  };

  // How entries become tables.
  struct Output {
    std::uint64_t table_bytes;  // a table ends behind so many
    std::function<bool(std::string_view key)> is_needless;  // of a tombstone
    std::function<void()> meanwhile;  // called now and then
  };

  using LogVisitor = std::function<void(Decoded, const lsm::LogItem&)>;

  // recovery.cpp
  void load(std::uint64_t seen);
  void load(const std::string& text, bool may_be_missing);
  [[nodiscard]] std::shared_ptr<const lsm::Version> open_tables(
      const lsm::Manifest& manifest, bool may_be_missing) const;
  [[nodiscard]] std::vector<FoundLog> replay_all(
      const std::vector<std::uint64_t>& numbers, std::uint64_t first,
      bool may_be_missing, lsm::State& state);
  [[nodiscard]] FoundLog replay(std::uint64_t number, const FoundLog* before,
                                bool may_be_missing, lsm::State& state);
  [[nodiscard]] bool take(Decoded decoded, const lsm::LogItem& item,
                          FoundLog& log, lsm::State& state) const;
  void check_follows(const FoundLog& log, const FoundLog* before,
                     bool may_be_missing, lsm::State& state) const;
  void enter(Decoded decoded, const lsm::LogItem& item, std::uint64_t log,
             lsm::State& state);
  void check_is_young(const std::vector<std::string>& names,
                      const std::vector<std::uint64_t>& logs,
                      bool may_be_missing) const;
  std::uint64_t visit_log(std::uint64_t number,
                          std::optional<std::uint64_t> size, const char* why,
                          const LogVisitor& visit) const;
  void lose(lsm::State& state, std::uint64_t log, std::uint64_t offset,
            const char* why) const;
  void become_writer(std::vector<FoundLog> logs, bool has_lost);
  void go_on_with(const FoundLog& log);
  [[nodiscard]] std::string log_path(std::uint64_t number) const;

  // write_path.cpp
  void take_turn(Writer& mine);
  void lead(Writer& mine, std::unique_lock<std::mutex>& turn);
  void write_out();
  void make_room();
  [[nodiscard]] bool has_too_many_runs() const;
  void append();
  void freeze();
  void begin_log();
  void check_is_writer() const;
  void check_goes_on();
  void check_not_failed() const;
  void wait_while(const std::function<bool()>& is_so);

  // read_path.cpp
  [[nodiscard]] StatePtr state() const;
  [[nodiscard]] lsm::Found find(std::string_view key, std::uint64_t as_of,
                                const lsm::State& state, std::string& value);
  [[nodiscard]] lsm::Found find_in(const lsm::Run& run, std::string_view key,
                                   std::uint64_t hash, std::string& value);

  template <typename Work>
  void following_merges(const Work& work) {
    follow_merges(
        options_.mode, loads_, [this](std::uint64_t seen) { load(seen); },
        work);
  }

  // compaction.cpp
  void write_out_frozen();
  void leave_little_to_replay();
  [[nodiscard]] lsm::Run write_tables(lsm::Cursor& entries,
                                      const Output& output);
  void take_back(const lsm::Run& tables);
  [[nodiscard]] std::uint64_t take_number();
  void commit(const lsm::Edit& edit, std::uint64_t first_log, bool was_frozen);
  void write_manifest(const std::string& text);
  [[nodiscard]] bool still_counts() const;
  void sync_directory(const char* why);
  bool remove_unneeded(const std::string& path, const char* why);
  void merge(const lsm::Pick& pick);
  void sweep();
  void sweep_if_possible();
  void sweep_logs();
  void sweep_tables();
  [[nodiscard]] lsm::TablePtr take_unread();
  void wake_background();
  void work_in_background();
  [[nodiscard]] bool merge_if_worth_it();
  [[nodiscard]] std::optional<lsm::Pick> next_merge();

  // inspect.cpp
  struct Moment;
  struct Weights;
  struct Logged;
  [[nodiscard]] Moment moment();
  [[nodiscard]] Logged logged(const Moment& moment, const char* why) const;
  [[nodiscard]] Weights weigh(const Moment& moment) const;
  [[nodiscard]] std::pair<Moment, Weights> weighed();
  void tell_since_open(std::vector<std::string>& lines) const;
  [[nodiscard]] bool dump_manifest(const DumpVisitor& visit) const;
  [[nodiscard]] bool dump_logs(std::string_view name, const Moment& moment,
                               const DumpVisitor& visit) const;
  static void dump_table(const lsm::Table& table, const lsm::State& state,
                         const std::vector<lsm::Run>& newer,
                         const DumpVisitor& visit);

  const Options options_;
  const std::uint64_t memtable_bytes_;
  const std::uint64_t table_bytes_;
  const lsm::Shape shape_;
  const lsm::TableFormat format_;
  FileCache files_;
  mutable lsm::BlockCache blocks_;
  const lsm::Shelf shelf_;

  // Who holds several of these has taken them in this order.
  std::shared_mutex reading_logs_;  // they stay, for who tells of them
  std::mutex loading_;              // one load at a time
  std::mutex merging_;              // one merge at a time
  std::mutex writing_;  // the queue of writers; and its front, unlocked, writes
  std::mutex flushing_;  // one memtable at a time is written out
  std::mutex editing_;   // one manifest at a time
  mutable std::shared_mutex state_lock_;  // nobody does any I/O with it

  StatePtr state_;                          // state_lock_
  std::atomic<std::uint64_t> sequence_{0};  // of the last write that is seen
  std::atomic<std::uint64_t> loads_{0};     // how often it was read from disk
  lsm::Run superseded_;                     // state_lock_; still on disk

  std::deque<Writer*> writers_;   // writing_; the front one leads
  std::vector<Writer*> group_;    // the leader's, and those below
  std::optional<LogWriter> log_;  // none before the first write
  std::uint64_t log_number_ = 0;  // of that
  lsm::Previous before_log_;      // what it will tell of the one before
  std::string record_;            // what is appended to it

  std::vector<std::uint64_t> old_logs_;  // flushing_; still on disk
  std::uint64_t frozen_until_ = 0;       // flushing_; the log behind it
  std::uint64_t written_until_ = 0;      // flushing_; older ones are in tables
  std::uint64_t first_log_ = 1;          // editing_; what the manifest says
  std::string manifest_;                 // editing_; its text
  lsm::BytesWritten written_{};          // editing_; into each level, ever
  std::atomic<std::uint64_t> next_number_{1};  // of a file
  std::vector<std::pair<std::uint64_t, std::uint64_t>>
      found_logs_;  // state_lock_; a reader's: numbers and lengths

  std::optional<Directory> directory_;  // the writer's lock
  std::mutex directory_lock_;           // one sync at a time
  std::atomic<bool> failed_{false};     // see check_not_failed

  std::mutex background_lock_;
  std::condition_variable wake_;     // the background
  std::condition_variable rested_;   // those who wait for it
  bool has_work_ = false;            // background_lock_
  bool is_busy_ = false;             // background_lock_
  std::string failure_;              // background_lock_; still to be told
  std::set<std::uint64_t> damaged_;  // background_lock_; tables: not merged
  std::uint64_t pause_ = 0;          // background_lock_; after a failed merge
  std::uint64_t memtables_to_wait_ = 0;  // background_lock_; what is left of it
  std::atomic<bool> stopping_{false};
  std::thread background_;

  std::atomic<std::uint64_t> probes_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> erred_{0};
  std::atomic<std::uint64_t> stalls_{0};
  std::atomic<std::uint64_t> stalled_ns_{0};
};

/// @returns the description of stage 09.
const Stage& stage_09_lsm_tree();

}  // namespace strata
