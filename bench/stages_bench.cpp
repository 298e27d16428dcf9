// The workloads, each over every stage of the registry and over N keys of 16
// bytes with values of 100 bytes:
//
//   set_sequential   new keys, ascending
//   set_random       new keys in random order
//   overwrite        keys that are there, at random, in a store of N
//   get_hit          keys that are there, at random
//   get_miss         keys that are not there
//   get_newest       the key written last
//   get_oldest       the key written first
//   get_zipfian      keys that are there, few of them often
//   open             opening the store for reading; memory and disk per key
//
// Time is taken without the ledger. Then some operations are done once more
// through it, and each result carries what one operation cost in calls and
// bytes.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "bench/benches.h"
#include "bench/workloads.h"
#include "common/os/ledger.h"
#include "common/os/posix_os.h"
#include "stages/registry.h"

namespace strata::bench {

namespace {

constexpr std::uint64_t kSeed = 42;
constexpr std::uint64_t kCountedOperations = 64;

// A store of N keys, kept from one benchmark to the next.
struct Filled {
  const Stage* stage = nullptr;
  std::uint64_t count = 0;
  std::unique_ptr<TemporaryDirectory> directory;
};

const std::string& filled_store(const Stage& stage, std::uint64_t count) {
  static Filled kept;
  if (kept.stage != &stage || kept.count != count) {
    kept = {&stage, count, std::make_unique<TemporaryDirectory>()};
    fill(*open(stage, kept.directory->path(), Mode::kWrite), count);
  }
  return kept.directory->path();
}

// Puts what `operation` costs on average into the result.
void count_calls(benchmark::State& state, const Ledger& ledger,
                 std::uint64_t operations) {
  const Totals totals = ledger.totals();
  const auto per_operation = [&](std::uint64_t number) {
    return static_cast<double>(number) / static_cast<double>(operations);
  };
  state.counters["reads_per_op"] = per_operation(totals.reads.calls);
  state.counters["bytes_read_per_op"] = per_operation(totals.reads.bytes);
  state.counters["writes_per_op"] = per_operation(totals.writes.calls);
  state.counters["bytes_written_per_op"] = per_operation(totals.writes.bytes);
  state.counters["syncs_per_op"] = per_operation(totals.syncs.calls);
}

using NextKey = std::function<std::string()>;
using Workload = std::function<NextKey(std::uint64_t count)>;

// A random number below `count`, drawn anew at each call.
std::function<std::uint64_t()> random_below(std::uint64_t count) {
  return [count, random = std::mt19937_64(kSeed)]() mutable {
    return random() % count;
  };
}

void get(benchmark::State& state, const Stage& stage, const Workload& workload,
         bool there) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const std::string& directory = filled_store(stage, count);
  const NextKey next_key = workload(count);
  std::string value;
  bool right = true;
  {
    const auto store = open(stage, directory, Mode::kRead);
    for (auto _ : state) {
      right = store->get(next_key(), value) == there && right;
    }
  }
  if (!right) state.SkipWithError("a get gave a wrong answer");
  Ledger ledger(posix_os(), Ledger::Keep::kTotals);
  const auto counted = open(stage, directory, Mode::kRead, &ledger);
  ledger.clear();
  const std::uint64_t operations = stage.scans ? 1 : kCountedOperations;
  for (std::uint64_t i = 0; i < operations; ++i) {
    benchmark::DoNotOptimize(counted->get(next_key(), value));
  }
  count_calls(state, ledger, operations);
}

void set(benchmark::State& state, const Stage& stage, const Workload& workload,
         bool overwrites) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const TemporaryDirectory directory;
  const NextKey next_key = workload(count);
  {
    const auto store = open(stage, directory.path(), Mode::kWrite);
    if (overwrites) fill(*store, count);
    for (auto _ : state) store->set(next_key(), value());
  }
  Ledger ledger(posix_os(), Ledger::Keep::kTotals);
  const auto counted = open(stage, directory.path(), Mode::kWrite, &ledger);
  ledger.clear();
  for (std::uint64_t i = 0; i < kCountedOperations; ++i) {
    counted->set(next_key(), value());
  }
  count_calls(state, ledger, kCountedOperations);
}

void open_store(benchmark::State& state, const Stage& stage) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const std::string& directory = filled_store(stage, count);
  for (auto _ : state) {
    benchmark::DoNotOptimize(open(stage, directory, Mode::kRead));
  }
  Ledger ledger(posix_os(), Ledger::Keep::kTotals);
  const auto store = open(stage, directory, Mode::kRead, &ledger);
  count_calls(state, ledger, 1);
  const Stats stats = store->stats();
  const auto keys = static_cast<double>(count);
  state.counters["index_bytes_per_key"] =
      static_cast<double>(stats.index_bytes) / keys;
  state.counters["disk_bytes_per_user_byte"] =
      static_cast<double>(stats.disk_bytes) /
      (keys * (kKeyBytes + kValueBytes));
}

NextKey sequential_keys(std::uint64_t /*count*/) {
  return [i = std::uint64_t{0}]() mutable { return key_of(i++); };
}

// Multiplying by an odd number permutes the numbers below a power of two.
NextKey random_new_keys(std::uint64_t /*count*/) {
  constexpr std::uint64_t kOdd = 0x9E3779B1;
  return [i = std::uint64_t{0}]() mutable {
    return key_of(i++ * kOdd % (1ULL << 32));
  };
}

NextKey random_keys(std::uint64_t count) {
  return [next = random_below(count)] { return key_of(next()); };
}

NextKey absent_keys(std::uint64_t count) {
  return [next = random_below(count)] { return absent_key(next()); };
}

NextKey newest_key(std::uint64_t count) {
  return [key = key_of(count - 1)] { return key; };
}

NextKey oldest_key(std::uint64_t /*count*/) {
  return [key = key_of(0)] { return key; };
}

NextKey zipfian_keys(std::uint64_t count) {
  return [zipfian = Zipfian(count, kSeed)]() mutable {
    return key_of(zipfian.next());
  };
}

struct Named {
  const char* name;
  NextKey (*keys)(std::uint64_t);
};

constexpr Named kSets[] = {{"set_sequential", sequential_keys},
                           {"set_random", random_new_keys},
                           {"overwrite", random_keys}};
constexpr Named kGets[] = {{"get_hit", random_keys},
                           {"get_miss", absent_keys},
                           {"get_newest", newest_key},
                           {"get_oldest", oldest_key},
                           {"get_zipfian", zipfian_keys}};

}  // namespace

void register_stages(const Plan& plan) {
  for (const Stage* stage : all_stages()) {
    const auto add = [&](const char* workload, const auto& run) {
      return benchmark::RegisterBenchmark(
          (std::string(workload) + "/" + std::string(stage->name)).c_str(),
          run);
    };
    for (const std::int64_t size : plan.sizes()) {
      for (const auto& [name, keys] : kGets) {
        const bool there = keys != absent_keys;
        add(name, [stage, keys = keys, there](benchmark::State& state) {
          get(state, *stage, keys, there);
        })->Arg(size);
      }
      add("open", [stage](benchmark::State& state) {
        open_store(state, *stage);
      })->Arg(size);
    }
    const std::int64_t largest = plan.sizes().back();
    for (const auto& [name, keys] : kSets) {
      const bool overwrites = keys == random_keys;
      add(name, [stage, keys = keys, overwrites](benchmark::State& state) {
        set(state, *stage, keys, overwrites);
      })->Arg(largest);
    }
  }
}

}  // namespace strata::bench
