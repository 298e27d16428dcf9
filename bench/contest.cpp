#include "bench/contest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <regex>
#include <utility>

#include "bench/interrupt.h"
#include "bench/quiet.h"
#include "common/os/terminal.h"

namespace strata::bench {

namespace {

// What came of a contest, for each that took part.
struct Result {
  std::vector<double> seconds;
  Counters counters;
  std::string error;
  bool selected = true;
};

// How far all the contests are, on one line of a terminal.
class Course {
 public:
  void expect(double seconds) { expected_ += seconds; }

  void tell(const std::string& where) {
    if (!stderr_is_terminal()) return;
    std::string left;
    const std::chrono::duration<double> past = Clock::now() - start_;
    const double share = done_ / std::max(expected_, done_ + 1e-9);
    if (share > 0.02 && past.count() > 2) {
      const double seconds = past.count() * (1 - share) / share;
      left = seconds < 90 ? fmt::format(", {:.0f} s left", seconds)
                          : fmt::format(", {:.0f} min left", seconds / 60);
    }
    fmt::print(stderr, "\r\x1b[K{:3.0f} %{}  {}", share * 100, left, where);
    (void)std::fflush(stderr);
  }

  void done(double seconds) { done_ += seconds; }

  static void clear() {
    if (stderr_is_terminal()) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start_ = Clock::now();
  double expected_ = 0;
  double done_ = 0;
};

Course& course() {
  static Course one;
  return one;
}

class Held {
 public:
  explicit Held(Contest contest) : contest_(std::move(contest)) {
    results_.resize(contest_.contestants.size());
  }

  [[nodiscard]] const Contest& contest() const { return contest_; }

  [[nodiscard]] std::string name_of(std::size_t contestant) const {
    return contest_.name + "/" + contest_.contestants[contestant].name;
  }

  // The name under which Google Benchmark lists the result.
  [[nodiscard]] std::string full_name_of(std::size_t contestant) const {
    std::string name = name_of(contestant);
    for (const auto& [what, number] : contest_.arguments) {
      name += fmt::format("/{}:{}", what, number);
    }
    return name +
           fmt::format("/iterations:1/repeats:{}/manual_time", contest_.rounds);
  }

  [[nodiscard]] std::size_t size() const { return results_.size(); }

  void select(std::size_t contestant, bool selected) {
    results_[contestant].selected = selected;
    if (selected) {
      course().expect(contest_.seconds_per_turn * (contest_.rounds + 2));
    }
  }

  const Result& result_of(std::size_t contestant) {
    if (!held_) hold();
    return results_[contestant];
  }

 private:
  void hold() {
    held_ = true;
    each("to begin", 0, [&](std::size_t) { prepare_once(); });
    each("warming up", 0, [&](std::size_t i) { warm_up(i); });
    for (int round = 1; round <= contest_.rounds; ++round) {
      each(fmt::format("round {} of {}", round, contest_.rounds),
           static_cast<std::size_t>(round - 1), [&](std::size_t i) {
             results_[i].seconds.push_back(contest_.contestants[i].turn());
           });
    }
    each("counting", 0, [&](std::size_t i) {
      const Contestant& one = contest_.contestants[i];
      if (one.counters) results_[i].counters = one.counters();
    });
    if (contest_.clean_up) contest_.clean_up();
    Course::clear();
  }

  void prepare_once() {
    if (!prepared_ && contest_.prepare) contest_.prepare();
    prepared_ = true;
  }

  void warm_up(std::size_t contestant) {
    const Contestant& one = contest_.contestants[contestant];
    if (one.warm_up) {
      one.warm_up();
    } else {
      (void)one.turn();
    }
  }

  // Has each that is still in it do something, beginning with the one of that
  // number.
  template <typename Do>
  void each(const std::string& what, std::size_t first, const Do& act) {
    for (std::size_t turn = 0; turn < results_.size(); ++turn) {
      const std::size_t i = (first + turn) % results_.size();
      Result& result = results_[i];
      if (!result.selected || !result.error.empty()) continue;
      course().tell(fmt::format("{}, {}", name_of(i), what));
      try {
        wait_until_quiet();  // what the one before has left to be done
        throw_if_interrupted();
        act(i);
      } catch (const Interrupted&) {
        result.error = kInterrupted;
      } catch (const std::exception& error) {
        // A program that was interrupted with us fails, too.
        result.error = noted_interrupt() != 0 ? kInterrupted : error.what();
      }
      course().done(what == "to begin" ? 0 : contest_.seconds_per_turn);
    }
  }

  Contest contest_;
  std::vector<Result> results_;
  bool prepared_ = false;
  bool held_ = false;
};

std::vector<std::shared_ptr<Held>>& all_contests() {
  static std::vector<std::shared_ptr<Held>> all;
  return all;
}

// One repetition, which is one round.
void report(benchmark::State& state, const Result& result, std::size_t round,
            const std::string& label) {
  if (!result.error.empty()) {
    state.SkipWithError(result.error.c_str());
    return;
  }
  for (auto _ : state) state.SetIterationTime(result.seconds.at(round));
  state.SetLabel(label);
  for (const auto& [name, number] : result.counters) {
    state.counters[name] = number;
  }
}

}  // namespace

void register_contest(Contest contest) {
  const auto held = std::make_shared<Held>(std::move(contest));
  all_contests().push_back(held);
  std::vector<std::string> names;
  std::vector<std::int64_t> numbers;
  for (const auto& [name, number] : held->contest().arguments) {
    names.push_back(name);
    numbers.push_back(number);
  }
  for (std::size_t i = 0; i < held->size(); ++i) {
    benchmark::RegisterBenchmark(
        held->name_of(i).c_str(),
        [held, i, round = std::size_t{0}](benchmark::State& state) mutable {
          report(state, held->result_of(i), round++,
                 held->contest().contestants[i].label);
        })
        ->Args(numbers)
        ->ArgNames(names)
        ->Unit(held->contest().unit)
        ->Iterations(1)
        ->Repetitions(held->contest().rounds)
        ->UseManualTime();
  }
}

std::size_t select_contestants(const std::string& filter) {
  const bool inverse = !filter.empty() && filter.front() == '-';
  const bool all = filter.empty() || filter == "all";  // as Google Benchmark
  const std::regex wanted(all ? ".*" : filter.substr(inverse ? 1 : 0),
                          std::regex::extended);
  std::size_t count = 0;
  for (const auto& held : all_contests()) {
    for (std::size_t i = 0; i < held->size(); ++i) {
      const bool in =
          std::regex_search(held->full_name_of(i), wanted) != inverse;
      held->select(i, in);
      if (in) ++count;
    }
  }
  return count;
}

}  // namespace strata::bench
