/// @file
/// The groups of benchmarks; each is registered by name `group/subject/N`.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

namespace strata::bench {

/// What to run.
struct Plan {
  bool quick = false;                   ///< the smallest sizes, in seconds
  std::uint64_t whole_file_mib = 1024;  ///< size of the log that is scanned

  /// @returns the numbers of keys to measure at.
  [[nodiscard]] std::vector<std::int64_t> sizes() const;
};

/// Every workload on every stage.
void register_stages(const Plan& plan);

/// The book's two shell functions, grep, and tac with grep.
void register_shell(const Plan& plan);

/// The same work with nothing but a hash map and system calls.
void register_limits(const Plan& plan);

/// Tells the machine, the compiler, the build type and the file system.
void add_context();

/// Runs what was registered, then says what growth and which ratios to see.
/// @returns false when one of them gave a wrong answer or failed.
[[nodiscard]] bool run_and_summarize();

/// Searches one large log in page cache for a key that is not there, with 01,
/// 02 and the tools of the shell in turn, and prints medians and ratios.
/// @param mib the log's size in MiB
void scan_whole_file(std::uint64_t mib);

}  // namespace strata::bench
