// What to see in the results, computed from them.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "bench/benches.h"
#include "bench/workloads.h"
#include "common/os/terminal.h"

namespace strata::bench {

namespace {

// One line of the results, or the median of several.
struct Result {
  double ns = 0;  // per operation
  std::map<std::string, double> counters;

  [[nodiscard]] double counter(const std::string& name) const {
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
  }
};

using BySize = std::map<std::int64_t, Result>;
using BySubject = std::map<std::string, BySize>;
using Results = std::map<std::string, BySubject>;  // by workload

// Bytes of the index of 07 for a key, beside the key itself.
constexpr double kMostBesideTheKey = 32;

class Reporter : public benchmark::ConsoleReporter {
 public:
  Reporter()
      : benchmark::ConsoleReporter(stdout_is_terminal() ? OO_Color : OO_None) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    benchmark::ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) note(run);
  }

  [[nodiscard]] const Results& results() const { return results_; }

  [[nodiscard]] bool failed() const { return failed_; }

 private:
  // The median comes after the repetitions that it is of.
  void note(const Run& run) {
    failed_ |= run.error_occurred;
    const bool plain = run.run_type == Run::RT_Iteration;
    if (run.error_occurred || (!plain && run.aggregate_name != "median")) {
      return;
    }
    const std::string& name = run.run_name.function_name;
    const std::size_t slash = name.find('/');
    Result& result = results_[name.substr(0, slash)][name.substr(slash + 1)]
                             [std::stoll("0" + run.run_name.args)];
    result.ns = run.GetAdjustedRealTime() * 1e9 /
                benchmark::GetTimeUnitMultiplier(run.time_unit);
    for (const auto& [counter, number] : run.counters) {
      result.counters[counter] = number.value;
    }
  }

  Results results_;
  bool failed_ = false;
};

std::string duration(double ns) {
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.1f} ms", ns / 1e6);
  return fmt::format("{:.2f} s", ns / 1e9);
}

const Result* find(const Results& results, const std::string& workload,
                   const std::string& subject, std::int64_t size) {
  const auto group = results.find(workload);
  if (group == results.end()) return nullptr;
  const auto one = group->second.find(subject);
  if (one == group->second.end()) return nullptr;
  const auto found = one->second.find(size);
  return found == one->second.end() ? nullptr : &found->second;
}

// What the sizes of a workload's results count.
const char* sizes_of(const std::string& workload) {
  return workload == "miss_in_segments" ? "segments" : "keys";
}

void tell_growth_of(const std::string& subject, const BySize& by_size,
                    const char* sizes) {
  std::string line = fmt::format("  {:<24}", subject);
  for (const auto& [size, result] : by_size) {
    line += fmt::format(" {:>9}", duration(result.ns));
  }
  const auto& [few, first] = *by_size.begin();
  const auto& [many, last] = *by_size.rbegin();
  constexpr std::size_t kColumns = 4;
  line.append(10 * (kColumns - std::min(kColumns, by_size.size())), ' ');
  line += fmt::format("   x {:<7.4g}", last.ns / first.ns);
  const double bytes = first.counter("bytes_read_per_op");
  if (bytes > 0) {
    line += fmt::format(" bytes read x {:.4g}",
                        last.counter("bytes_read_per_op") / bytes);
  }
  const double probes = last.counter("probes_per_op");
  if (probes > 0) line += fmt::format(" {:.4g} keydirs asked", probes);
  fmt::print("{}  for x {} {}\n", line, many / few, sizes);
}

void tell_growth(const Results& results) {
  fmt::print("\nTime per operation, by workload, with ever more keys\n");
  for (const auto& [workload, subjects] : results) {
    bool told = false;
    for (const auto& [subject, by_size] : subjects) {
      if (by_size.size() < 2) continue;
      if (!told) {
        std::string sizes;
        for (const auto& one : by_size)
          sizes += fmt::format(" {:>9}", one.first);
        fmt::print("\n{:<26}{}\n", workload, sizes);
      }
      told = true;
      tell_growth_of(subject, by_size, sizes_of(workload));
    }
  }
}

