// What the same questions cost with the tools of the shell, on the very log
// that stage 01 writes. Each run starts a shell, as a reader would. The output
// goes through a pipe, since grep stops at the first match where it is thrown
// away.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "bench/benches.h"
#include "bench/workloads.h"
#include "stages/registry.h"

namespace strata::bench {

namespace {

// The two functions that open the book's chapter on storage.
constexpr const char* kBook =
    "db_set() { echo \"$1,$2\" >> log.txt; }\n"
    "db_get() { grep \"^$1,\" log.txt | sed -e \"s/^$1,//\" | tail -n 1; }\n";

constexpr int kSetsPerShell = 100;

void run_in(const std::string& directory, const std::string& script,
            benchmark::State& state) {
  const std::string command =
      fmt::format("cd '{}' && export LC_ALL=C && {{ {}\n}} | cat > /dev/null",
                  directory, script);
  if (std::system(command.c_str()) != 0) {
    state.SkipWithError("a command of the shell failed");
  }
}

// Asks with `script`, which finds the key in $key.
void ask(benchmark::State& state, const std::string& script,
         const std::string& key) {
  const TemporaryDirectory directory;
  fill(*open(*find_stage("01_scan_log"), directory.path(), Mode::kWrite),
       static_cast<std::uint64_t>(state.range(0)));
  const std::string asked = fmt::format("key={}\n{}", key, script);
  for (auto _ : state) run_in(directory.path(), asked, state);
}

void set_by_book(benchmark::State& state) {
  const TemporaryDirectory directory;
  const std::string script =
      fmt::format("{}for i in $(seq {}); do db_set key$i {}; done", kBook,
                  kSetsPerShell, value());
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    run_in(directory.path(), script, state);
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - start;
    state.SetIterationTime(took.count() / kSetsPerShell);
  }
}

}  // namespace

void register_shell(const Plan& plan) {
  struct Tool {
    const char* name;
    std::string script;
  };

  const Tool tools[] = {
      {"book_db_get", std::string(kBook) + "db_get $key"},
      {"grep", "grep \"^$key,\" log.txt || true"},
      {"tac_grep", "tac log.txt | grep -m 1 \"^$key,\" || true"},
  };
  for (const Tool& tool : tools) {
    for (const std::int64_t size : plan.sizes()) {
      const auto add = [&](const char* workload, const std::string& key) {
        benchmark::RegisterBenchmark(
            fmt::format("{}/{}", workload, tool.name).c_str(),
            [script = tool.script, key](benchmark::State& state) {
              ask(state, script, key);
            })
            ->Arg(size)
            ->UseRealTime();
      };
      add("get_newest", key_of(static_cast<std::uint64_t>(size) - 1));
      add("get_miss", absent_key(0));
    }
  }
  benchmark::RegisterBenchmark("set_sequential/book_db_set", set_by_book)
      ->Arg(plan.sizes().back())
      ->UseManualTime();
}

}  // namespace strata::bench
