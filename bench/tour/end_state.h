/// @file
/// Whether a store holds at the end exactly what it must.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/tour/history.h"
#include "common/store/stage.h"

namespace strata::tour {

/// The deleted keys that a stage without deletes still believes in.
struct Ghosts {
  std::uint64_t count = 0;
  std::vector<std::string> names;  ///< the first few, as the store holds them
};

/// Scans the whole store and holds what it finds, byte by byte, against the
/// history's end state; where that cannot be had (`History::unchecked`),
/// against what the operations left. A stage without deletes must hold the
/// deleted keys besides, each with its last value, and no others.
/// @param keys the history's keys as this stage writes them
/// @throws WrongAnswer, saying what the first difference is.
[[nodiscard]] Ghosts check_end_state(Store& store, const Stage& stage,
                                     const History& history,
                                     const std::vector<std::string>& keys);

}  // namespace strata::tour
