/// @file
/// Stage 05: the log cut into segments, with a keydir for each.
///
///     1.log, 2.log, …    binary records (common/record/binary_record.h); the
///                        newest is written to, the others never change again
///
///     get city:   3.log        2.log        1.log
///                 ┌───────┐    ┌───────┐    ┌───────┐
///                 │ zip   │ no │ city  │    │ city  │  a keydir each,
///                 │ name  │ ─▶ │ zip   │    │ name  │  newest first
///                 └───────┘    └───┬───┘    └───────┘
///                                  └── one read; 1.log is not asked
///
/// A segment that holds `--segment-bytes` or more is closed, and the next
/// record begins another one. Its number is one more than the highest there
/// is, whatever the clock says, and is never used again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/os/file.h"
#include "common/record/log_entries.h"
#include "common/store/counting_allocator.h"
#include "common/store/file_cache.h"
#include "common/store/hash.h"
#include "common/store/log_writer.h"
#include "common/store/segment_files.h"
#include "common/store/stage.h"
#include "common/store/store.h"

namespace strata {

/// Set appends a record to the newest segment; get asks one keydir after the
/// other, newest first, and reads exactly one record.
///
/// Invariant: a key's newest record is in the newest segment whose keydir knows
/// the key. Segments but the newest never change, so that what holds for them
/// holds for ever. Where one is damaged or missing, no answer is given that it
/// could have changed: never wrong, never stale.
class Segments final : public Store {
 public:
  /// What segments' names end with.
  static constexpr std::string_view kSuffix = ".log";

  /// Opens the store that `options` tell of and fills the keydirs.
  /// @throws IoError, Busy; Damage when two files have one number
  /// @complexity reads every segment once.
  explicit Segments(const Options& options);

  /// @complexity one write of key + value + 14 bytes, no read; when a segment
  ///   is full, one open more.
  /// @throws InvalidInput also when no number is left for another segment
  void set(std::string_view key, std::string_view value) override;

  /// @throws Damage when the record's checksum does not match, or when damaged
  ///   bytes may have held a newer record of the key.
  /// @complexity one read of exactly the record, and one keydir asked for each
  ///   segment that is newer; a miss asks all of them and reads nothing.
  [[nodiscard]] bool get(std::string_view key, std::string& value) override;

  /// @complexity no read: every key is in memory, once for every segment that
  ///   it is in.
  void keys(const KeyVisitor& visit) override;

  /// @complexity looks at every key of every segment, sorts those in the range
  ///   and reads each one's record by itself.
  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override;

  [[nodiscard]] Stats stats() override;
  void dump(std::string_view file, const DumpVisitor& visit) override;
  void verify(const DamageVisitor& visit) override;

  /// The copy holds every readable record, dead ones too, byte for byte; its
  /// segments are numbered from 1.
  void salvage(const std::string& directory,
               const DamageVisitor& visit) override;

  [[nodiscard]] std::uint64_t index_probes() const override { return probes_; }

 private:
  // Where a key's newest record in a segment is.
  struct Place {
    std::uint64_t offset;
    std::uint64_t size;
  };

  using Map = std::unordered_map<
      std::string, Place, KeyHash, std::equal_to<>,
      CountingAllocator<std::pair<const std::string, Place>>>;

  struct Segment {
    std::uint32_t id;
    std::string path;
    Map keydir;
    std::uint64_t end = 0;  // of what the keydir knows
    std::uint64_t record_bytes = 0;
    std::vector<Gap> gaps{};  // in file order; empty in a healthy segment
    std::uint32_t missing_before = 0;  // how many segments should be between
                                       // the one before and this one

    void put(std::string_view key, Place place);
  };

  // The newest record of a key.
  struct Found {
    std::string_view key;
    const Segment* segment;
    Place place;
  };

  Segment& add_segment(std::uint32_t id);
  [[nodiscard]] std::string path_of(std::uint32_t id) const;
  [[nodiscard]] std::string missing_path(const Segment& behind) const;
  [[nodiscard]] std::vector<SegmentFile> list() const;
  void find_segments();
  void fill_keydirs();
  void fill_keydir(Segment& segment,
                   const std::function<void(std::uint64_t)>& report);
  void take_note(Segment& segment, Decoded decoded, const LogEntry& entry);
  void continue_newest();
  void roll_over();
  [[nodiscard]] std::shared_ptr<const File> open(const Segment& segment) const;
  void read_record(const Segment& segment, Place place);
  void check_not_hidden(const Segment& segment, std::string_view key,
                        std::uint64_t newer_than) const;
  void check_nothing_hidden() const;
  [[nodiscard]] std::vector<Found> live() const;

  Options options_;
  std::uint64_t segment_bytes_;
  std::uint64_t index_bytes_ = 0;
  KeyHash hash_;
  mutable FileCache files_;
  std::vector<Segment> segments_;       // oldest first
  std::optional<Directory> directory_;  // the writer's lock
  std::optional<LogWriter> writer_;     // of the newest segment
  std::uint64_t probes_ = 0;
  std::string record_;  // being written or read
};

/// @returns the description of stage 05.
const Stage& stage_05_segments();

}  // namespace strata
