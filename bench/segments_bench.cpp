// What a question costs when there are ever more segments for the same keys:
// a stage with a keydir for each asks one after the other, and a miss asks
// them all. N is the number of segments.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "bench/benches.h"
#include "bench/temporary.h"
#include "bench/workloads.h"
#include "common/os/posix_os.h"
#include "stages/registry.h"

namespace strata::bench {

namespace {

constexpr std::uint64_t kCounted = 64;

void miss(benchmark::State& state, const Stage& stage, std::uint64_t keys) {
  const auto segments = static_cast<std::uint64_t>(state.range(0));
  const TemporaryDirectory directory;
  const std::uint64_t records = (keys + segments - 1) / segments;
  fill(*open(stage, directory.path(),
             {.mode = Mode::kWrite,
              .keys = keys,
              .segment_bytes = records * kRecordBytes,
              .merges_by_itself = false}),
       keys);
  Ledger ledger(posix_os(), Ledger::Keep::kTotals);
  const auto store =
      open(stage, directory.path(), {.keys = keys, .os = &ledger});
  const auto plain = open(stage, directory.path(), {.keys = keys});
  Keys absent = absent_keys(keys);
  std::string found;
  bool wrong = false;
  for (auto _ : state) wrong |= plain->get(absent.next(), found);
  ledger.clear();
  const std::uint64_t before = store->index_probes();
  for (std::uint64_t i = 0; i < kCounted; ++i) {
    wrong |= store->get(absent.next(), found);
  }
  if (wrong) state.SkipWithError("a key was found that is not there");
  add_counters(state, ledger, kCounted);
  state.counters["probes_per_op"] =
      static_cast<double>(store->index_probes() - before) /
      static_cast<double>(kCounted);
}

}  // namespace

void register_segments(const Plan& plan) {
  const std::uint64_t keys = plan.quick ? 4'096 : 102'400;
  for (const Stage* stage : all_stages()) {
    if (!stage->has("--segment-bytes")) continue;
    auto* one = benchmark::RegisterBenchmark(
        ("miss_in_segments/" + std::string(stage->name)).c_str(),
        [stage, keys](benchmark::State& state) { miss(state, *stage, keys); });
    for (const std::int64_t segments : {1, 4, 16, 64, 256}) {
      if (!plan.quick || segments <= 16) one->Arg(segments);
    }
  }
}

}  // namespace strata::bench
