/// @file
/// What the words behind `crash_states` say.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/store/stage.h"
#include "tests/crash_states/states.h"

namespace strata::crash_states {

/// What was asked for.
struct Arguments {
  const Stage* stage = nullptr;        ///< null where help was asked for
  std::string help{};                  ///< which then is here
  Options options{};                   ///< of the store
  Crash crash = Crash::kPowerCut;      ///< how the run ends
  std::vector<std::size_t> without{};  ///< syncs to be left out
  bool summary = false;                ///< the last line only
  std::string command = "list";        ///< what is to be printed
  std::size_t number = 0;              ///< show, write: which state, from 1
  std::string directory{};             ///< write: where to
};

/// Reads them. Where an option of the stage is not given it is as in the tests
/// of crashes: nothing is merged in the background, so that a batch makes the
/// same changes each time, and there are few slots.
/// @throws CommandError
[[nodiscard]] Arguments parse(int argc, char** argv);

}  // namespace strata::crash_states
