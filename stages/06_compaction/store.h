/// @file
/// Stage 06: segments that are cleaned while they are in use.
///
///     1.log 2.log …    segments (common/record/binary_record.h), the newest
///                      of which is written; the others never change
///     7.log.merging    what a merge has not finished; nobody reads it
///
/// A deletion is one more record, whose value is a tombstone
/// (common/record/tombstone.h). Records that a newer one hides are dead, and a
/// merge leaves them out:
///
///     before    1.log  2.log  3.log                      4.log (active)
///     roll-over 1.log  2.log  3.log  4.log                            7.log
///     copied    1.log  2.log  3.log  4.log  5.log.merging             7.log
///     named     1.log  2.log  3.log  4.log  5.log                     7.log
///     after                                 5.log                     7.log
///
/// The roll-over leaves ids free for what the merge will write, so that all
/// that is written meanwhile has a higher id, and the order of ids stays the
/// order of writing. A crash at any of these steps leaves a store that answers
/// the same: where both inputs and outputs are there, they hold the same newest
/// records.
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
#include <shared_mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/os/file.h"
#include "common/store/file_cache.h"
#include "common/store/hash.h"
#include "common/store/log_writer.h"
#include "common/store/segment_files.h"
#include "common/store/stage.h"
#include "common/store/store.h"
#include "stages/06_compaction/merge.h"
#include "stages/06_compaction/segment.h"

namespace strata {

/// Set and del append a record; get asks one keydir a segment, newest first,
/// and reads one record; a thread merges segments once enough of them is dead.
///
/// Any number of threads may use a store at once. Writers take turns. Readers
/// wait for the moment in which a writer enters its record or a merge exchanges
/// the list of segments; for what is read, written or synced elsewhere they do
/// not wait, only for a file that another reader is opening (FileCache).
///
/// Invariant: for each key the newest intact record of the files is the one in
/// the segment of the highest id that knows the key, at the place that its
/// keydir tells. Segments that were merged stay on disk while a scan reads
/// them, and go oldest first: no tombstone goes before what it hides.
///
/// A store that was opened for reading beside a writer in another process sees
/// the moment when it was opened. When a file that it needs has been merged
/// away it loads what is there now, and goes on with that: a get answers from
/// then on as of this moment, and a scan goes on behind the last key it told.
/// Only one thread loads, and those that need a file that has gone wait for it.
class Compaction final : public Store {
 public:
  /// Opens the store that `options` tell of and fills the keydirs.
  /// @throws IoError, Busy; Damage when two files claim one id
  /// @complexity reads every file once.
  explicit Compaction(const Options& options);

  /// Stops a merge in the background; what it has written so far is removed.
  ~Compaction() override;

  /// @throws IoError also each time after a sync has failed of a record or, be
  ///   it in a merge, of names: what is on disk is not known any more before
  ///   the store is opened again.
  /// @complexity one write of key + value + 14 bytes, and a question to each
  ///   keydir until one knows the key: whose record is dead from now on?
  void set(std::string_view key, std::string_view value) override;

  /// Nothing is written when the key is not there.
  /// @throws IoError as `set`
  /// @complexity as of `set`
  void del(std::string_view key) override;

  /// @throws Damage when the record's checksum does not match, or when damaged
  ///   bytes may have held a newer record of the key.
  /// @complexity asks one keydir a segment until one knows the key, then one
  ///   read of exactly the record; a miss asks all and reads nothing.
  [[nodiscard]] bool get(std::string_view key, std::string& value) override;

  /// Tells the keys of one moment, ascending by bytes.
  void keys(const KeyVisitor& visit) override;

  /// Tells the pairs of one moment, whatever is written or merged meanwhile; in
  /// a reader beside another process's writer of a later one, from the key on
  /// whose file has gone.
  /// @complexity looks at every key, sorts those in the range and reads each
  ///   one's record by itself.
  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override;

  /// Merges all segments into new ones without dead records or tombstones,
  /// after waiting for the end of a merge in the background. Does nothing
  /// where there is nothing to gain.
  /// @throws Damage when an input is damaged, IoError, after a failed sync
  ///   each time: every input is kept.
  void compact() override;

  [[nodiscard]] Stats stats() override;
  void dump(std::string_view file, const DumpVisitor& visit) override;
  void verify(const DamageVisitor& visit) override;

  /// The copy holds every readable record, dead ones too, byte for byte; its
  /// segments are numbered from 1.
  void salvage(const std::string& directory,
               const DamageVisitor& visit) override;

  [[nodiscard]] std::uint64_t index_probes() const override { return probes_; }

 private:
  using Segment = compaction::Segment;
  using SegmentPtr = compaction::SegmentPtr;
  using Place = compaction::Place;
  using MergePlan = compaction::MergePlan;
  using Segments = std::vector<SegmentPtr>;  // oldest first

