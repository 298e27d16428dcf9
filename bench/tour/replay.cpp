#include "bench/tour/replay.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string_view>
#include <unordered_set>

#include "bench/counting_os.h"
#include "bench/interrupt.h"
#include "bench/temporary.h"
#include "common/cli/progress.h"
#include "common/os/posix_os.h"
#include "common/record/escape.h"

namespace strata::tour {

namespace {

constexpr int kPointsPerDoubling = 4;
constexpr int kPoints = 24;
constexpr int kMissDoublings = 4;  // misses from 1/16 of the history on
constexpr std::size_t kQuestions = 1000;
constexpr std::uint64_t kSeed = 20170316;  // the questions are the same ever
constexpr Patience kPatience;
constexpr Patience kPatienceOnTheWay{.questions = 200,
                                     .budget_ns = 200'000'000};

std::uint64_t fraction(std::uint64_t operations, double doublings_before_end) {
  return static_cast<std::uint64_t>(std::ceil(
      static_cast<double>(operations) * std::exp2(-doublings_before_end)));
}

std::vector<std::uint64_t> miss_points(std::uint64_t operations) {
  std::vector<std::uint64_t> points;
  for (int i = 0; i <= kMissDoublings; ++i) {
    points.push_back(fraction(operations, i));
  }
  return points;
}

// A stage at work on a history.
class Runner {
 public:
  Runner(const Stage& stage, const History& history, std::string directory);

  Run run();

 private:
  void write_everything();
  void write(const Operation& operation);
  [[nodiscard]] bool asks_misses_at(std::uint64_t operations) const;
  void measure_growth(std::uint64_t operations);
  void merge_everything();
  void open_for_reading();
  void ask_everything();
  [[nodiscard]] std::uint64_t probes_of_miss(Store& store) const;
  [[nodiscard]] Question question_about(std::size_t key) const;
  [[nodiscard]] std::vector<Question> missing_keys() const;
  [[nodiscard]] std::vector<Question> random_keys(
      const std::vector<std::size_t>& live) const;

