// The workloads, each over every stage of the registry, over the limit
// (limit_store.h), and over N keys of 16 bytes with values of 100 bytes:
//
//   set_sequential   N new keys, ascending, into an empty store
//   set_random       N new keys in random order, into an empty store
//   overwrite        N keys that are there, at random, in a store of N
//   get_hit          keys that are there, at random
//   get_miss         keys that are not there, but between others that are
//   get_newest       the key written last
//   get_oldest       the key written first
//   get_zipfian      keys that are there, few of them often
//   open             opening the store for reading: what starting up costs.
//                    Also the memory per key that the stage tells of and that
//                    the heap really grows by, and the bytes on disk per byte
//                    of keys and values
//
// Elsewhere are, each in turn with what it is to be compared with:
//
//   limit_set, limit_get   set_random and get_hit beside the limit
//   readers                get_hit from one thread and from two
//   start                  opening from hints and without, beside the limit
//   merge                  a merge beside copying the same files
//   merge_reads            gets during a merge beside gets without one
//   whole_file             a miss in one large log beside grep
//
// and not in turn, since what counts is not the time:
//
//   miss_in_segments       a miss in ever more segments: keydirs asked
//   churn                  overwriting again and again: write amplification,
//                          bytes on disk before and after a merge
//
// Time is taken without the ledger. Then some operations are done through it,
// and each result carries what one of them cost in calls and bytes.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <memory>
#include <string>

#include "bench/benches.h"
#include "bench/limit_store.h"
#include "bench/temporary.h"
#include "bench/workloads.h"
#include "common/os/posix_os.h"
#include "stages/registry.h"

namespace strata::bench {

namespace {

struct Workload {
  const char* name;
  Keys (*keys)(std::uint64_t count);
  bool there;  // whether the keys are in the store before
};

constexpr Workload kSets[] = {{"set_sequential", sequential_keys, false},
                              {"set_random", shuffled_keys, false},
                              {"overwrite", random_keys, true}};
constexpr Workload kGets[] = {{"get_hit", random_keys, true},
                              {"get_miss", absent_keys, false},
                              {"get_newest", newest_key, true},
                              {"get_oldest", oldest_key, true},
                              {"get_zipfian", zipfian_keys, true}};

constexpr std::uint64_t kCounted = 64;  // operations through the ledger

// A store of N keys, open for reading twice: plainly, and through a ledger.
struct Filled {
  Filled(const Stage& of, std::uint64_t keys) : stage(&of), count(keys) {
    fill(*open(of, directory.path(), Mode::kWrite, keys), keys);
    plain = open(of, directory.path(), Mode::kRead, keys);
    counted = open(of, directory.path(), Mode::kRead, keys, &ledger);
  }