void tell_space(const Results& results) {
  const auto group = results.find("open");
  if (group == results.end()) return;
  fmt::print(
      "\nSpace, with the most keys: index as told and heap as grown, bytes a "
      "key;\nbytes on disk for each byte of keys and values\n");
  for (const auto& [subject, by_size] : group->second) {
    const auto& [size, result] = *by_size.rbegin();
    const double index = result.counter("index_bytes_per_key");
    fmt::print(
        "  {:<24} {:>9} keys  index {:6.1f}  heap {:6.1f}  disk {:.3f}{}\n",
        subject, size, index, result.counter("heap_bytes_per_key"),
        result.counter("disk_bytes_per_user_byte"),
        subject != "07_bitcask" ? ""
        : index <= kKeyBytes + kMostBesideTheKey
            ? "  (at most 32 beside the key: met)"
            : "  (at most 32 beside the key: NOT MET)");
  }
}

void tell_merging(const Results& results) {
  const auto group = results.find("churn");
  if (group == results.end()) return;
  fmt::print(
      "\nEach key written once and then four times more, at random: bytes "
      "written for each\nbyte of keys and values, bytes on disk for each that "
      "is live, before and after a merge\n");
  for (const auto& [subject, by_size] : group->second) {
    const auto& [size, result] = *by_size.rbegin();
    fmt::print(
        "  {:<24} {:>9} keys  written {:.2f}  before {:.2f}  after {:.2f}\n",
        subject, size, result.counter("write_amplification"),
        result.counter("disk_before"), result.counter("disk_after"));
  }
}

// What is aimed at: `slow` takes at most, or at least, so many times as long
// as `fast`. Two names of subjects of one workload.
struct Target {
  std::string workload;
  std::string slow;
  std::string fast;
  bool at_least;
  double times;
};

std::string ratio_line(const Results& results, const Target& target,
                       std::int64_t size) {
  const Result* slow = find(results, target.workload, target.slow, size);
  const Result* fast = find(results, target.workload, target.fast, size);
  if (slow == nullptr || fast == nullptr) return "";
  const double ratio = slow->ns / fast->ns;
  const bool met =
      target.at_least ? ratio >= target.times : ratio <= target.times;
  return fmt::format(
      "  {:<11} {:>9}  {} / {} = {} / {} = {:.2f}  ({} {}: {})\n",
      target.workload, size, target.slow, target.fast, duration(slow->ns),
      duration(fast->ns), ratio, target.at_least ? "at least" : "at most",
      target.times, met ? "met" : "NOT MET");
}

void tell_ratios(const Results& results, const Plan& plan) {
  const std::vector<Target> scans = {
      {"whole_file", "grep", "01_scan_log", true, 2.5},
      {"whole_file", "02_reverse_scan", "01_scan_log", false, 1.2},
      {"whole_file", "tac_grep", "02_reverse_scan", true, 8}};
  const std::vector<Target> limits = {
      {"limit_set", "04_keydir", "limit", false, 1.15},
      {"limit_get", "04_keydir", "limit", false, 1.15},
      {"limit_set", "07_bitcask", "limit_with_hints", false, 1.15},
      {"limit_get", "07_bitcask", "limit", false, 1.15},
      {"readers", "07_bitcask_x1", "07_bitcask_x2", true, 1.8},
      {"start", "07_bitcask", "limit", false, 1.5},
      {"merge", "06_compaction", "06_compaction_copied", false, 2},
      {"merge", "07_bitcask", "07_bitcask_copied", false, 2},
      {"merge_reads", "06_compaction_p99.9_merging", "06_compaction_p99.9",
       false, 2},
      {"merge_reads", "07_bitcask_p99.9_merging", "07_bitcask_p99.9", false,
       2}};
  std::string lines;
  for (const Target& target : scans) {
    lines += ratio_line(results, target,
                        static_cast<std::int64_t>(plan.whole_file_mib));
  }
  for (const Target& target : limits) {
    lines += ratio_line(results, target, plan.contest_size());
  }
  if (lines.empty()) return;
  fmt::print(
      "\nRatios of medians, taken in turn: whole_file in a log of {} MiB, "
      "all others with {} keys\n{}",
      plan.whole_file_mib, plan.contest_size(), lines);
  if (plan.quick) fmt::print("  --quick: too short to be held against them\n");
}

}  // namespace

bool run_and_summarize(const Plan& plan) {
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  if (reporter.results().empty()) return !reporter.failed();
  tell_growth(reporter.results());
  tell_space(reporter.results());
  tell_merging(reporter.results());
  tell_ratios(reporter.results(), plan);
  return !reporter.failed();
}

}  // namespace strata::bench
