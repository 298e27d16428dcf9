// What merging costs and gives back, in the stages that merge:
//
//   churn        N keys, then 4 N of them at random once more, in about 32
//                segments, merged by the stage as it sees fit: write
//                amplification, and the disk before and after a last merge
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
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/benches.h"
#include "bench/contest.h"
#include "bench/interrupt.h"
#include "bench/opening.h"
#include "bench/process_io.h"
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

double churn(const Subject& subject, std::uint64_t count, Counters& counters) {
  const TemporaryDirectory directory;
  Ledger ledger(posix_os(), Ledger::Keep::kTotals);
  const Opening opening{.mode = Mode::kWrite,
                        .keys = count,
                        .os = &ledger,
                        .segment_bytes = count * kRecordBytes / kSegments};
  Keys keys = random_keys(count, kTimes * count);
  const IoMeter meter;
  const double seconds = seconds_of([&] {
    const auto store = open(*subject.stage, directory.path(), opening);
    fill(*store, count);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i % 1024 == 0) throw_if_interrupted();
      store->set(keys.next(), value());
    }
  });
  const auto live_bytes =
      static_cast<double>(count * (kKeyBytes + kValueBytes));
  const auto disk_bytes_per_live_byte = [&] {
    return static_cast<double>(bytes_under(directory.path())) / live_bytes;
  };
  const auto io = meter.since();
  const auto set_bytes = live_bytes * (1 + kTimes);
  if (subject.counted) {
    counters["write_amplification"] =
        static_cast<double>(ledger.totals().writes.bytes) / set_bytes;
  } else if (io && !subject.mapped) {
    counters["write_amplification"] =
        static_cast<double>(io->bytes_written) / set_bytes;
  }
  counters["disk_before"] = disk_bytes_per_live_byte();
  if (subject.stage->has("compact")) {
    open(*subject.stage, directory.path(), opening)->compact();
    counters["disk_after"] = disk_bytes_per_live_byte();
  }
  return seconds / static_cast<double>(count * (1 + kTimes));
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
               .segment_bytes = count * kRecordBytes / kFiles,
               .merges_by_itself = false});
}

// N keys, half of them written twice. Nothing has been merged.
void write_unmerged(const Stage& stage, const std::string& directory,
                    std::uint64_t count) {
  const auto store = open_unmerged(stage, directory, count);
  fill(*store, count);
  for (std::uint64_t i = 0; i < count; i += 2) store->set(key_of(i), value());
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
                                   label_of(subject, Sync::kNever),
                                   [=] { return merging->merge(); },
                                   {},
                                   {}});
    if (subject.kind != Subject::Kind::kStage) continue;
    contest.contestants.push_back({subject.name() + "_copied",
                                   "limit, system",
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
  // Gets until `is_over` says so.
  template <typename IsOver>
  void measure(Store& store, Keys& keys, const IsOver& is_over) {
    using Clock = std::chrono::steady_clock;
    std::string found;
    std::vector<double> ns;
    auto before = Clock::now();
    while (!is_over()) {
      const bool there = store.get(keys.next(), found);
      const auto now = Clock::now();
      ns.push_back(
          std::chrono::duration<double, std::nano>(now - before).count());
      before = now;
      if (!there) throw std::runtime_error("a key was not found");
    }
    if (ns.empty()) throw std::runtime_error("no get came in between");
    std::sort(ns.begin(), ns.end());
    turns_.push_back(std::move(ns));
  }

  // The time that a share of the last turn's gets did not exceed, in seconds.
  [[nodiscard]] double quantile(double share) const {
    if (turns_.empty())
      throw std::runtime_error("measured beside a merge only");
    return quantile_of(turns_.back(), share) * 1e-9;
  }

  // The median of all turns' quantiles but the first's, in nanoseconds.
  [[nodiscard]] double middle(double share) const {
    std::vector<double> quantiles;
    for (std::size_t i = 1; i < turns_.size(); ++i) {
      quantiles.push_back(quantile_of(turns_[i], share));
    }
    std::sort(quantiles.begin(), quantiles.end());
    return quantiles.at(quantiles.size() / 2);
  }

  // How many gets the last turn had.
  [[nodiscard]] std::size_t size() const { return turns_.back().size(); }

 private:
  static double quantile_of(const std::vector<double>& ns, double share) {
    return ns[static_cast<std::size_t>(share *
                                       static_cast<double>(ns.size() - 1))];
  }

  std::vector<std::vector<double>> turns_;
};

// One stage's turn: gets beside a merge, then as many without one.
class ReadsDuringMerge {
 public:
  ReadsDuringMerge(const Stage& stage, std::uint64_t count)
      : stage_(stage), count_(count) {}

  // @returns the median of those beside a merge, in seconds.
  double measure() {
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
    measure_beside_merge(*store);
    std::size_t left = merging_.size();
    still_.measure(*store, keys_, [&] { return left-- == 0; });
    return merging_.quantile(0.5);
  }

  // @returns the median of those without one.
  [[nodiscard]] double still() const { return still_.quantile(0.5); }

  // @returns the quantiles of one of them, over all turns.
  [[nodiscard]] static Counters counters(const Latencies& latencies) {
    return {{"p50_ns", latencies.middle(0.5)},
            {"p99_ns", latencies.middle(0.99)},
            {"p999_ns", latencies.middle(0.999)}};
  }

  [[nodiscard]] Counters merging_counters() const { return counters(merging_); }

  [[nodiscard]] Counters still_counters() const { return counters(still_); }

 private:
  void open_every_file(Store& store) const {
    std::string found;
    for (std::uint64_t i = 0; i < count_; i += 16) {
      (void)store.get(key_of(i), found);
    }
  }

  void measure_beside_merge(Store& store) {
    std::atomic<bool> merged = false;
    auto merge = std::async(std::launch::async, [&] {
      const struct Flag {
        std::atomic<bool>& raised;
        ~Flag() { raised = true; }
      } flag{merged};

      store.compact();
    });
    merging_.measure(store, keys_, [&] { return merged.load(); });
    merge.get();
  }

  Latencies merging_;
  Latencies still_;
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
                                   [=] { return reads->measure(); },
                                   {},
                                   [=] { return reads->merging_counters(); }});
    merging.contestants.push_back({std::string(stage->name) + "_still",
                                   "variant, system",
                                   [=] { return reads->still(); },
                                   {},
                                   [=] { return reads->still_counters(); }});
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
