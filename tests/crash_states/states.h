/// @file
/// From a batch to every disk that a crash could have left of it, and to what
/// a store says that is opened on each. What can be left is the model of
/// common/os/crash.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/recording_os.h"
#include "common/store/stage.h"
#include "tests/crash_states/operations.h"

namespace strata::crash_states {

/// The directory of the store on the disk in memory.
inline constexpr const char* kDirectory = "db";

/// The most changes in a run, and the most states that are looked at: each is
/// built from the start, and their number grows with the square of the changes.
inline constexpr std::size_t kMaxChanges = 400;
inline constexpr std::size_t kMaxStates = 20'000;        ///< see `kMaxChanges`
inline constexpr std::size_t kMaxStateBytes = 64 << 20;  ///< of all states

/// How a run ends.
enum class Crash : std::uint8_t {
  kPowerCut,  ///< what no sync has covered may be missing
  kKill,      ///< what the system was told is there
};

/// A disk that a crash may have left.
struct State {
  Image image;                     ///< all that is on it
  std::uint64_t acknowledged = 0;  ///< how many operations were
  std::string what;                ///< when it crashed, and what is missing
};

/// What a store says that is opened on a state.
struct Verdict {
  /// In one word.
  enum class Kind : std::uint8_t {
    kWhole,    ///< all that was acknowledged is there and nothing else
    kAhead,    ///< and the operation under way is there, too
    kLost,     ///< something that was acknowledged is not as it should be
    kRefused,  ///< the store found damage and gives no answer
  };
  Kind kind = Kind::kWhole;        ///< which of them
  std::vector<std::string> why{};  ///< what is wrong, a line each
};

/// Carries the operations out on a disk in memory, and notes what was done to
/// it. The numbers in its marks are those of the operations, from 1.
/// @throws InvalidInput where there are more changes than `kMaxChanges`
[[nodiscard]] Trace record(const Stage& stage, Options options,
                           const Operations& operations);

/// Takes syncs out of a trace, by their place counted from 1: they stay as
/// syncs of nothing, so that all other changes keep their numbers.
/// @throws InvalidInput where a number is not that of a sync
void leave_out(Trace& trace, const std::vector<std::size_t>& syncs);

/// @returns every state once, in the order in which crash.h visits them.
/// @throws InvalidInput where there are too many
[[nodiscard]] std::vector<State> states_of(const Trace& trace, Crash crash);

/// Opens the store on a copy of a state, for reading, and looks at all of it.
[[nodiscard]] Verdict judge(const Stage& stage, Options options,
                            const Operations& operations, const State& state);

}  // namespace strata::crash_states
