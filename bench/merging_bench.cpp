// What merging costs and gives back, in the stages that merge:
//
//   churn        N keys, then 4 N overwrites of them at random, in about 32
//                segments, merged by the stage as it sees fit: the time of
//                these, write amplification, and the disk before and after a
//                last merge
//   merge        merging N keys of which half were written twice, in turn with
//                copying the same files by read and write, made durable too
//   merge_reads  gets while all is merged and, `_still`, while nothing is, in
//                turn: medians and higher quantiles
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/benches.h"
#include "bench/contest.h"
#include "bench/counting_os.h"
#include "bench/interrupt.h"
#include "bench/opening.h"
#include "bench/process_io.h"
#include "bench/quantiles.h"
#include "bench/quiet.h"
#include "bench/temporary.h"
#include "common/os/file.h"
#include "common/os/posix_os.h"

namespace strata::bench {

namespace fs = std::filesystem;

namespace {

// The numbers in the results' names.
std::vector<std::pair<std::string, std::int64_t>> size_of(const Plan& plan) {
  return {{"n", static_cast<std::int64_t>(plan.keys)}, {"value", kValueBytes}};
}

constexpr std::uint64_t kSegments = 32;  // of what is churned
constexpr std::uint64_t kFiles = 8;      // for N keys of what is merged once

// ---- Churn

constexpr std::uint64_t kTimes = 4;

// How many bytes were written, or nothing where nobody counts them.
std::optional<double> bytes_written(const Subject& subject,
                                    const CountingOs& counting,
                                    const IoMeter& meter) {
  if (subject.counted) return static_cast<double>(counting.written());
  const auto io = meter.since();
  if (!io || subject.maps_writes) return std::nullopt;
  return static_cast<double>(io->bytes_written);
}

// @returns the seconds of an overwrite; what is counted is of all that is set.
double churn(const Subject& subject, std::uint64_t count, Counters& counters) {
  const TemporaryDirectory directory;
  CountingOs counting(posix_os());
  const Opening opening{.mode = Mode::kWrite,
                        .keys = count,
                        .os = &counting,
                        .segment_records = count / kSegments};
  Keys keys = random_keys(count, kTimes * count);
  const IoMeter meter;
  auto store = open(*subject.stage, directory.path(), opening);
  fill(*store, count);
  wait_until_quiet();
  const double seconds = seconds_of([&] {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i % 1024 == 0) throw_if_interrupted();
      store->set(keys.next(), next_value());
    }
  });
  wait_until_quiet();
  store.reset();
  const auto live_bytes =
      static_cast<double>(count * (kKeyBytes + kValueBytes));
  if (const auto written = bytes_written(subject, counting, meter)) {
    counters["write_amplification"] = *written / (live_bytes * (1 + kTimes));
  }
  const auto disk_bytes_per_live_byte = [&] {
    return static_cast<double>(bytes_under(directory.path())) / live_bytes;
  };
  counters["disk_before"] = disk_bytes_per_live_byte();
  if (subject.stage->has("compact")) {
    open(*subject.stage, directory.path(), opening)->compact();
    counters["disk_after"] = disk_bytes_per_live_byte();
  }
  return seconds / static_cast<double>(keys.size());
}

// Costs that are counted need one round only.
void register_churn(const Plan& plan) {
  Contest contest;
  contest.name = "churn";
  contest.arguments = size_of(plan);
  contest.rounds = 1;
  contest.seconds_per_turn =
      3e-6 * static_cast<double>(plan.keys) * (1 + kTimes) / 3;
  for (const Subject& subject : plan.subjects) {
    if (subject.kind == Subject::Kind::kLimit || subject.stage->scans) continue;
    const auto counters = std::make_shared<Counters>();
    contest.contestants.push_back(
        {subject.name(), label_of(subject, Sync::kNever),
         [=, keys = plan.keys] { return churn(subject, keys, *counters); },
         [] {}, [=] { return *counters; }});
  }
  register_contest(std::move(contest));
}

// ---- A store to be merged

std::unique_ptr<Store> open_unmerged(const Stage& stage,
                                     const std::string& directory,
                                     std::uint64_t count) {
  return open(stage, directory,
              {.mode = Mode::kWrite,
               .keys = count,
               .segment_records = count / kFiles,
               .merges_by_itself = false});
}

