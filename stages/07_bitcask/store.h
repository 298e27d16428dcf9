/// @file
/// Stage 07: Bitcask whole, byte-compatible with Riak's.
///
///     1.bitcask.data    records (common/record/binary_record.h); closed
///     1.bitcask.hint    what is in it, without the values (hint_file.h)
///     2.bitcask.data    the active file: the newest; its hints come on close
///     bitcask.write.lock, bitcask.merge.lock, bitcask.create.lock
///                       who is at work; keeps nobody out (lock_file.h)
///
///     keydir                              2.bitcask.data
///     ┌───────┬──────┬────────┬───────┐   0                 22
///     │ city  │ file │ offset │ value │   ┌─────────────────┬──────────────┐
///     │       │    2 │      0 │ bytes │   │ city = Oslo     │ …            │
///     └───────┴──────┴────────┴───────┘   └─────────────────┴──────────────┘
///
/// One keydir for all files: a miss asks nothing but memory, a hit reads one
/// record. Files are only ever appended to, and only by the process that made
/// them; a store that is opened again goes on in a new file. (Two exceptions: a
/// torn tail is cut off, and an empty newest file is written to.)
///
/// A merge copies what is live in closed files into new ones and deletes them:
///
///     before   1 2 3 4*        4 is active
///     begin    1 2 3 4 . . 7*  5 and 6 are kept free for what is copied
///     copied   1 2 3 4 5 6 7*  every record, synced, under its name
///     done             5 6 7*  the keydir moved over, then the old ones went
///
/// So whatever is written during a merge stands in a newer file than its copies
/// and the order of files stays the order of writing.
///
/// Where to read on: keydir.h, hint_file.h, load.h (start-up), merge.cpp,
/// merge_policy.h (when), lock_file.h.
/// @source Sheehy and Smith, "Bitcask: A Log-Structured Hash Table for Fast
///   Key/Value Data", Basho 2010; basho/bitcask 2.x
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/os/file.h"
#include "common/store/log_writer.h"
#include "common/store/stage.h"
#include "common/store/store.h"
#include "stages/07_bitcask/data_files.h"
#include "stages/07_bitcask/hint_file.h"
#include "stages/07_bitcask/keydir.h"
#include "stages/07_bitcask/load.h"
#include "stages/07_bitcask/lock_file.h"
#include "stages/07_bitcask/merge_policy.h"

namespace strata {

/// A Bitcask.
///
/// Every method may be called from many threads at once. Readers wait neither
/// for each other nor for a write's way to the disk nor for a merge. One writes
/// at a time; one merge runs at a time, and writers wait for none of its calls.
/// What `Options::note` is told may come from the threads that merge and sync.
///
/// The paper's names, where they differ: put is `set`, delete `del`, list_keys
/// `keys`.
///
/// Invariant: the keydir knows the newest record of every key, by file id and
/// offset. Every place in it lies in a file of the published set, and no file
/// leaves the set before every place in it has left the keydir.
class Bitcask final : public Store {
 public:
  /// Opens the store that `options` tell of: from hints where there are good
  /// ones, else from the records.
  /// @throws IoError, Busy; Damage when two files have one id
  /// @complexity reads every hint file, and the data files without one.
  explicit Bitcask(const Options& options);

  /// Closes the store, as `close` does, but for its errors.
  ~Bitcask() override;

  /// @complexity one write of key + value + 14 bytes, no read; one more write
  ///   for every 64 KiB of hints.
  void set(std::string_view key, std::string_view value) override;

  /// @returns false also for a key that has expired.
  /// @throws Damage when the record's checksum does not match, or when damaged
  ///   bytes may have held a newer record of the key.
  /// @complexity one read of exactly the record; a miss reads nothing.
  [[nodiscard]] bool get(std::string_view key, std::string& value) override;

  /// Writes a tombstone of version 2, unless the key is not there.
  /// @complexity one write, or nothing
  void del(std::string_view key) override;

  /// @complexity no read: every key is in memory.
  void keys(const KeyVisitor& visit) override;

  /// Sees one moment, as `fold` does.
  /// @complexity looks at every key, sorts those in the range and reads each
  ///   one's record by itself.
  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override;

