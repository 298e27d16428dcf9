/// @file
/// The groups of benchmarks; each is named `workload/subject/N`.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/os/ledger.h"
#include "common/store/stage.h"

namespace strata::bench {

/// What to run.
struct Plan {
  bool quick = false;                   ///< the smallest sizes, in seconds
  std::uint64_t whole_file_mib = 1024;  ///< the log searched whole; 0: none

  /// @returns the numbers of keys to measure gets at, ascending: fewer where a
  ///   get reads more the longer the file.
  [[nodiscard]] std::vector<std::int64_t> sizes(bool scans) const;

  /// @returns the number of keys to compare with the limits at.
  [[nodiscard]] std::int64_t contest_size() const;
};

/// Every workload on every stage, and on the limit.
void register_stages(const Plan& plan);

/// The book's two shell functions, grep, tac with grep, and the scanning
/// stages as programs, on the log that stage 01 writes.
void register_shell(const Plan& plan);

/// Sets and gets of the stages with an index in turn with the limit.
void register_limits(const Plan& plan);

/// Misses while there are ever more segments for the same keys.
void register_segments(const Plan& plan);

/// Starting up from hints and without, in turn with the limit.
void register_starts(const Plan& plan);

/// What merging costs and gives back, and what it does to reads meanwhile.
void register_merging(const Plan& plan);

/// One large log searched for a key that is not there, by the scanning stages
/// and by the tools of the shell in turn.
void register_whole_file(const Plan& plan);

/// Tells the machine, the compiler, the build type and the file system.
/// @param directory where the benchmarks' files are
void add_context(const std::string& directory);

/// Warns on standard error when this is no Release build.
void warn_of_build_type();

/// Puts into a result what one operation cost.
/// @param ledger counted all of them
void add_counters(benchmark::State& state, const Ledger& ledger,
                  std::uint64_t operations);

/// Runs what was registered and says what growth and which ratios to see.
/// @returns false when one of them gave a wrong answer or failed.
[[nodiscard]] bool run_and_summarize(const Plan& plan);

}  // namespace strata::bench