// N keys, half of them written twice. Nothing has been merged.
void write_unmerged(const Stage& stage, const std::string& directory,
                    std::uint64_t count) {
  const auto store = open_unmerged(stage, directory, count);
  fill(*store, count);
  for (std::uint64_t i = 0; i < count; i += 2) {
    store->set(key_of(i), next_value());
  }
}

// The same files under another directory: linked where a merge writes to none
// of them, else copied.
void take_over(const Subject& subject, const std::string& from,
               const std::string& to) {
  if (subject.kind == Subject::Kind::kPeer) return copy_files(from, to);
  for (const auto& file : fs::directory_iterator(from)) {
    fs::create_hard_link(file.path(), to / file.path().filename());
  }
}

// ---- Merging beside copying

// Copies every file in pieces as large as a merge's, and makes them durable.
void copy_all(const std::string& from, const std::string& to) {
  constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
  constexpr const char* kWhy = "copy";
  std::string piece(kPieceBytes, '\0');
  for (const auto& entry : fs::directory_iterator(from)) {
    const std::string name = entry.path().filename();
    const File in = File::open(posix_os(), entry.path(), OpenMode::kRead, kWhy);
    File out = File::open(posix_os(), to + "/" + name, OpenMode::kCreate, kWhy);
    std::uint64_t at = 0;
    for (std::size_t got = 1; got > 0; at += got) {
      got = in.read_at(at, piece.data(), piece.size(), kWhy);
      if (got > 0) out.write_at(at, {piece.data(), got}, kWhy);
    }
    out.sync(kWhy);
  }
}

// One who merges, and a store for it to merge again and again.
class Merging {
 public:
  Merging(const Subject& subject, std::uint64_t keys)
      : subject_(subject), keys_(keys) {}

  // What takes a turn first makes the store.
  [[nodiscard]] const std::string& directory() {
    if (!directory_) {
      directory_ = std::make_unique<TemporaryDirectory>();
      write_unmerged(*subject_.stage, directory_->path(), keys_);
    }
    return directory_->path();
  }

  double merge() {
    const TemporaryDirectory here;
    take_over(subject_, directory(), here.path());
    const auto store = open_unmerged(*subject_.stage, here.path(), keys_);
    const double seconds = seconds_of([&] { store->compact(); });
    if (subject_.kind == Subject::Kind::kStage &&
        store->stats().dead_bytes != 0) {
      throw std::runtime_error("the merge left dead records");
    }
    return seconds;
  }

  double copy() {
    const TemporaryDirectory here;
    const std::string& from = directory();
    return seconds_of([&] { copy_all(from, here.path()); });
  }

  // Takes the store away. @returns no counters
  Counters end() {
    directory_.reset();
    return {};
  }

 private:
  const Subject subject_;
  std::uint64_t keys_;
  std::unique_ptr<TemporaryDirectory> directory_;
};

void register_merges(const Plan& plan) {
  Contest contest;
  contest.name = "merge";
  contest.arguments = size_of(plan);
  contest.rounds = plan.rounds();
  contest.seconds_per_turn = 1e-6 * static_cast<double>(plan.keys);
  contest.unit = benchmark::kMillisecond;
  for (const Subject& subject : plan.subjects) {
    if (!subject.stage->has("compact")) continue;
    const auto merging = std::make_shared<Merging>(subject, plan.keys);
    contest.contestants.push_back({subject.name(),
                                   label_of(subject.kind, subject.merged),
                                   [=] { return merging->merge(); },
                                   {},
                                   [=] { return merging->end(); }});
    if (subject.kind != Subject::Kind::kStage) continue;
    contest.contestants.push_back({subject.name() + "_copied",
                                   "limit, disk",
                                   [=] { return merging->copy(); },
                                   {},
                                   {}});
  }
  register_contest(std::move(contest));
}

// ---- Reads during a merge

// The times of many gets, turn after turn.
class Latencies {
 public:
  // Gets until `is_over` says so, one at least. @returns how many.
  template <typename IsOver>
  std::size_t measure(Store& store, Keys& keys, const IsOver& is_over) {
    using Clock = std::chrono::steady_clock;
    std::string found;
    std::vector<double> ns;
    auto before = Clock::now();
    do {
      const bool there = store.get(keys.next(), found);
      const auto now = Clock::now();
      ns.push_back(
          std::chrono::duration<double, std::nano>(now - before).count());
      before = now;
      if (!there) throw std::runtime_error("a key was not found");
    } while (!is_over());
    std::sort(ns.begin(), ns.end());
    median_ = ns[ns.size() / 2] * 1e-9;
    if (std::exchange(warm_, true)) add_quantiles(ns, turns_.emplace_back());
    return ns.size();
  }

