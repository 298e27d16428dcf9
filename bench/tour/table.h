/// @file
/// The tour's measurements as text for a terminal, 100 columns wide at most.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/tour/history.h"
#include "bench/tour/replay.h"

namespace strata::tour {

/// @returns a time for a person: "36 ns", "1.2 µs", "15 ms", "2.1 s".
[[nodiscard]] std::string duration(double ns);

/// @returns a size for a person: "90 B", "1.2 KB", "15 MB"; 1 KB = 1,000 B.
[[nodiscard]] std::string size(double bytes);

/// @returns a number with commas: "100,000".
[[nodiscard]] std::string number(std::uint64_t value);

/// @returns what was replayed: one line, and one for each oddity.
[[nodiscard]] std::string headline(const History& history);

/// @returns the tables of costs, and for each stage what leads to the next.
[[nodiscard]] std::string tables(const History& history,
                                 const std::vector<Run>& runs);

}  // namespace strata::tour
