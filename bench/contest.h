/// @file
/// Contests: times that are to be divided by each other are taken in turn, so
/// that a machine whose speed drifts is unfair to none.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace strata::bench {

/// One that takes part.
struct Contestant {
  std::string name;
  /// Takes a turn. @returns its time in seconds. May throw.
  std::function<double()> turn;
};

/// Several that do the same work, once warm and then kRounds times, A B C A B
/// C. Google Benchmark is told of it as of any other, each round being a
/// repetition, and computes the medians; its column of processor time means
/// nothing here.
struct Contest {
  /// Turns that count, of each.
  static constexpr int kRounds = 5;

  std::string name;                     ///< the first part of the names
  std::int64_t size = 0;                ///< the last
  std::function<void()> prepare;        ///< called before the first turn
  std::function<void()> clean_up;       ///< called after the last
  std::vector<Contestant> contestants;  ///< in the order of their turns
  benchmark::TimeUnit unit = benchmark::kNanosecond;  ///< to be shown in
};

/// Registers a contest; it is held when the first of it is run.
void register_contest(Contest contest);

/// @returns how many seconds `work` takes.
template <typename Work>
[[nodiscard]] double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - start;
  return took.count();
}

}  // namespace strata::bench
