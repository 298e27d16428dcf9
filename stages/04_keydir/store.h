/// @file
/// Stage 04: binary records, and in memory a keydir that knows where each
/// key's newest one is and how long.
///
///     log.bin    the log: one record after the other
///                (common/record/binary_record.h)
///
///     keydir               log.bin
///     ┌───────┬────┬────┐  0                  22                  44
///     │ city  │ 22 │ 22 │  ┌───────────────────┬───────────────────┐
///     └───────┴────┴────┘  │ city = Rome       │ city = Oslo       │
///       key   offset size  └───────────────────┴───────────────────┘
///                                              └── one read of 22 bytes
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
#include "common/store/hash.h"
#include "common/store/log_writer.h"
#include "common/store/stage.h"
#include "common/store/store.h"

namespace strata {

/// Set appends a record; get is one read of exactly one record, its checksum
/// verified.
///
/// Invariant: the keydir holds every key of the log's records up to `end_` with
/// the place of its newest one. A reader goes by that: what is written later by
/// others it does not see. Where the log is damaged, no answer is given
/// that the damaged bytes could have changed: never wrong, never stale.
class Keydir final : public Store {
 public:
  /// The log's name within the store's directory.
  static constexpr const char* kName = "log.bin";

  /// Opens the store that `options` tell of and fills the keydir.
  /// @throws IoError, Busy
  /// @complexity reads the whole file once.
  explicit Keydir(const Options& options);

  /// @complexity one write of key + value + 14 bytes, no read.
  void set(std::string_view key, std::string_view value) override;

  /// @throws Damage when the record's checksum does not match, or when damaged
  ///   bytes may have held a newer record of the key.
  /// @complexity one read of exactly the record; a miss reads nothing.
  [[nodiscard]] bool get(std::string_view key, std::string& value) override;

  /// @complexity no read: every key is in memory.
  void keys(const KeyVisitor& visit) override;

  /// @complexity looks at every key, sorts those in the range and reads each
  ///   one's record by itself: a hash index keeps no order.
  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override;

  [[nodiscard]] Stats stats() override;
  void dump(std::string_view file, const DumpVisitor& visit) override;
  void verify(const DamageVisitor& visit) override;

  /// The copy holds every readable record, dead ones too, byte for byte.
  void salvage(const std::string& directory,
               const DamageVisitor& visit) override;

 private:
  // Where a key's newest record is.
  struct Place {
    std::uint64_t offset;
    std::uint64_t size;
  };

  using Map = std::unordered_map<
      std::string, Place, KeyHash, std::equal_to<>,
      CountingAllocator<std::pair<const std::string, Place>>>;

  void fill_keydir();
  void note_torn_tail(const LogEntry& entry);
  void tell_of_gap(const Gap& gap) const;
  void put(std::string_view key, Place place);
  void read_record(Place place);
  void check_not_hidden(std::string_view key, std::uint64_t newer_than) const;
  void check_nothing_hidden() const;
  [[nodiscard]] const File* file() const;

  Options options_;
  std::optional<Directory> directory_;  // the writer's lock
  std::optional<LogWriter> writer_;
  std::optional<File> reader_;
  std::uint64_t end_ = 0;  // of what the keydir knows
  std::uint64_t index_bytes_ = 0;
  Map keydir_;
  std::vector<Gap> gaps_;  // in file order; empty in a healthy log
  std::uint64_t record_bytes_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::string record_;  // being written or read
};

/// @returns the description of stage 04.
const Stage& stage_04_keydir();

}  // namespace strata
