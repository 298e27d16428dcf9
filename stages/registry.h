/// @file
/// The registry: the one list of stages. Tests, benchmarks, tour and report
/// read it; a new stage joins all of them by its line in stages/CMakeLists.txt,
/// from which this list is made.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "common/store/stage.h"

namespace strata {

/// @returns every stage that is built, in the order of the story.
[[nodiscard]] const std::vector<const Stage*>& all_stages();

/// @returns the stage of that name, or null.
[[nodiscard]] const Stage* find_stage(std::string_view name);

}  // namespace strata
