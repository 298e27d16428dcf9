/// @file
/// The benchmarks: `strata_bench [--quick] [--scan-mib N] [FLAGS]`, where the
/// flags are Google Benchmark's own, such as --benchmark_filter=get_miss and
/// --benchmark_out=results.json.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

#include "bench/benches.h"
#include "bench/scratch.h"

namespace strata::bench {

namespace {

constexpr const char* kUsage =
    "usage: strata_bench [--quick] [--scan-mib N] [FLAGS]\n"
    "\n"
    "  --quick        the smallest stores, in seconds: to see that it works\n"
    "  --scan-mib N   MiB of the log that is searched whole (1024; 0: none)\n"
    "\n"
    "FLAGS are Google Benchmark's:\n";

// Takes the number behind --scan-mib, which is 1 TiB at most.
bool take_mib(std::string_view text, std::uint64_t& mib) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, mib);
  return error == std::errc() && rest == end && mib <= 1 << 20;
}

// Takes our own flags out of the arguments; false when one is wrong.
bool take_flags(std::vector<char*>& arguments, Plan& plan) {
  constexpr std::string_view kScan = "--scan-mib";
  bool scan_given = false;
  for (auto at = arguments.begin() + 1; at != arguments.end();) {
    const std::string_view flag = *at;
    const bool joined = flag.rfind("--scan-mib=", 0) == 0;
    if (flag == "--quick") {
      plan.quick = true;
      at = arguments.erase(at);
    } else if (joined || flag == kScan) {
      const auto last = joined ? at : at + 1;
      if (last == arguments.end()) return false;
      const auto number = joined ? flag.substr(kScan.size() + 1) : *last;
      if (!take_mib(number, plan.whole_file_mib)) return false;
      scan_given = true;
      at = arguments.erase(at, last + 1);
    } else {
      ++at;
    }
  }
  if (plan.quick && !scan_given) plan.whole_file_mib = 64;
  return true;
}

int run(int argc, char** argv) {
  Plan plan;
  std::vector<char*> arguments(argv, argv + argc);
  if (!take_flags(arguments, plan)) {
    fmt::print(stderr, "strata_bench: --scan-mib wants a number of MiB\n");
    return 2;
  }
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    fmt::print("{}", kUsage);
    (void)std::fflush(stdout);
  }
  static char short_time[] = "--benchmark_min_time=0.01";
  static char usual_time[] = "--benchmark_min_time=0.15";
  arguments.insert(arguments.begin() + 1, plan.quick ? short_time : usual_time);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  const Scratch scratch;
  warn_of_build_type();
  add_context(scratch.path());
  register_stages(plan);
  register_shell(plan);
  register_limits(plan);
  register_segments(plan);
  register_starts(plan);
  register_merging(plan);
  register_whole_file(plan);
  const bool right = run_and_summarize(plan);
  warn_of_build_type();
  return right ? 0 : 1;
}

}  // namespace

std::vector<std::int64_t> Plan::sizes(bool scans) const {
  if (quick) return {1'000, 4'000};
  if (scans) return {1'000, 10'000, 100'000};
  return {1'000, 10'000, 100'000, 1'000'000};
}

std::int64_t Plan::contest_size() const {
  return quick ? 20'000 : 1'000'000;
}

}  // namespace strata::bench

int main(int argc, char** argv) {
  try {
    return strata::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "strata_bench: {}\n", error.what());
    return 1;
  }
}
