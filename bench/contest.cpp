#include "bench/contest.h"

#include <exception>
#include <memory>
#include <utility>

namespace strata::bench {

namespace {

// What came of a contest, for each that took part.
struct Result {
  std::vector<double> seconds;
  std::string error;
};

class Held {
 public:
  explicit Held(Contest contest) : contest_(std::move(contest)) {}

  const Result& result_of(std::size_t contestant) {
    if (results_.empty()) hold();
    return results_[contestant];
  }

 private:
  void hold() {
    results_.resize(contest_.contestants.size());
    contest_.prepare();
    for (int round = -1; round < Contest::kRounds; ++round) {
      for (std::size_t i = 0; i < results_.size(); ++i) take_turn(i, round);
    }
    contest_.clean_up();
  }

  void take_turn(std::size_t contestant, int round) {
    Result& result = results_[contestant];
    if (!result.error.empty()) return;
    try {
      const double seconds = contest_.contestants[contestant].turn();
      if (round >= 0) result.seconds.push_back(seconds);
    } catch (const std::exception& error) {
      result.error = error.what();
    }
  }

  Contest contest_;
  std::vector<Result> results_;
};

}  // namespace

void register_contest(Contest contest) {
  std::vector<std::string> names;
  for (const Contestant& one : contest.contestants) {
    names.push_back(contest.name + "/" + one.name);
  }
  const std::int64_t size = contest.size;
  const benchmark::TimeUnit unit = contest.unit;
  const auto held = std::make_shared<Held>(std::move(contest));
  for (std::size_t i = 0; i < names.size(); ++i) {
    benchmark::RegisterBenchmark(
        names[i].c_str(),
        [held, i, round = std::size_t{0}](benchmark::State& state) mutable {
          const Result& result = held->result_of(i);
          if (!result.error.empty()) {
            state.SkipWithError(result.error.c_str());
            return;
          }
          for (auto _ : state) {
            state.SetIterationTime(
                result.seconds[round++ % result.seconds.size()]);
          }
        })
        ->Arg(size)
        ->Unit(unit)
        ->Iterations(1)
        ->Repetitions(Contest::kRounds)
        ->DisplayAggregatesOnly()
        ->UseManualTime();
  }
}

}  // namespace strata::bench
