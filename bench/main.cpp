/// @file
/// The benchmarks: `strata_bench [OPTIONS] [FLAGS]`, where the flags are Google
/// Benchmark's own, such as --benchmark_filter=get_miss and
/// --benchmark_out=results.json.
///
/// Exit codes: 0 all was measured; 1 a result is an error; 2 usage; 128 + N
/// interrupted by signal N, what was measured until then is in the file.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "bench/benches.h"
#include "bench/interrupt.h"
#include "bench/reporters.h"
#include "bench/scratch.h"
#include "bench/workloads.h"

namespace strata::bench {

namespace {

constexpr std::uint64_t kFewestKeys = 100;
constexpr std::uint64_t kMostKeys = 100'000'000;
constexpr std::uint64_t kMostMib = 1 << 20;

// What the command line asks for.
struct Arguments {
  bool quick = false;
  bool peers = false;
  bool compress = false;
  bool list = false;
  std::vector<std::string> stages;
  std::uint64_t keys = 0;
  std::int64_t scan_mib = -1;
  std::vector<std::string> fill_and_die;  // of open_bench.cpp
  std::vector<std::string> flags;         // Google Benchmark's
};

void declare(CLI::App& app, Arguments& given) {
  app.footer(
      "Everything that begins with --benchmark_ goes to Google "
      "Benchmark, such as\n--benchmark_filter=get_miss, "
      "--benchmark_list_tests and --benchmark_out=FILE.");
  app.add_flag("--quick", given.quick,
               "smaller stores and fewer rounds: minutes instead of an hour");
  app.add_flag(
      "--peers", given.peers,
      "also the engines whose libraries were there when this was built");
  app.add_flag("--compress", given.compress,
               "values of which half is noise, and who can compress them does");
  app.add_option("--stages", given.stages,
                 "only these, by name or number, such as 04,07")
      ->delimiter(',');
  app.add_option("--n", given.keys,
                 "keys in the largest stores (1000000; with --quick 100000)")
      ->check(CLI::Range(kFewestKeys, kMostKeys));
  app.add_option("--scan-mib", given.scan_mib,
                 "MiB of the log that is searched whole (1024; with --quick "
                 "64; 0: none)")
      ->check(CLI::Range(std::uint64_t{0}, kMostMib));
  app.add_flag("--workloads", given.list, "list what can be measured");
  app.add_option("--fill-and-die", given.fill_and_die)->expected(3)->group("");
  app.allow_extras();
}

// The stages that were asked for; all when none were.
std::vector<Subject> wanted_stages(const std::vector<std::string>& names) {
  std::vector<Subject> all = stage_subjects();
  if (names.empty()) return all;
  const auto is_called = [](const Subject& subject, const std::string& name) {
    const std::string whole = subject.name();
    return name == whole || (name.size() == 2 && whole.rfind(name, 0) == 0);
  };
  std::vector<Subject> wanted;
  for (const Subject& subject : all) {
    if (std::any_of(names.begin(), names.end(), [&](const std::string& name) {
          return is_called(subject, name);
        })) {
      wanted.push_back(subject);
    }
  }
  for (const std::string& name : names) {
    if (std::none_of(all.begin(), all.end(), [&](const Subject& subject) {
          return is_called(subject, name);
        })) {
      throw CLI::ValidationError("--stages: no stage " + name);
    }
  }
  return wanted;
}

Plan plan_of(const Arguments& given) {
  Plan plan;
  plan.quick = given.quick;
  plan.keys = given.keys > 0 ? given.keys : given.quick ? 100'000 : 1'000'000;
  plan.whole_file_mib = given.scan_mib >= 0
                            ? static_cast<std::uint64_t>(given.scan_mib)
                        : given.quick ? 64
                                      : 1024;
  plan.subjects = wanted_stages(given.stages);
  const auto add = [&](const std::vector<Subject>& subjects) {
    plan.subjects.insert(plan.subjects.end(), subjects.begin(), subjects.end());
  };
  if (given.peers) add(peer_subjects());
  add(limit_subjects());
  return plan;
}

int list_workloads() {
  for (const Workload& workload : workloads()) {
    fmt::print("{:<18}{}\n", workload.name, workload.what);
  }
  return 0;
}

// In the child that open_bench.cpp starts.
int fill_and_die(const std::vector<std::string>& words) {
  std::vector<Subject> all = stage_subjects();
  for (const Subject& peer : peer_subjects()) all.push_back(peer);
  for (const Subject& subject : all) {
    if (subject.name() == words.at(0)) {
      return fill_and_die(subject, words.at(1), std::stoull(words.at(2)));
    }
  }
  return 2;
}

void register_all(const Plan& plan) {
  register_workloads(plan);
  register_opens(plan);
  register_starts(plan);
  register_segments(plan);
  register_merging(plan);
  register_whole_file(plan);
}

// Runs what is registered. @returns an exit code.
int run_all(std::size_t planned, bool to_file) {
  LineReporter lines;
  FileReporter file;
  if (to_file) {
    benchmark::RunSpecifiedBenchmarks(&lines, &file);
  } else {
    benchmark::RunSpecifiedBenchmarks(&lines);
  }
  close_stores();
  warn_of_build_type();
  if (to_file && !file.written()) {
    fmt::print(stderr, "strata_bench: the results could not be written\n");
    return 1;
  }
  if (noted_interrupt() != 0) {
    fmt::print(stderr, "strata_bench: interrupted after {} of {} results\n",
               lines.results(), planned);
    return 128 + noted_interrupt();
  }
  return lines.failed() ? 1 : 0;
}

int measure(const Plan& plan, const Arguments& given, const char* program) {
  std::vector<std::string> words = given.flags;
  words.insert(words.begin(), program);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  int count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;
  note_interrupts();
  note_broken_pipes();
  const Scratch scratch;
  warn_of_build_type();
  warn_of_file_system(scratch.path());
  register_all(plan);
  const std::size_t planned =
      select_contestants(benchmark::GetBenchmarkFilter());
  if (planned == 0) {
    throw CLI::ValidationError("the filter lets no result through");
  }
  add_context(plan, planned, scratch.path());
  const bool to_file =
      std::any_of(words.begin(), words.end(), [](const std::string& word) {
        return word.rfind("--benchmark_out=", 0) == 0;
      });
  return run_all(planned, to_file);
}

// What is closed at the start would become the number of a store's file, and
// what is printed would go there.
void open_standard_streams() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::open("/dev/null", O_RDWR);
  if (fd > STDERR_FILENO) ::close(fd);
}

int run(int argc, char** argv) {
  Arguments given;
  CLI::App app("Measures the stages, and what they are compared with.",
               "strata_bench");
  declare(app, given);
  try {
    app.parse(argc, argv);
    if (given.compress) compress_values();
    if (!given.fill_and_die.empty()) return fill_and_die(given.fill_and_die);
    if (given.list) return list_workloads();
    given.flags = app.remaining();
    return measure(plan_of(given), given, argv[0]);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "strata_bench: {}\n", error.what());
    return 2;
  } catch (const Interrupted& interrupt) {  // before there was a result
    return 128 + interrupt.signal;
  } catch (const std::regex_error&) {
    fmt::print(stderr, "strata_bench: the filter is no regular expression\n");
    return 2;
  }
}

}  // namespace

