/// @file
/// The groups of benchmarks, each a contest (contest.h); their results are named
/// as README.md says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/contest.h"
#include "bench/subject.h"
#include "common/os/ledger.h"

namespace strata::bench {

/// What to run.
struct Plan {
  bool quick = false;                   ///< the smallest sizes, in minutes
  std::uint64_t whole_file_mib = 1024;  ///< the log searched whole; 0: none
  std::uint64_t keys = 1'000'000;       ///< in the largest stores
  std::vector<Subject> subjects;        ///< who takes part

  /// @returns the numbers of keys to measure at, ascending, the largest last.
  /// @param scans fewer, for who reads more the longer the file
  [[nodiscard]] std::vector<std::uint64_t> sizes(bool scans) const;

  /// @returns rounds of a contest.
  [[nodiscard]] int rounds() const { return quick ? 3 : 5; }

  /// @returns how long a turn is to take that can be as long as one likes.
  [[nodiscard]] double seconds_per_turn() const { return quick ? 0.02 : 0.15; }

  /// @returns the stages that take part and have the command `needs`.
  [[nodiscard]] std::vector<const Stage*> stages(std::string_view needs) const;
};

/// Every workload of workloads.h with each size and sweep, on all that take
/// part.
void register_workloads(const Plan& plan);

/// Closes the stores that workloads keep open for each other.
void close_stores();

/// Opening a store that was closed, and one whose process was killed.
void register_opens(const Plan& plan);

/// Starting up from hints and without, in turn with the limit.
void register_starts(const Plan& plan);

/// Misses while there are ever more segments for the same keys.
void register_segments(const Plan& plan);

/// What merging costs and gives back, and what it does to reads meanwhile.
void register_merging(const Plan& plan);

/// One large log searched for a key that is not there, by the scanning stages
/// and by the tools of the shell.
void register_whole_file(const Plan& plan);

/// @returns the tools of the shell asking the log of stage 01 for a key: the
///   newest, or one that is not there.
/// @param keys in the log
[[nodiscard]] std::vector<Contestant> shell_contestants(std::uint64_t keys,
                                                        bool newest);

/// @returns the book's db_set setting 100 keys in one shell.
[[nodiscard]] Contestant book_db_set();

/// Fills a store and ends the process without closing it, as kill -9 would.
/// @returns an exit code, should the end not come.
/// @throws what filling throws
int fill_and_die(const Subject& subject, const std::string& directory,
                 std::uint64_t keys);

/// Tells the machine, the compiler, the build type, the file system, and what
/// is to be run.
/// @param results how many there are to be
/// @param directory where the benchmarks' files are
void add_context(const Plan& plan, std::size_t results,
                 const std::string& directory);

/// Warns on standard error when files in `directory` cannot reach a disk.
void warn_of_file_system(const std::string& directory);

/// Warns on standard error when this is no Release build.
void warn_of_build_type();

/// @returns what one of so many operations cost.
/// @param totals of all of them
[[nodiscard]] Counters counters_of(const Totals& totals, double operations);

}  // namespace strata::bench
