// What the same questions cost with the tools of the shell, on the very log
// that stage 01 writes. Each starts a shell and its programs, as a reader at
// a prompt would: that is the floor of every time here.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <exception>
#include <stdexcept>
#include <string>

#include "bench/benches.h"
#include "bench/contest.h"
#include "bench/shell.h"
#include "bench/temporary.h"
#include "bench/workloads.h"
#include "stages/registry.h"

namespace strata::bench {

namespace {

constexpr int kSetsPerShell = 100;

// Whether `text` ends so; nothing is expected to end in nothing only.
bool ends_in(const std::string& text, const std::string& end) {
  if (end.empty() || text.size() < end.size()) return text == end;
  return text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Runs the script over and over; `operations` are done by each run, and what
// it prints ends in `answer`.
void time_script(benchmark::State& state, const std::string& directory,
                 const std::string& script, const std::string& answer,
                 int operations) {
  for (auto _ : state) {
    try {
      std::string printed;
      state.SetIterationTime(
          seconds_of([&] { printed = run_in_shell(directory, script); }) /
          operations);
      const bool right = ends_in(printed, answer);
      if (!right) throw std::runtime_error("wrong answer: " + printed);
    } catch (const std::exception& error) {
      state.SkipWithError(error.what());
      return;
    }
  }
}

void ask(benchmark::State& state, const std::string& script,
         const std::string& key, bool there) {
  const TemporaryDirectory directory;
  const auto count = static_cast<std::uint64_t>(state.range(0));
  fill(*open(*find_stage("01_scan_log"), directory.path(), Mode::kWrite, count),
       count);
  time_script(state, directory.path(), fmt::format("key={}\n{}", key, script),
              there ? std::string(value()) + "\n" : "", 1);
}

void set_by_book(benchmark::State& state) {
  const TemporaryDirectory directory;
  const std::string script =
      fmt::format("{}for i in $(seq {}); do db_set key$i '{}'; done",
                  kBookFunctions, kSetsPerShell, value());
  time_script(state, directory.path(), script, "", kSetsPerShell);
}

}  // namespace

void register_shell(const Plan& plan) {
  for (const Tool& tool : shell_tools()) {
    for (const std::int64_t size : plan.sizes(true)) {
      const auto add = [&](const char* workload, const std::string& key,
                           bool there) {
        benchmark::RegisterBenchmark(
            fmt::format("{}/{}", workload, tool.name).c_str(),
            [script = tool.script, key, there](benchmark::State& state) {
              ask(state, script, key, there);
            })
            ->Arg(size)
            ->UseManualTime();
      };
      add("get_newest", key_of(static_cast<std::uint64_t>(size) - 1), true);
      add("get_miss", absent_key(0), false);
    }
  }
  benchmark::RegisterBenchmark("set_sequential/book_db_set", set_by_book)
      ->Arg(kSetsPerShell)
      ->UseManualTime();
}

}  // namespace strata::bench
