// What merging costs and gives back, in the stages that merge:
//
//   churn        N keys, then 4 N of them at random once more, in about 32
//                segments, merged by the stage as it sees fit: write
//                amplification, and the disk before and after a last merge
//   merge        merging N keys of which half were written twice, in turn with
//                copying the same files by read and write, made durable too
//   merge_reads  gets while nothing is merged and while all is, in turn: the
//                median and the 99.9th percentile
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/benches.h"
#include "bench/contest.h"
#include "bench/counting_os.h"
#include "bench/temporary.h"
#include "bench/workloads.h"
#include "common/os/file.h"
#include "common/os/posix_os.h"
#include "stages/registry.h"

namespace strata::bench {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kSegments = 32;  // of what is churned
constexpr std::uint64_t kFiles = 8;      // for N keys of what is merged once

// ---- Churn

constexpr std::uint64_t kTimes = 4;

void churn(benchmark::State& state, const Stage& stage) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const TemporaryDirectory directory;
  CountingOs os(posix_os());
  const Opening opening{.mode = Mode::kWrite,
                        .keys = count,
                        .os = &os,
                        .segment_bytes = count * kRecordBytes / kSegments};
  Keys keys = random_keys(count, kTimes * count);
  for (auto _ : state) {
    const auto store = open(stage, directory.path(), opening);
    fill(*store, count);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      store->set(keys.next(), value());
    }
  }
  const auto live_bytes =
      static_cast<double>(count * (kKeyBytes + kValueBytes));
  const auto disk_bytes_per_live_byte = [&] {
    return static_cast<double>(bytes_under(directory.path())) / live_bytes;
  };
  state.counters["write_amplification"] =
      static_cast<double>(os.written()) / (live_bytes * (1 + kTimes));
  state.counters["disk_before"] = disk_bytes_per_live_byte();
  open(stage, directory.path(), opening)->compact();
  state.counters["disk_after"] = disk_bytes_per_live_byte();
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

// The same files under another directory, without copying a byte: a merge
// writes to none of them.
void link_all(const std::string& from, const std::string& to) {
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

void register_merges(std::uint64_t count) {
  using Directories = std::map<const Stage*, TemporaryDirectory>;
  const auto unmerged = std::make_shared<Directories>();
  Contest contest;
  contest.name = "merge";
  contest.size = static_cast<std::int64_t>(count);
  contest.unit = benchmark::kMillisecond;
  contest.prepare = [=] {
    for (const Stage* stage : merging_stages()) {
      write_unmerged(*stage, (*unmerged)[stage].path(), count);
    }
  };
  contest.clean_up = [=] { unmerged->clear(); };
  for (const Stage* stage : merging_stages()) {
    const std::string name(stage->name);
    contest.contestants.push_back(
        {name, [=] {
           const TemporaryDirectory here;
           link_all(unmerged->at(stage).path(), here.path());
           const auto store = open_unmerged(*stage, here.path(), count);
           const double seconds = seconds_of([&] { store->compact(); });
           if (store->stats().dead_bytes != 0) {
             throw std::runtime_error("the merge left dead records");
           }
           return seconds;
         }});
    contest.contestants.push_back({name + "_copied", [=] {
                                     const TemporaryDirectory here;
                                     return seconds_of([&] {
                                       copy_all(unmerged->at(stage).path(),
                                                here.path());
                                     });
                                   }});
  }
  register_contest(std::move(contest));
}

// ---- Reads during a merge

// The time of each of many gets, in nanoseconds.
class Latencies {
 public:
  // Gets until `is_over` says so.
  template <typename IsOver>
  void measure(Store& store, Keys& keys, const IsOver& is_over) {
    using Clock = std::chrono::steady_clock;
    std::string found;
    ns_.clear();
    auto before = Clock::now();
    while (!is_over()) {
      const bool there = store.get(keys.next(), found);
      const auto now = Clock::now();
      ns_.push_back(
          std::chrono::duration<double, std::nano>(now - before).count());
      before = now;
      if (!there) throw std::runtime_error("a key was not found");
    }
    if (ns_.empty()) throw std::runtime_error("no get came in between");
    std::sort(ns_.begin(), ns_.end());
  }

  // The time that a share of the gets did not exceed, in seconds.
  [[nodiscard]] double quantile(double share) const {
    const auto at =
        static_cast<std::size_t>(share * static_cast<double>(ns_.size() - 1));
    return ns_[at] * 1e-9;
  }

  [[nodiscard]] std::size_t size() const { return ns_.size(); }

 private:
  std::vector<double> ns_;
};

// One stage's turn: gets beside a merge, then as many without one.
class ReadsDuringMerge {
 public:
  ReadsDuringMerge(const Stage& stage, std::uint64_t count)
      : stage_(stage), count_(count) {}

  void prepare() {
    directory_ = std::make_unique<TemporaryDirectory>();
    write_unmerged(stage_, directory_->path(), count_);
    keys_ = random_keys(count_);
  }

  void clean_up() {
    directory_.reset();
    keys_ = {};
  }

  void measure() {
    const TemporaryDirectory here;
    link_all(directory_->path(), here.path());
    const auto store = open_unmerged(stage_, here.path(), count_);
    std::string found;
    for (std::uint64_t i = 0; i < count_; i += 16) {
      (void)store->get(key_of(i), found);  // opens every file
    }
    std::atomic<bool> merged = false;
    std::exception_ptr error;
    std::thread merger([&] {
      try {
        store->compact();
      } catch (...) {
        error = std::current_exception();
      }
      merged = true;
    });
    try {
      merging.measure(*store, keys_, [&] { return merged.load(); });
    } catch (...) {
      error = std::current_exception();
    }
    merger.join();
    if (error) std::rethrow_exception(error);
    std::size_t left = merging.size();
    still.measure(*store, keys_, [&] { return left-- == 0; });
  }

  Latencies merging;
  Latencies still;

 private:
  const Stage& stage_;
  std::uint64_t count_;
  std::unique_ptr<TemporaryDirectory> directory_;
  Keys keys_;
};

void register_reads(std::uint64_t count) {
  std::vector<std::shared_ptr<ReadsDuringMerge>> all;
  Contest contest;
  contest.name = "merge_reads";
  contest.size = static_cast<std::int64_t>(count);
  for (const Stage* stage : merging_stages()) {
    const auto reads = std::make_shared<ReadsDuringMerge>(*stage, count);
    all.push_back(reads);
    const auto add = [&](const char* what, auto turn) {
      contest.contestants.push_back({std::string(stage->name) + what, turn});
    };
    add("_p50_merging", [=] {
      reads->measure();
      return reads->merging.quantile(0.5);
    });
    add("_p50", [=] { return reads->still.quantile(0.5); });
    add("_p99.9_merging", [=] { return reads->merging.quantile(0.999); });
    add("_p99.9", [=] { return reads->still.quantile(0.999); });
  }
  contest.prepare = [=] {
    for (const auto& reads : all) reads->prepare();
  };
  contest.clean_up = [=] {
    for (const auto& reads : all) reads->clean_up();
  };
  register_contest(std::move(contest));
}

}  // namespace

void register_merging(const Plan& plan) {
  const std::int64_t count = plan.contest_size();
  for (const Stage* stage : merging_stages()) {
    benchmark::RegisterBenchmark(
        ("churn/" + std::string(stage->name)).c_str(),
        [stage](benchmark::State& state) { churn(state, *stage); })
        ->Arg(count)
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
  }
  register_merges(static_cast<std::uint64_t>(count));
  register_reads(static_cast<std::uint64_t>(count));
}

}  // namespace strata::bench
