/// @file
/// The benchmarks: `strata_bench [--quick] [--scan-mib N] [FLAGS]`, where the
/// flags are Google Benchmark's own, such as --benchmark_filter=get_miss and
/// --benchmark_out=results.json. N is the size of the log that is searched
/// whole, 0 to leave that out.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

#include "bench/benches.h"

namespace strata::bench {

namespace {

// Takes our own flags out of the arguments; false when one is wrong.
bool take_flags(std::vector<char*>& arguments, Plan& plan) {
  for (auto at = arguments.begin() + 1; at != arguments.end();) {
    const std::string_view flag = *at;
    if (flag == "--quick") {
      plan.quick = true;
      plan.whole_file_mib = 64;
      at = arguments.erase(at);
    } else if (flag == "--scan-mib") {
      if (at + 1 == arguments.end()) return false;
      const std::string_view text = *(at + 1);
      const char* end = text.data() + text.size();
      const auto [rest, error] =
          std::from_chars(text.data(), end, plan.whole_file_mib);
      if (error != std::errc() || rest != end) return false;
      at = arguments.erase(at, at + 2);
    } else {
      ++at;
    }
  }
  return true;
}

int run(int argc, char** argv) {
  Plan plan;
  std::vector<char*> arguments(argv, argv + argc);
  if (!take_flags(arguments, plan)) {
    fmt::print(stderr, "strata_bench: --scan-mib wants a number of MiB\n");
    return 2;
  }
  // Google Benchmark's own words for a short run.
  static char min_time[] = "--benchmark_min_time=0.01";
  if (plan.quick) arguments.insert(arguments.begin() + 1, min_time);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  add_context();
  register_stages(plan);
  register_limits(plan);
  register_shell(plan);
  const bool right = run_and_summarize();
  if (plan.whole_file_mib > 0) scan_whole_file(plan.whole_file_mib);
  return right ? 0 : 1;
}

}  // namespace

std::vector<std::int64_t> Plan::sizes() const {
  if (quick) return {1'000, 4'000};
  return {1'000, 10'000, 100'000};
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
