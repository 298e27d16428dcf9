/// @file
/// What is told of results: a line each on the terminal, and Google Benchmark's
/// JSON in a file.
#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace strata::bench {

/// Prints a line for each result: the median of its rounds, their spread, and
/// what an operation cost in calls and bytes.
class LineReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;

  /// @returns how many results there were, those with errors not counted.
  [[nodiscard]] std::size_t results() const { return results_; }

  /// @returns whether any ended in an error, an interrupt aside.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  void tell_error(const Run& run);

  std::size_t results_ = 0;
  bool failed_ = false;
  std::set<std::string> told_;
};

/// Writes Google Benchmark's JSON, without what an interrupt has cut off. After
/// each result the file is whole, so that it can be read however the end comes;
/// before the first it is empty.
class FileReporter final : public benchmark::JSONReporter {
 public:
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

  /// @returns whether all that was reported is in the file.
  [[nodiscard]] bool written() const { return written_; }

 private:
  void end_for_now();

  std::optional<Context> context_;
  bool begun_ = false;
  bool written_ = false;
};

}  // namespace strata::bench
