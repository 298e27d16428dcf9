/// @file
/// Quantiles of the times of single operations.
#pragma once

#include <cstddef>
#include <vector>

#include "bench/contest.h"

namespace strata::bench {

/// Adds p50_ns, p99_ns, p999_ns and max_ns. A quantile that fewer than ten
/// times exceed is left out: it would be those few.
/// @param ns at least one time in nanoseconds, ascending
inline void add_quantiles(const std::vector<double>& ns, Counters& counters) {
  constexpr double kBeyond = 10;
  const auto count = static_cast<double>(ns.size());
  const auto add = [&](const char* name, double share) {
    if (count * (1 - share) < kBeyond) return;
    counters[name] = ns[static_cast<std::size_t>(share * (count - 1))];
  };
  add("p50_ns", 0.5);
  add("p99_ns", 0.99);
  add("p999_ns", 0.999);
  counters["max_ns"] = ns.back();
}

}  // namespace strata::bench
