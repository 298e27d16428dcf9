#include "bench/reporters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "bench/contest.h"

namespace strata::bench {

namespace {

using Run = benchmark::BenchmarkReporter::Run;

bool was_cut_off(const Run& run) {
  return run.error_occurred && run.error_message == kInterrupted;
}

double ns_of(const Run& run) {
  return run.GetAdjustedRealTime() * 1e9 /
         benchmark::GetTimeUnitMultiplier(run.time_unit);
}

std::string duration(double ns) {
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.1f} ms", ns / 1e6);
  return fmt::format("{:.2f} s", ns / 1e9);
}

// "1 read of 130 B" and the like, on average.
std::string calls(const Run& run, const char* calls, const char* bytes,
                  const char* what) {
  const auto count = run.counters.find(calls);
  const auto size = run.counters.find(bytes);
  if (count == run.counters.end() || count->second == 0) return "";
  if (size == run.counters.end()) {
    return fmt::format("  {:.3g} {}", count->second.value, what);
  }
  return fmt::format("  {:.3g} {} ({:.4g} B)", count->second.value, what,
                     size->second.value);
}

// A terminal that has gone is no reason to lose what is measured.
void tell(const std::string& line) {
  (void)std::fputs(line.c_str(), stdout);
  (void)std::fflush(stdout);
}

}  // namespace

bool LineReporter::ReportContext(const Context& /*context*/) {
  return true;
}

void LineReporter::ReportRuns(const std::vector<Run>& runs) {
  std::vector<double> rounds;
  for (const Run& run : runs) {
    if (run.error_occurred) {
      if (!was_cut_off(run)) tell_error(run);
    } else if (run.run_type == Run::RT_Iteration) {
      rounds.push_back(ns_of(run));
    }
  }
  if (rounds.empty()) return;
  ++results_;
  std::sort(rounds.begin(), rounds.end());
  const double median =
      (rounds[rounds.size() / 2] + rounds[(rounds.size() - 1) / 2]) / 2;
  const Run& run = runs.front();
  const std::string name = run.run_name.function_name + "/" + run.run_name.args;
  tell(fmt::format(
      "{:<52} {:>9}  {:>8} .. {:<8}{}{}{}\n", name, duration(median),
      duration(rounds.front()), duration(rounds.back()),
      calls(run, "reads_per_op", "bytes_read_per_op", "reads"),
      calls(run, "writes_per_op", "bytes_written_per_op", "writes"),
      calls(run, "syncs_per_op", "", "syncs")));
}

void LineReporter::tell_error(const Run& run) {
  failed_ = true;
  const std::string name = run.run_name.function_name + "/" + run.run_name.args;
  if (!told_.insert(name).second) return;
  tell(fmt::format("{:<52} ERROR: {}\n", name, run.error_message));
}

bool FileReporter::ReportContext(const Context& context) {
  context_.emplace(context);
  return true;
}

void FileReporter::ReportRuns(const std::vector<Run>& runs) {
  std::vector<Run> measured;
  std::remove_copy_if(runs.begin(), runs.end(), std::back_inserter(measured),
                      was_cut_off);
  // The variation of what is always 0 is no number, and JSON has no word for it.
  for (Run& run : measured) {
    for (auto at = run.counters.begin(); at != run.counters.end();) {
      at = std::isfinite(at->second.value) ? ++at : run.counters.erase(at);
    }
  }
  if (measured.empty()) return;
  if (!begun_) JSONReporter::ReportContext(*context_);
  begun_ = true;
  JSONReporter::ReportRuns(measured);
  end_for_now();
}

// Writes the end that is always the same; what comes next is longer, and goes
// over it.
void FileReporter::end_for_now() {
  std::ostream& out = GetOutputStream();
  const auto at = out.tellp();
  if (at < 0) return;  // a pipe
  JSONReporter::Finalize();
  out.flush().seekp(at);
}

void FileReporter::Finalize() {
  if (begun_) JSONReporter::Finalize();
  written_ = GetOutputStream().flush().good();
}

}  // namespace strata::bench
