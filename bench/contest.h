/// @file
/// Contests: times that are to be divided by each other are taken in turn, so
/// that a machine whose speed drifts is unfair to none.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace strata::bench {

/// What a result carries beside its time; the names are those of README.md.
using Counters = std::map<std::string, double>;

/// One that takes part.
struct Contestant {
  std::string name;
  /// Kind and durability class, "stage, system".
  std::string label;
  /// Takes a turn. @returns its seconds per operation. May throw.
  std::function<double()> turn;
  /// Takes a turn that does not count, before the others; the same as `turn`
  /// where it is empty. May throw.
  std::function<void()> warm_up;
  /// Called after the last turn. May throw.
  std::function<Counters()> counters;
};

/// Several that do the same work, once warm and then in `rounds` rounds, A B C,
/// then B C A: nobody is always the first, when the others have just filled the
/// machine's caches with theirs. Google Benchmark is told of it as of any other,
/// each round being a repetition, and computes the medians; its column of
/// processor time means nothing here.
struct Contest {
  std::string name;  ///< the first part of the results' names
  /// The numbers in the results' names, e.g. {"n", 1000}.
  std::vector<std::pair<std::string, std::int64_t>> arguments;
  int rounds = 5;                       ///< turns that count, of each
  std::function<void()> prepare;        ///< called before the first turn
  std::function<void()> clean_up;       ///< called after the last, or when
                                        ///< `prepare` has thrown
  std::vector<Contestant> contestants;  ///< in the order of the first turns
  benchmark::TimeUnit unit = benchmark::kNanosecond;  ///< to be shown in
  double seconds_per_turn = 0.1;  ///< about, to tell how long all will take
};

/// Registers a contest; it is held when the first of it is run. No turn begins
/// while a thread still works that an earlier one has left behind. What a
/// contestant throws becomes its error, and it takes no more turns. After an
/// interrupt no turn is taken any more: the error of what is left is
/// `kInterrupted`.
void register_contest(Contest contest);

/// The error of a result that an interrupt has cut off.
inline constexpr const char* kInterrupted = "interrupted";

/// Lets only those take turns whose results Google Benchmark's filter lets
/// through. To be called once, after all contests are registered.
/// @param filter a regular expression; with a '-' before it, what it matches is
///   left out; "" and "all" let all through
/// @returns how many results there will be.
[[nodiscard]] std::size_t select_contestants(const std::string& filter);

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
