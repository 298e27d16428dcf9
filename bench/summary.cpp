// What to see in the results, computed from them.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/benches.h"
#include "common/os/terminal.h"

namespace strata::bench {

namespace {

// Time per operation in nanoseconds, by workload, subject and N.
using Times = std::map<std::string,
                       std::map<std::string, std::map<std::int64_t, double>>>;

class Reporter : public benchmark::ConsoleReporter {
 public:
  Reporter()
      : benchmark::ConsoleReporter(stdout_is_terminal() ? OO_Color : OO_None) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    benchmark::ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.error_occurred) {
        failed_ = true;
        continue;
      }
      const bool plain = run.run_type == Run::RT_Iteration;
      if (!plain && run.aggregate_name != "median") continue;
      const std::string& name = run.run_name.function_name;
      const std::size_t slash = name.find('/');
      const std::int64_t count = std::stoll("0" + run.run_name.args);
      times_[name.substr(0, slash)][name.substr(slash + 1)][count] =
          run.GetAdjustedRealTime() * 1e9 /
          benchmark::GetTimeUnitMultiplier(run.time_unit);
    }
  }

  [[nodiscard]] const Times& times() const { return times_; }

  [[nodiscard]] bool failed() const { return failed_; }

 private:
  Times times_;
  bool failed_ = false;
};

void tell_growth(const Times& times) {
  fmt::print(
      "\nGrowth: how many times as long with the most keys as with the "
      "fewest\n");
  for (const auto& [workload, subjects] : times) {
    for (const auto& [subject, by_count] : subjects) {
      if (by_count.size() < 2) continue;
      const auto& [few, short_time] = *by_count.begin();
      const auto& [many, long_time] = *by_count.rbegin();
      fmt::print("  {:<12} {:<16} {:>8.1f} times for {:.0f} times the keys\n",
                 workload, subject, long_time / short_time,
                 static_cast<double>(many) / static_cast<double>(few));
    }
  }
}

void tell_ratio(const Times& times, const char* workload, const char* subject,
                const char* base) {
  const auto group = times.find(workload);
  if (group == times.end()) return;
  const auto one = group->second.find(subject);
  const auto other = group->second.find(base);
  if (one == group->second.end() || other == group->second.end()) return;
  for (const auto& [count, time] : one->second) {
    const auto same = other->second.find(count);
    if (same == other->second.end()) continue;
    fmt::print("  {:<15} N = {:<9} {} takes {:.2f} times as long as {}\n",
               workload, count, subject, time / same->second, base);
  }
}

}  // namespace

bool run_and_summarize() {
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  const Times& times = reporter.times();
  if (times.empty()) return !reporter.failed();
  tell_growth(times);
  fmt::print("\nRatios\n");
  tell_ratio(times, "set_sequential", "04_keydir", "limit");
  tell_ratio(times, "get_hit", "04_keydir", "limit");
  tell_ratio(times, "get_miss", "grep", "01_scan_log");
  tell_ratio(times, "get_miss", "02_reverse_scan", "01_scan_log");
  tell_ratio(times, "get_miss", "tac_grep", "02_reverse_scan");
  return !reporter.failed();
}

}  // namespace strata::bench