  /// Merges all files into as few as they need.
  /// @throws Damage when any file is damaged: nothing has been deleted.
  void compact() override;

  [[nodiscard]] Stats stats() override;

  /// @complexity no read: account is kept of every file.
  [[nodiscard]] std::vector<FileStats> file_stats() override;
  void dump(std::string_view file, const DumpVisitor& visit) override;

  /// Checks the hint files too.
  void verify(const DamageVisitor& visit) override;

  /// The copy holds every readable record, dead ones too; its files are
  /// numbered from 1.
  void salvage(const std::string& directory,
               const DamageVisitor& visit) override;

  /// Visits every live key and its value, as they are at the call, whatever is
  /// written or merged meanwhile; by shard, and in a shard by place.
  /// @throws IoError; in a store opened for reading also when its writer, in
  ///   another process, has merged away a file amid a fold over more than 16 of
  ///   them. So it is with `scan`, `dump`, `verify` and `salvage`, which hold
  ///   no or fewer files open: run them again.
  void fold(const PairVisitor& visit);

  /// Every live key and value of one moment, one after the other. The store
  /// must outlive it. Files that a merge has emptied stay on disk until the
  /// last iterator over them is gone.
  class Iterator {
   public:
    Iterator(Iterator&&) noexcept;             ///< movable
    Iterator& operator=(Iterator&&) noexcept;  ///< movable
    ~Iterator();

    /// Puts the next pair into `key` and `value`.
    /// @returns false behind the last one.
    /// @throws IoError, Damage
    bool next(std::string& key, std::string& value);

   private:
    friend class Bitcask;
    struct Moment;
    explicit Iterator(std::unique_ptr<Moment> moment);
    std::unique_ptr<Moment> moment_;
  };

  /// @returns an iterator over this moment.
  [[nodiscard]] Iterator iterator();

  /// @returns whether there are no keys; expired ones count.
  [[nodiscard]] bool is_empty_estimate() const {
    check_open();
    return keydir_.size() == 0;
  }

  /// Makes everything that was written durable.
  /// @throws IoError: the store takes no more writes until it is opened again.
  void sync();

  /// Ends a running merge, finishes the active file and its hints, with
  /// `--sync-seconds` makes all durable, and lets other writers in. Every later
  /// call but the destructor's throws InvalidInput. Pointers, iterators and
  /// folds must be gone.
  /// @throws IoError: it is closed all the same
  void close();

  /// @returns what is in each file, ascending by id.
  [[nodiscard]] std::vector<bitcask::FileStatus> status() const;

  /// @returns which closed files ought to be merged now, and why; the window
  ///   of hours is for merges that start by themselves and not looked at. Files
  ///   in which a merge has met damage are left out.
  [[nodiscard]] bitcask::MergePlan needs_merge() const;

  /// Merges closed files.
  /// @param ids of the files, for example `needs_merge().files`; those that are
  ///   not there, or active, are left out
  /// @throws IoError, Damage: nothing that is needed has been deleted.
  void merge(const std::vector<std::uint32_t>& ids);

  /// In a store opened for reading: sees what its writer has done since.
  /// @returns whether anything had changed
  /// @complexity measures every data file, and when anything has changed,
  ///   reads what an open reads.
  bool refresh();

 private:
  // The file that is written to.
  struct Active {
    std::shared_ptr<bitcask::DataFile> file;
    LogWriter log;
    bitcask::HintWriter hints;
  };

  // What a get finds: the value, or where to read it.
  struct Found {
    bool there = false;
    std::shared_ptr<bitcask::DataFile> file;  // null when it has been read
    bitcask::Place place;
  };

  using Inputs = std::vector<std::shared_ptr<bitcask::DataFile>>;

  // A merge's work, decided under the writer's lock.
  struct MergeJob;
  class MergeOutput;

  [[nodiscard]] Os& os() const { return options_.system(); }

  [[nodiscard]] std::uint64_t now() const { return os().now_seconds(); }

