/// @file
/// One stage's run: a whole history replayed through it, its end state
/// checked, and the questions asked that every stage is asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/tour/end_state.h"
#include "bench/tour/history.h"
#include "bench/tour/questions.h"
#include "common/store/stage.h"

namespace strata::tour {

/// What a miss cost, and how large the store was, after so many operations; in
/// a stage that merges, besides what merges had made of it by then. Where a miss
/// was asked, all that had been buffered was written out before.
struct Growth {
  std::uint64_t operations = 0;
  std::uint64_t disk_bytes = 0;
  Answers miss;                   ///< nothing was asked at most of the points
  std::uint64_t miss_probes = 0;  ///< indexes that one asks, where several are
};

/// What merging did, in a stage that can: of all files, once everything had
/// been written. What the stage had merged by itself by then is not in it.
struct Merging {
  std::uint64_t bytes_before = 0;   ///< on disk
  std::uint64_t bytes_after = 0;    ///< on disk
  std::uint64_t files_before = 0;   ///< of records
  std::uint64_t files_after = 0;    ///< of records
  std::uint64_t probes_before = 0;  ///< indexes that a miss asked
  std::uint64_t written = 0;        ///< bytes that it wrote
  double ns = 0;                    ///< how long it took
};

/// What one stage did with a history, and what it paid.
struct Run {
  const Stage* stage = nullptr;

  std::uint64_t segment_bytes = 0;    ///< a segment's or a memtable's; 0: it
                                      ///< has one file
  std::uint64_t writes = 0;           ///< operations carried out
  std::uint64_t skipped_deletes = 0;  ///< by a stage without deletes
  std::uint64_t user_bytes = 0;       ///< keys and values handed over
  std::uint64_t rewritten_keys = 0;   ///< keys it could not hold as they were
  std::uint64_t written = 0;          ///< bytes, those of merges too
  Cost write;
  std::optional<Merging> merging;  ///< nothing in a stage that cannot

  Answers newest;  ///< the live key that was written last
  Answers oldest;  ///< the live key whose last write is longest ago
  Answers missing;
  std::uint64_t miss_probes = 0;  ///< indexes that a miss asks at the end
  Answers random;                 ///< live keys, any of them
  Cost open;                      ///< opening it for reading
  Stats stats;

  Ghosts ghosts;
  std::vector<Growth> growth;  ///< the last one is the end
};

/// How a key is written in a store of those limits: as it is, or, where the
/// store cannot hold one of its bytes, with the escapes of `batch` and `\xHH`.
/// No two keys are written alike.
[[nodiscard]] std::string key_in(const Limits& limits, const std::string& key);

/// @returns the numbers of operations after which a run is measured: fractions
///   of `operations`, each about 19 % more than the one before, rising, and
///   the last one `operations`.
[[nodiscard]] std::vector<std::uint64_t> growth_points(
    std::uint64_t operations);

/// @returns how long a segment is to be so that the history fills dozens in a
///   stage that has segments: by default it might not fill one.
[[nodiscard]] std::uint64_t segment_bytes_for(const History& history);

/// Replays `history` through a new store of `stage` in `directory`, checks its
/// end state, and where it can merge, merges it and checks it again.
/// @throws WrongAnswer when the end state, or any answer, is not right.
/// @throws bench::Interrupted
/// @throws IoError, InvalidInput as the store does.
[[nodiscard]] Run replay(const Stage& stage, const History& history,
                         const std::string& directory);

}  // namespace strata::tour