  // @returns the median of the last turn, in seconds.
  [[nodiscard]] double median() const { return median_; }

  // @returns the medians of all turns' quantiles but the first's, of those that
  //   each turn had.
  [[nodiscard]] Counters counters() const {
    Counters middle;
    if (turns_.empty()) return middle;
    for (const auto& [name, of_first] : turns_.front()) {
      std::vector<double> all;
      for (const Counters& turn : turns_) {
        const auto its = turn.find(name);
        if (its != turn.end()) all.push_back(its->second);
      }
      if (all.size() < turns_.size()) continue;
      std::sort(all.begin(), all.end());
      middle[name] = all[all.size() / 2];
    }
    return middle;
  }

 private:
  double median_ = 0;
  bool warm_ = false;
  std::vector<Counters> turns_;
};

// One stage's turns: gets beside a merge, and as many without one. Whichever of
// the two is asked for first in a round measures both.
class ReadsDuringMerge {
 public:
  ReadsDuringMerge(const Stage& stage, std::uint64_t count)
      : stage_(stage), count_(count) {}

  // @returns the median of those beside a merge, in seconds.
  double merging() { return take(merging_, merging_is_new_); }

  // @returns the median of those without one.
  double still() { return take(still_, still_is_new_); }

  // Take the store away. @returns the quantiles of one of them, over all turns.
  Counters end_merging() { return end(merging_); }

  Counters end_still() { return end(still_); }

 private:
  Counters end(const Latencies& latencies) {
    directory_.reset();
    return latencies.counters();
  }

  double take(const Latencies& latencies, bool& is_new) {
    if (!is_new) measure();
    is_new = false;
    return latencies.median();
  }

  void measure() {
    if (!directory_) {
      directory_ = std::make_unique<TemporaryDirectory>();
      write_unmerged(stage_, directory_->path(), count_);
      keys_ = random_keys(count_);
    }
    const TemporaryDirectory here;
    Subject subject;
    subject.stage = &stage_;
    take_over(subject, directory_->path(), here.path());
    const auto store = open_unmerged(stage_, here.path(), count_);
    open_every_file(*store);
    std::size_t left = measure_beside_merge(*store);
    (void)still_.measure(*store, keys_, [&] { return --left == 0; });
    merging_is_new_ = still_is_new_ = true;
  }

  void open_every_file(Store& store) const {
    std::string found;
    for (std::uint64_t i = 0; i < count_; i += 16) {
      (void)store.get(key_of(i), found);
    }
  }

  // @returns how many gets there were.
  std::size_t measure_beside_merge(Store& store) {
    std::atomic<bool> merged = false;
    auto merge = std::async(std::launch::async, [&] {
      const struct Flag {
        std::atomic<bool>& raised;
        ~Flag() { raised = true; }
      } flag{merged};

      store.compact();
    });
    const std::size_t gets =
        merging_.measure(store, keys_, [&] { return merged.load(); });
    merge.get();
    return gets;
  }

  Latencies merging_;
  Latencies still_;
  bool merging_is_new_ = false;
  bool still_is_new_ = false;
  const Stage& stage_;
  std::uint64_t count_;
  std::unique_ptr<TemporaryDirectory> directory_;
  Keys keys_;
};

void register_reads(const Plan& plan) {
  Contest merging;
  merging.name = "merge_reads";
  merging.arguments = size_of(plan);
  merging.rounds = plan.rounds();
  merging.seconds_per_turn = 2e-6 * static_cast<double>(plan.keys);
  for (const Stage* stage : plan.stages("compact")) {
    const auto reads = std::make_shared<ReadsDuringMerge>(*stage, plan.keys);
    merging.contestants.push_back({std::string(stage->name),
                                   "stage, system",
                                   [=] { return reads->merging(); },
                                   {},
                                   [=] { return reads->end_merging(); }});
    merging.contestants.push_back({std::string(stage->name) + "_still",
                                   "variant, system",
                                   [=] { return reads->still(); },
                                   {},
                                   [=] { return reads->end_still(); }});
  }
  register_contest(std::move(merging));
}

}  // namespace

void register_merging(const Plan& plan) {
  register_churn(plan);
  register_merges(plan);
  register_reads(plan);
}

}  // namespace strata::bench
