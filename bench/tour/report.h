/// @file
/// The tour's measurements as JSON: all that the report page shows.
#pragma once

#include <string>
#include <vector>

#include "bench/tour/history.h"
#include "bench/tour/replay.h"

namespace strata::tour {

/// @returns the report as JSON in ASCII. Times are in nanoseconds, sizes in
///   bytes, costs averages per operation. Bytes of names that are no UTF-8
///   become U+FFFD.
[[nodiscard]] std::string report_json(const History& history,
                                      const std::vector<Run>& runs);

/// @returns the live keys' and values' bytes after each number of operations
///   in `points`, which rise.
[[nodiscard]] std::vector<std::uint64_t> live_bytes_at(
    const History& history, const std::vector<std::uint64_t>& points);

}  // namespace strata::tour