  const Stage& stage_;
  const History& history_;
  const bool deletes_;
  const std::vector<Fate> fates_;
  const std::vector<std::uint64_t> miss_points_;
  std::vector<std::string> keys_;  // as this stage holds them
  std::vector<Question> missing_;
  bench::CountingOs counting_{posix_os()};
  Ledger ledger_{counting_, Ledger::Keep::kTotals};
  Options options_;
  std::unique_ptr<Store> store_;
  Run run_;
};

Runner::Runner(const Stage& stage, const History& history,
               std::string directory)
    : stage_(stage),
      history_(history),
      deletes_(stage.has("del")),
      fates_(history.fates()),
      miss_points_(miss_points(history.operations.size())) {
  options_.directory = std::move(directory);
  options_.os = &ledger_;
  run_.stage = &stage;
  if (stage.has("--segment-bytes")) {
    run_.segment_bytes = segment_bytes_for(history);
    options_.numbers["--segment-bytes"] = run_.segment_bytes;
  }
  keys_.reserve(history.keys.size());
  for (const std::string& key : history.keys) {
    keys_.push_back(key_in(stage.limits, key));
    if (keys_.back() != key) ++run_.rewritten_keys;
  }
  missing_ = missing_keys();
}

Run Runner::run() {
  write_everything();
  if (stage_.has("compact")) {
    (void)check_end_state(*store_, stage_, history_, keys_);
    merge_everything();
  }
  store_.reset();
  run_.written = counting_.written();
  open_for_reading();
  run_.ghosts = check_end_state(*store_, stage_, history_, keys_);
  ask_everything();
  return std::move(run_);
}

void Runner::write_everything() {
  options_.mode = Mode::kWrite;
  store_ = stage_.open(options_);
  Progress progress(stage_.name);
  Totals sum;
  std::uint64_t ns = 0;
  std::uint64_t done = 0;
  for (const std::uint64_t point : growth_points(history_.operations.size())) {
    while (done < point) {
      constexpr std::uint64_t kBetweenReports = 256;
      const std::uint64_t end = std::min(point, done + kBetweenReports);
      ledger_.clear();
      const std::uint64_t start = ledger_.ticks_ns();
      for (; done < end; ++done) write(history_.operations[done]);
      // Who is asked next reads files; what is only buffered it cannot see.
      if (done == point && asks_misses_at(point)) store_->flush();
      ns += ledger_.ticks_ns() - start;
      const Totals totals = ledger_.totals();
      sum.reads.calls += totals.reads.calls;
      sum.reads.bytes += totals.reads.bytes;
      sum.writes.calls += totals.writes.calls;
      sum.writes.bytes += totals.writes.bytes;
      progress.update(done, history_.operations.size());
    }
    measure_growth(point);
  }
  run_.write = cost_of(sum, run_.writes);
  run_.write.ns = static_cast<double>(ns) /
                  static_cast<double>(std::max<std::uint64_t>(1, run_.writes));
}

void Runner::write(const Operation& operation) {
  bench::throw_if_interrupted();
  const std::string& key = keys_[operation.key];
  if (operation.deletes && !deletes_) {
    ++run_.skipped_deletes;
    return;
  }
  if (operation.deletes) {
    store_->del(key);
  } else {
    store_->set(key, operation.value);
  }
  ++run_.writes;
  run_.user_bytes += key.size() + operation.value.size();
}

bool Runner::asks_misses_at(std::uint64_t operations) const {
  return std::find(miss_points_.begin(), miss_points_.end(), operations) !=
         miss_points_.end();
}

void Runner::measure_growth(std::uint64_t operations) {
  Growth growth;
  growth.operations = operations;
  growth.disk_bytes = bench::bytes_under(options_.directory);
  if (asks_misses_at(operations)) {
    // Through a store of its own: what a merge reads meanwhile is not in it.
    Ledger ledger(posix_os(), Ledger::Keep::kTotals);
    Options options = options_;
    options.mode = Mode::kRead;
    options.os = &ledger;
    const auto store = stage_.open(options);
    growth.miss = ask(*store, ledger, missing_, kPatienceOnTheWay);
    growth.miss_probes = probes_of_miss(*store);
  }
  run_.growth.push_back(growth);
}

std::uint64_t Runner::probes_of_miss(Store& store) const {
  std::string value;
  const std::uint64_t before = store.index_probes();
  (void)store.get(missing_.front().key, value);
  return store.index_probes() - before;
}

// Opened anew first, so that no merge goes on while it is measured.
void Runner::merge_everything() {
  store_.reset();
  Merging merging;
  merging.bytes_before = bench::bytes_under(options_.directory);
  store_ = stage_.open(options_);
  merging.probes_before = probes_of_miss(*store_);
  merging.files_before = store_->file_stats().size();
  const std::uint64_t written = counting_.written();
  const std::uint64_t start = ledger_.ticks_ns();
  bench::throw_if_interrupted();
  store_->compact();
  merging.ns = static_cast<double>(ledger_.ticks_ns() - start);
  merging.written = counting_.written() - written;
  merging.files_after = store_->file_stats().size();
  store_.reset();
  merging.bytes_after = bench::bytes_under(options_.directory);
  run_.merging = merging;
}

void Runner::open_for_reading() {
  constexpr std::size_t kMost = 5;
  options_.mode = Mode::kRead;
  std::vector<std::uint64_t> times;
  std::uint64_t sum = 0;
  while (times.size() < kMost && sum < kPatience.budget_ns) {
    bench::throw_if_interrupted();
    store_.reset();
    ledger_.clear();
    const std::uint64_t start = ledger_.ticks_ns();
    store_ = stage_.open(options_);
    times.push_back(ledger_.ticks_ns() - start);
    sum += times.back();
  }
  run_.open = cost_of(ledger_.totals(), 1);
  std::sort(times.begin(), times.end());
  run_.open.ns = static_cast<double>(times[times.size() / 2]);
  run_.stats = store_->stats();
}

Question Runner::question_about(std::size_t key) const {
  return {keys_[key], history_.operations[fates_[key].written].value, true};
}

std::vector<Question> Runner::missing_keys() const {
  static constexpr std::string_view kName = "no-such-key/";
  const std::unordered_set<std::string_view> known(keys_.begin(), keys_.end());
  std::vector<Question> questions;
  for (std::size_t i = 0; questions.size() < kQuestions; ++i) {
    const std::string key = std::string(kName) + std::to_string(i);
    if (!known.contains(key)) questions.push_back({key, "", false});
  }
  return questions;
}

std::vector<Question> Runner::random_keys(
    const std::vector<std::size_t>& live) const {
  std::mt19937_64 random(kSeed);
  std::vector<Question> questions;
  while (!live.empty() && questions.size() < kQuestions) {
    questions.push_back(question_about(live[random() % live.size()]));
  }
  return questions;
}

void Runner::ask_everything() {
  std::vector<std::size_t> live;
  for (std::size_t i = 0; i < fates_.size(); ++i) {
    if (fates_[i].live) live.push_back(i);
  }
  std::vector<Question> oldest;
  std::vector<Question> newest;
  const auto older = [&](std::size_t a, std::size_t b) {
    return fates_[a].written < fates_[b].written;
  };
  const auto [first, last] =
      std::minmax_element(live.begin(), live.end(), older);
  if (!live.empty()) {
    oldest.push_back(question_about(*first));
    newest.push_back(question_about(*last));
  }
  Progress progress(std::string(stage_.name) + " is asked");
  progress.update(0, 4);
  run_.newest = ask(*store_, ledger_, newest, kPatience);
  progress.update(1, 4);
  run_.oldest = ask(*store_, ledger_, oldest, kPatience);
  progress.update(2, 4);
  run_.missing = ask(*store_, ledger_, missing_, kPatience);
  run_.miss_probes = probes_of_miss(*store_);
  progress.update(3, 4);
  run_.random = ask(*store_, ledger_, random_keys(live), kPatience);
}

}  // namespace

std::string key_in(const Limits& limits, const std::string& key) {
  const std::string_view forbids = limits.key_forbids;
  // A backslash too, so that no other key is written like an escaped one.
  if (forbids.empty() ||
      (key.find_first_of(forbids) == key.npos && key.find('\\') == key.npos)) {
    return key;
  }
  std::string written;
  for (const char c : escaped(key)) {
    if (forbids.find(c) == forbids.npos) {
      written += c;
    } else {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      written += "\\x";
      written += kDigits[byte >> 4];
      written += kDigits[byte & 15];
    }
  }
  return written;
}

std::vector<std::uint64_t> growth_points(std::uint64_t operations) {
  std::vector<std::uint64_t> points;
  for (int i = kPoints - 1; i >= 0; --i) {
    const auto point =
        fraction(operations, static_cast<double>(i) / kPointsPerDoubling);
    if (points.empty() || points.back() < point) points.push_back(point);
  }
  return points;
}

std::uint64_t segment_bytes_for(const History& history) {
  constexpr std::uint64_t kSegments = 32;
  constexpr std::uint64_t kLeast = 1024;
  std::uint64_t bytes = 0;
  for (const Operation& operation : history.operations) {
    bytes += history.keys[operation.key].size() + operation.value.size();
  }
  return std::max(kLeast, bytes / kSegments);
}

Run replay(const Stage& stage, const History& history,
           const std::string& directory) {
  return Runner(stage, history, directory).run();
}

}  // namespace strata::tour