  // A key's newest record; no segment when there is none.
  struct Found {
    SegmentPtr segment;
    Place place;
  };

  // A segment, and how long it was at one moment.
  struct Extent {
    SegmentPtr segment;
    std::uint64_t size;
  };

  // A record of a snapshot; its segment is held by that.
  struct Entry {
    std::string_view key;
    const Segment* segment;
    Place place;
  };

  // The live pairs of one moment, ascending. Their segments stay as they are
  // for as long as this is held.
  struct Snapshot {
    Segments segments;
    std::vector<Entry> entries;
  };

  // store.cpp: reading and writing
  void load(std::uint64_t seen);
  [[nodiscard]] std::vector<SegmentFile> list_files();
  [[nodiscard]] SegmentPtr read_segment(const SegmentFile& file, bool newest);
  void note_torn_tail(const Segment& segment, const LogEntry& entry);
  void become_writer();
  void remove_left_overs();
  void write(std::string_view key, std::string_view value, bool is_tombstone);
  [[nodiscard]] const SegmentPtr* holder_of(std::string_view key) const;
  [[nodiscard]] Found find(std::string_view key) const;
  void read_record(const Segment& segment, const Place& place,
                   std::string& record);
  [[nodiscard]] Snapshot snapshot(std::string_view from, std::string_view to);
  [[nodiscard]] std::vector<Extent> extents() const;
  [[nodiscard]] DumpRecord::State state_of(const Segment& segment,
                                           const LogEntry& entry) const;
  void check_is_writer() const;
  void check_goes_on();
  template <typename Work>
  void following_merges(const Work& work);

  // merging.cpp: roll-over and merges
  void roll_over();
  void begin_segment(std::uint64_t reserved);
  [[nodiscard]] MergePlan begin_merge(Segments inputs);
  [[nodiscard]] Segments wasteful_segments() const;
  [[nodiscard]] Segments segments_worth_merging() const;
  void merge(const MergePlan& plan);
  void end_merge();
  void keep_what_hides(const MergePlan& plan);
  void switch_over(const MergePlan& plan, const Segments& outputs);
  void replace_segments(const Segments& inputs, const Segments& outputs);
  void sweep();
  [[nodiscard]] const Segment* oldest_unread() const;
  void sweep_if_possible();
  void check_syncs() const;
  void sync_directory(const char* why);
  template <typename Sync>
  void sync_once(const Sync& sync);
  void merge_in_background();
  void run_planned_merge();
  void try_again_later();
  void stop_merging();
  void tell_of_failed_merge();

  const Options options_;
  const std::uint64_t segment_bytes_;
  const std::uint64_t dead_percent_;
  const KeyHash hash_;
  FileCache files_;

  // Who holds two of these has taken them in this order. Nobody reads or writes
  // a file while he holds `list_lock_`.
  std::mutex loading_;   // one load at a time
  std::mutex merging_;   // one merge at a time
  std::mutex sweeping_;  // one at a time removes merged segments
  std::mutex writing_;   // one writer at a time
  // The lists of segments, the active one's keydir and size, every account.
  // The segments are changed only by who holds `writing_`, in a reader
  // `loading_`, who may therefore read them without it.
  mutable std::shared_mutex list_lock_;
  std::mutex directory_lock_;  // one sync at a time

  Segments segments_;                    // list_lock_; the last one is active
  std::atomic<std::uint64_t> loads_{0};  // how often it was read from disk
  mutable std::atomic<std::uint64_t> probes_{0};

  std::optional<std::uint64_t> torn_at_;  // loading_; the newest file's end

  // writing_
  std::optional<Directory> directory_;
  std::unique_ptr<LogWriter> writer_;
  std::uint64_t next_id_ = 1;
  std::string record_;
  std::optional<MergePlan> planned_;
  std::uint32_t merge_end_id_ = 0;        // of the merge planned or going on
  std::vector<std::string> overwritten_;  // keys that it may copy in vain
  std::set<std::uint32_t> damaged_;       // inputs that are not tried again
  std::uint64_t pause_ = 0;               // in roll-overs, after a failed merge
  std::uint64_t roll_overs_to_wait_ = 0;  // what is left of it
  std::string failed_merge_;              // still to be told
  std::condition_variable wake_;

  std::deque<SegmentPtr> merged_;  // list_lock_; still on disk
  // Of names, or of what hides records that a merge leaves out: from then on
  // nothing is written or merged. Outputs that cannot be synced are given up.
  std::atomic<bool> sync_failed_{false};
  std::atomic<bool> stopping_{false};
  std::thread merger_;
};

/// @returns the description of stage 06.
const Stage& stage_06_compaction();

}  // namespace strata