std::vector<std::uint64_t> Plan::sizes(bool scans) const {
  constexpr std::uint64_t kMostToScan = 100'000;
  std::vector<std::uint64_t> all;
  for (std::uint64_t size = 1000; size < keys; size *= 10) all.push_back(size);
  all.push_back(keys);
  while (scans && all.size() > 1 && all.back() > kMostToScan) all.pop_back();
  return all;
}

std::vector<const Stage*> Plan::stages(std::string_view needs) const {
  std::vector<const Stage*> stages;
  for (const Subject& subject : subjects) {
    if (subject.kind == Subject::Kind::kStage && subject.stage->has(needs)) {
      stages.push_back(subject.stage);
    }
  }
  return stages;
}

Counters counters_of(const Totals& totals, double operations) {
  const auto per_operation = [&](std::uint64_t count) {
    return static_cast<double>(count) / operations;
  };
  return {{"reads_per_op", per_operation(totals.reads.calls)},
          {"bytes_read_per_op", per_operation(totals.reads.bytes)},
          {"writes_per_op", per_operation(totals.writes.calls)},
          {"bytes_written_per_op", per_operation(totals.writes.bytes)},
          {"syncs_per_op", per_operation(totals.syncs.calls)}};
}

}  // namespace strata::bench

int main(int argc, char** argv) {
  // A file that may not grow is an error of a result, not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  strata::bench::open_standard_streams();
  try {
    return strata::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "strata_bench: {}\n", error.what());
    return 1;
  }
}