  // store.cpp: opening, reading, writing
  void open_for_writing();
  void load_files();
  void remove(const std::string& name, const char* why);
  void delete_marked(const Inputs& marked);
  [[nodiscard]] bitcask::Listing list_reliably() const;
  [[nodiscard]] bool is_up_to_date() const;
  [[nodiscard]] std::shared_ptr<const bitcask::FileSet> files() const;
  void publish(std::shared_ptr<const bitcask::FileSet> set);
  [[nodiscard]] Found look_up(std::string_view key, std::string& value);
  void check_not_hidden(const bitcask::FileSet& set, std::string_view key,
                        const bitcask::Place* newest) const;
  void check_nothing_hidden() const;
  void check_open() const;
  void check_writable() const;
  [[nodiscard]] std::unique_ptr<Iterator::Moment> moment();
  void start_file(std::uint64_t id, OpenMode mode);
  void finish_active();
  bitcask::Place append(std::string_view key, std::string_view value,
                        bool tombstone);
  void count_dead(std::string_view key,
                  const std::optional<bitcask::Place>& place) const;
  void check_id(std::uint64_t id) const;
  void make_durable(bitcask::DataFile& file);
  void sync_or_fail(const std::function<void()>& sync);
  void make_all_durable();
  [[nodiscard]] bool all_durable() const;
  void let_others_in();
  void make_names_durable();
  void keep_syncing();
  void stop_threads();

  // inspect.cpp: stats, dump, verify, salvage
  [[nodiscard]] File open_data(const bitcask::DataFile& file,
                               const char* why) const;
  void dump_data(const bitcask::DataFile& file, const DumpVisitor& visit);
  bool dump_hints(const bitcask::DataFile& file, const DumpVisitor& visit);
  void count_unexpired(Stats& stats);

  // merge.cpp
  using Choose = std::function<bool(const bitcask::DataFile&)>;
  void run_merge(const Choose& choose);
  [[nodiscard]] std::uint64_t most_outputs(std::uint64_t bytes) const;
  [[nodiscard]] std::optional<MergeJob> begin_merge(const Choose& choose);
  void copy_live(const MergeJob& job, MergeOutput& output);
  void copy_file(const MergeJob& job, const bitcask::DataFile& input,
                 MergeOutput& output);
  void make_others_durable(const MergeJob& job);
  void publish_outputs(MergeJob& job, MergeOutput& output);
  void move_keys(bitcask::DataFile& output);
  void retire(MergeJob& job);
  void delete_retired();
  void delete_retired_later();
  void keep_merging();

  Options options_;
  std::uint64_t segment_bytes_;
  std::uint64_t sync_seconds_;
  bitcask::MergePolicy policy_;
  std::uint64_t seed_;
  bitcask::Keydir keydir_;
  bitcask::OpenFiles open_files_;

  // Held while the answers or the set of files change. No call of the system
  // is made under it; at most it waits for gets that read short records. Taken
  // after writer_mutex_ and before files_mutex_.
  std::mutex change_mutex_;
  mutable std::mutex files_mutex_;  // guards files_
  std::shared_ptr<const bitcask::FileSet> files_;
  std::atomic<const bitcask::FileSet*> current_ = nullptr;  // files_, for gets

  std::mutex close_mutex_;  // held by a close; taken before the others
  std::mutex merge_mutex_;  // held by a merge; taken before writer_mutex_
  mutable std::mutex writer_mutex_;  // guards what follows, but for directory_
  std::mutex directory_mutex_;  // guards directory_; taken after all others
  std::optional<Directory> directory_;
  std::optional<bitcask::LockFile> write_lock_;
  std::unique_ptr<Active> active_;
  std::uint64_t next_id_ = 1;
  std::string record_;                 // being written
  std::set<std::uint32_t> not_again_;  // inputs in which a merge met damage

  std::mutex retired_mutex_;  // guards retired_; taken after writer_mutex_
  std::deque<std::shared_ptr<bitcask::DataFile>> retired_;  // to be deleted

  std::atomic<bool> failed_ = false;  // a sync, or worse
  std::atomic<bool> closed_ = false;
  std::atomic<bool> stop_ = false;
  std::condition_variable wake_;  // with writer_mutex_
  bool look_for_merge_ = false;
  std::thread merger_;
  std::thread syncer_;
};

/// @returns the description of stage 07.
const Stage& stage_07_bitcask();

}  // namespace strata