  const Stage* stage;
  std::uint64_t count;
  TemporaryDirectory directory;
  Ledger ledger{posix_os(), Ledger::Keep::kTotals};
  std::unique_ptr<Store> plain;
  std::unique_ptr<Store> counted;
};

// The last one is kept, since most benchmarks want the one before's.
Filled& filled_store(const Stage& stage, std::uint64_t count) {
  static std::unique_ptr<Filled> kept;
  if (!kept || kept->stage != &stage || kept->count != count) {
    kept.reset();
    kept = std::make_unique<Filled>(stage, count);
  }
  return *kept;
}

std::uint64_t count_of(const benchmark::State& state) {
  return static_cast<std::uint64_t>(state.range(0));
}

void get(benchmark::State& state, const Stage& stage,
         const Workload& workload) {
  Filled& filled = filled_store(stage, count_of(state));
  Keys keys = workload.keys(filled.count);
  std::string found;
  bool right = true;
  for (auto _ : state) {
    right &= filled.plain->get(keys.next(), found) == workload.there;
  }
  filled.ledger.clear();
  const std::uint64_t operations = stage.scans ? 8 : kCounted;
  for (std::uint64_t i = 0; i < operations; ++i) {
    right &= filled.counted->get(keys.next(), found) == workload.there;
  }
  if (!right) state.SkipWithError("a get gave a wrong answer");
  add_counters(state, filled.ledger, operations);
}

// Sets what the key order tells, `state.max_iterations` being its length.
void set(benchmark::State& state, const Stage& stage,
         const Workload& workload) {
  const std::uint64_t count = count_of(state);
  const TemporaryDirectory directory;
  Keys keys = workload.keys(workload.there ? count : count + kCounted);
  const auto open_on = [&](Os& os) {
    return open(stage, directory.path(), Mode::kWrite, count + kCounted, &os);
  };
  {
    const auto store = open_on(posix_os());
    if (workload.there) fill(*store, count);
    for (auto _ : state) store->set(keys.next(), value());
  }
  Ledger ledger(posix_os(), Ledger::Keep::kTotals);
  const auto counted = open_on(ledger);
  ledger.clear();
  for (std::uint64_t i = 0; i < kCounted; ++i) {
    counted->set(keys.next(), value());
  }
  add_counters(state, ledger, kCounted);
}

// Bytes that are in use on the heap.
double heap_bytes() {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  const struct mallinfo2 heap = ::mallinfo2();
  return static_cast<double>(heap.uordblks) + static_cast<double>(heap.hblkhd);
#else
  return 0;
#endif
}

void open_store(benchmark::State& state, const Stage& stage) {
  Filled& filled = filled_store(stage, count_of(state));
  const auto open_on = [&](Os& os) {
    return open(stage, filled.directory.path(), Mode::kRead, filled.count, &os);
  };
  for (auto _ : state) benchmark::DoNotOptimize(open_on(posix_os()));
  Ledger ledger(posix_os(), Ledger::Keep::kTotals);
  const double before = heap_bytes();
  const auto store = open_on(ledger);
  const double grown = heap_bytes() - before;
  add_counters(state, ledger, 1);
  const Stats stats = store->stats();
  const auto keys = static_cast<double>(filled.count);
  state.counters["index_bytes_per_key"] =
      static_cast<double>(stats.index_bytes) / keys;
  if (before > 0) state.counters["heap_bytes_per_key"] = grown / keys;
  state.counters["disk_bytes_per_user_byte"] =
      static_cast<double>(stats.disk_bytes) /
      (keys * (kKeyBytes + kValueBytes));
}

void register_sets(const Stage& stage, const Plan& plan) {
  for (const Workload& workload : kSets) {
    for (const std::int64_t size : plan.sizes(false)) {
      if (size < plan.contest_size() / 100) continue;  // over too soon
      benchmark::RegisterBenchmark(
          (workload.name + ("/" + std::string(stage.name))).c_str(),
          [&stage, &workload](benchmark::State& state) {
            set(state, stage, workload);
          })
          ->Arg(size)
          ->Iterations(size);
    }
  }
}

void register_gets(const Stage& stage, const Plan& plan) {
  for (const std::int64_t size : plan.sizes(stage.scans)) {
    for (const Workload& workload : kGets) {
      benchmark::RegisterBenchmark(
          (workload.name + ("/" + std::string(stage.name))).c_str(),
          [&stage, &workload](benchmark::State& state) {
            get(state, stage, workload);
          })
          ->Arg(size);
    }
    if (&stage == &limit_stage()) continue;
    benchmark::RegisterBenchmark(
        ("open/" + std::string(stage.name)).c_str(),
        [&stage](benchmark::State& state) { open_store(state, stage); })
        ->Arg(size);
  }
}

}  // namespace

void add_counters(benchmark::State& state, const Ledger& ledger,
                  std::uint64_t operations) {
  const Totals totals = ledger.totals();
  const auto add = [&](const char* name, std::uint64_t number) {
    state.counters[name] =
        static_cast<double>(number) / static_cast<double>(operations);
  };
  add("reads_per_op", totals.reads.calls);
  add("bytes_read_per_op", totals.reads.bytes);
  add("writes_per_op", totals.writes.calls);
  add("bytes_written_per_op", totals.writes.bytes);
  add("syncs_per_op", totals.syncs.calls);
}

void register_stages(const Plan& plan) {
  std::vector<const Stage*> subjects = all_stages();
  subjects.push_back(&limit_stage());
  for (const Stage* stage : subjects) {
    register_gets(*stage, plan);
    register_sets(*stage, plan);
  }
}

}  // namespace strata::bench
