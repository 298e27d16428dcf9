/// @file
/// `Merge`: the work of a merge, from its inputs to durable outputs. It knows
/// no thread and no lock: it reads what is frozen and writes what nobody else
/// knows yet.
///
///     inputs                                  outputs
///     1.log  a=1 b=1 a=2                      5.log  b=1 a=3
///     2.log  c=1 a=3 del c        ─────────>
///
///     4.log  (frozen, but no input)           6.log  (the active, new)
///
/// A record is copied when it is the newest of its key among all that is
/// frozen. Those that are not were lost by then (Segment::lost) and are passed
/// over; no keydir is asked. So the outputs may bear higher ids than segments
/// that are no inputs, and the order of ids stays the order of writing: nothing
/// that is older than a copied record has a higher id, and nothing that is
/// newer has a lower one.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/os/file.h"
#include "common/record/record_reader.h"
#include "common/store/hash.h"
#include "common/store/stage.h"
#include "stages/06_compaction/segment.h"

namespace strata::compaction {

/// What a merge is to do. It is decided at a roll-over, and the merge sees the
/// store as it was then: what is written later has ids from `end_id` on.
struct MergePlan {
  std::vector<SegmentPtr> frozen;      ///< all there were then, oldest first
  std::vector<SegmentPtr> inputs;      ///< those to be merged, oldest first
  std::vector<Segment::Offsets> dead;  ///< what each of them had lost then
  std::uint32_t first_id = 0;          ///< outputs have ids from here …
  std::uint32_t end_id = 0;            ///< … to before here, the active's
};

/// Thrown by a merge that was told to stop.
struct MergeStopped {};

/// One merge. Afterwards the caller syncs the directory, and only then may it
/// use the outputs and forget the inputs.
class Merge {
 public:
  /// The output is written in pieces of this many bytes.
  static constexpr std::size_t kWriteBytes = std::size_t{1} << 20;

  /// @param options of the store
  /// @param segment_bytes close an output once it holds so many
  /// @param plan what to merge; must outlive the merge
  /// @param stop looked at before every record; must outlive the merge
  /// @param hash of keys
  Merge(const Options& options, std::uint64_t segment_bytes,
        const MergePlan& plan, const std::atomic<bool>& stop, KeyHash hash)
      : options_(options),
        segment_bytes_(segment_bytes),
        plan_(plan),
        stop_(stop),
        hash_(hash) {}

  /// Copies what is needed into files with temporary names, and syncs them.
  /// Inputs are only read.
  /// @throws IoError, Damage when an input cannot be read to its end;
  ///   MergeStopped. Then call `abandon`.
  /// @complexity reads each byte of the inputs once and writes each byte that
  ///   is copied once; memory for the outputs' keydirs and two buffers.
  void copy();

  /// Gives the outputs their names. They are not durable before the directory
  /// is synced.
  /// @throws IoError; some may have got theirs. Then call `abandon`.
  void rename();

  /// @returns the outputs, oldest first.
  [[nodiscard]] const std::vector<SegmentPtr>& outputs() const {
    return outputs_;
  }

  /// Removes the files that still have temporary names, if the system lets it;
  /// else the next open does.
  /// @returns the outputs that may have got their names, for the caller to
  ///   remove.
  [[nodiscard]] std::vector<SegmentPtr> abandon();

 private:
  void copy_from(const Segment& input, Segment::Offsets dead);
  [[nodiscard]] bool hides_something(const Segment& input) const;
  void append(const File& from, const LogEntry& entry);
  void begin_output();
  void end_output();
  void flush();
  [[nodiscard]] std::string temporary_path(const Segment& output) const;

  const Options& options_;
  const std::uint64_t segment_bytes_;
  const MergePlan& plan_;
  const std::atomic<bool>& stop_;
  const KeyHash hash_;
  std::vector<SegmentPtr> outputs_;
  std::size_t renamed_ = 0;    // so many of them may have their names
  std::optional<File> file_;   // the last output's
  std::string buffer_;         // what it has not been given yet
  std::uint64_t written_ = 0;  // what it has been given, in bytes
};

}  // namespace strata::compaction
