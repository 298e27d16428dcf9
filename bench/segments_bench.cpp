// What a question costs when there are ever more segments for the same keys:
// a stage with an index for each asks one after the other, and a miss asks
// them all. Where the index is that of a sorted table, it is sparse: it says
// for sure that a key is less than all of the table's; else one block is read.
#include <memory>
#include <stdexcept>
#include <string>

#include "bench/benches.h"
#include "bench/opening.h"
#include "bench/temporary.h"
#include "common/os/posix_os.h"

namespace strata::bench {

namespace {

// A store in so many segments that is asked for what it does not have.
class Misses {
 public:
  Misses(const Stage& stage, std::uint64_t keys, std::uint64_t segments)
      : stage_(stage), keys_(keys), segments_(segments) {}

  void open_store() {
    const std::uint64_t records = (keys_ + segments_ - 1) / segments_;
    fill(*open(stage_, directory_.path(),
               {.mode = Mode::kWrite,
                .keys = keys_,
                .segment_records = records,
                .merges_by_itself = false}),
         keys_);
    ledger_.keep(Ledger::Keep::kNothing);
    store_ = open(stage_, directory_.path(), {.keys = keys_, .os = &ledger_});
    absent_ = absent_keys(keys_);
    (void)turn();
  }

  double turn() {
    constexpr int kGets = 2000;
    return seconds_of([&] { miss(kGets); }) / kGets;
  }

  Counters counters() {
    constexpr int kCounted = 64;
    const std::uint64_t before = store_->index_probes();
    ledger_.keep(Ledger::Keep::kTotals);
    miss(kCounted);
    ledger_.keep(Ledger::Keep::kNothing);
    Counters counters = counters_of(ledger_.totals(), kCounted);
    counters["probes_per_op"] =
        static_cast<double>(store_->index_probes() - before) / kCounted;
    store_.reset();
    return counters;
  }

 private:
  void miss(int times) {
    bool wrong = false;
    for (int i = 0; i < times; ++i)
      wrong |= store_->get(absent_.next(), found_);
    if (wrong) throw std::runtime_error("a key was found that is not there");
  }

  const Stage& stage_;
  std::uint64_t keys_;
  std::uint64_t segments_;
  TemporaryDirectory directory_;
  Ledger ledger_{posix_os(), Ledger::Keep::kTotals};
  std::unique_ptr<Store> store_;
  Keys absent_;
  std::string found_;
};

}  // namespace

void register_segments(const Plan& plan) {
  const std::uint64_t keys = plan.keys / 10;
  for (const std::int64_t segments : {1, 4, 16, 64, 256}) {
    if (plan.quick && segments > 16) break;
    Contest contest;
    contest.name = "miss_in_segments";
    contest.arguments = {{"n", static_cast<std::int64_t>(keys)},
                         {"segments", segments}};
    contest.rounds = plan.rounds();
    for (const Stage* stage : plan.stages("--segment-bytes")) {
      const auto misses = std::make_shared<std::unique_ptr<Misses>>();
      contest.contestants.push_back(
          {std::string(stage->name), "stage, system",
           [=] { return (*misses)->turn(); },
           [=] {
             *misses = std::make_unique<Misses>(
                 *stage, keys, static_cast<std::uint64_t>(segments));
             (*misses)->open_store();
           },
           [=] {
             const Counters counters = (*misses)->counters();
             misses->reset();
             return counters;
           }});
    }
    register_contest(std::move(contest));
  }
}

}  // namespace strata::bench
