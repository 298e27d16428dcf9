/// @file
/// How a reader keeps up with the merges of a writer in another process.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "common/store/errors.h"
#include "common/store/stage.h"

namespace strata {

/// Runs `work`. When a file is gone, the store's writer has merged it: what
/// there is now is loaded, and `work` runs again, a few times at the most.
/// @param mode a writer merges by itself: to it a missing file is an error
/// @param loads how often the store was loaded; read before `work`
/// @param load loads anew, unless another thread has done so since there had
///   been as many loads as it is given
/// @throws IoError; what `load` and `work` throw
template <typename Load, typename Work>
void follow_merges(Mode mode, const std::atomic<std::uint64_t>& loads,
                   const Load& load, const Work& work) {
  constexpr int kTries = 20;
  std::uint64_t seen = 0;
  for (int tries = 0;; ++tries) {
    try {
      if (tries > 0) load(seen);
      seen = loads;
      return work();
    } catch (const IoError& error) {
      if (!error.is_missing() || mode == Mode::kWrite || tries == kTries) throw;
    }
    // For a merge to get ahead that is removing one input after the other.
    std::this_thread::sleep_for(std::chrono::milliseconds(tries));
  }
}

}  // namespace strata
