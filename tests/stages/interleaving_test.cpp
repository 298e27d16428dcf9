// What happens right before each system call of a merge: every action at every
// call, and every two actions at every two calls. The stage is asked to stop
// there by the seam, not by luck: the merging thread makes its Nth call only
// once another thread has done what it was to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/watched_os.h"
#include "stages/07_bitcask/store.h"
#include "tests/faults/scenario.h"
#include "tests/support.h"

namespace strata {
namespace {

using faults::Model;
using faults::Setting;

// Calls a function right before each system call of one thread.
class StoppingOs : public WatchedOs {
 public:
  using Before = std::function<void(int nth, std::string_view why)>;

  explicit StoppingOs(Os& os) : WatchedOs(os) {
    before = [this](const Coming& coming) {
      if (watched_ == std::this_thread::get_id()) stop_(++calls_, coming.why);
      return 0;
    };
  }

  // From now on this thread's calls are counted, from 1.
  void watch_this_thread(Before stop) {
    calls_ = 0;
    stop_ = std::move(stop);
    watched_ = std::this_thread::get_id();
  }

  // @returns how many calls there were.
  int end_watch() {
    watched_ = std::thread::id();
    return calls_;
  }

 private:
  std::atomic<std::thread::id> watched_;
  Before stop_;
  int calls_ = 0;
};

// A scan in a thread of its own that stops at its first pair.
class HalfAScan {
 public:
  explicit HalfAScan(Store& store)
      : seen_(std::async(std::launch::async, [this, &store] {
          Model seen;
          store.scan("", "", [&](std::string_view key, std::string_view value) {
            if (seen.empty()) wait_at_first();
            seen.emplace(key, value);
          });
          return seen;
        })) {
    std::unique_lock hold(mutex_);
    changed_.wait(hold, [this] { return begun_; });
  }

  HalfAScan(const HalfAScan&) = delete;
  HalfAScan& operator=(const HalfAScan&) = delete;

  ~HalfAScan() { let_go(); }

  // @returns all that it saw.
  Model rest() {
    let_go();
    return seen_.get();
  }

 private:
  void wait_at_first() {
    std::unique_lock hold(mutex_);
    begun_ = true;
    changed_.notify_all();
    changed_.wait(hold, [this] { return may_end_; });
  }

  void let_go() {
    const std::scoped_lock hold(mutex_);
    may_end_ = true;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool begun_ = false;
  bool may_end_ = false;
  std::future<Model> seen_;  // last: its end is waited for first
};

enum class Action : std::uint8_t {
  kOverwrite,
  kDeleteThat,  // which kOverwrite wrote
  kDelete,
  kPutThatBack,  // which kDelete deleted
  kPutNew,
  kPutBack,  // which is deleted when the merge begins
  kRollOver,
  kGetAll,
  kScanAll,
  kBeginScan,
  kEndScan,
  kEndIterator,  // where there are iterators
};

constexpr const char* kNames[] = {
    "overwrites a key", "deletes that key", "deletes a key",
    "puts that back",   "puts a new key",   "puts a deleted key back",
    "rolls over",       "gets all",         "scans all",
    "begins a scan",    "ends a scan",      "ends an iterator"};

const char* name_of(Action action) {
  return kNames[static_cast<std::size_t>(action)];
}

bool only_reads(Action action) {
  return action >= Action::kGetAll;
}

// A small store that is merged while other things are done to it.
class Merged {
 public:
  Merged(const Setting& setting, Sync sync)
      : setting_(setting),
        sync_(sync),
        store_(faults::open(setting, os_, Mode::kWrite, sync)) {
    for (const char* key : {"a", "b", "c", "d", "gone", "e"}) set(key, "1");
    for (const char* key : {"a", "e", "f"}) set(key, "2");
    del("gone");
    del("f");
    set("d", "");
  }

  // Begins what `action` is to end; it keeps the merge from deleting its inputs
  // for so long.
  void prepare(Action action) {
    if (action == Action::kEndScan) begin_scan();
    auto* bitcask = dynamic_cast<Bitcask*>(store_.get());
    if (action == Action::kEndIterator && bitcask != nullptr) {
      iterator_.emplace(bitcask->iterator());
      at_begin_ = model_;
    }
  }

  // Merges, with `before` called right before each call.
  // @returns how many calls there were
  int merge(const StoppingOs::Before& before) {
    os_.watch_this_thread(before);
    store_->compact();
    return os_.end_watch();
  }

  void act(Action action) {
    switch (action) {
      case Action::kOverwrite:
        return set("a", "new");
      case Action::kDeleteThat:
        return del("a");
      case Action::kDelete:
        return del("c");
      case Action::kPutThatBack:
        return set("c", "new");
      case Action::kPutNew:
        return set("n", "new");
      case Action::kPutBack:
        return set("gone", "back");
      case Action::kRollOver:
        return roll_over();
      case Action::kGetAll:
        return expect_gets();
      case Action::kScanAll:
        return expect_scan();
      case Action::kBeginScan:
        return begin_scan();
      case Action::kEndScan:
        return end_scan();
      case Action::kEndIterator:
        return end_iterator();
    }
  }

  // All that was acknowledged is there, now and after a kill.
  void expect_model_on_disk() {
    MemoryOs left(disk_.image());
    EXPECT_EQ(contents(*faults::open(setting_, left, Mode::kRead)), model_);
  }

  // All is there, also for other processes and after reopening, and it can be
  // merged again.
  void expect_model() {
    end_scan();
    end_iterator();
    expect_scan();
    expect_gets();
    EXPECT_EQ(store_->stats().keys, model_.size());
    EXPECT_EQ(contents(*faults::open(setting_, disk_, Mode::kRead)), model_);
    expect_model_on_disk();
    for (int merges = 0; merges < 2; ++merges) {
      store_.reset();
      store_ = faults::open(setting_, os_, Mode::kWrite, sync_);
      expect_scan();
      store_->compact();
      expect_scan();
      EXPECT_EQ(store_->stats().dead_bytes, 0U) << "the account is wrong";
    }
  }

 private:
  void set(const std::string& key, const std::string& value) {
    store_->set(key, value);
    model_[key] = value;
  }

  void del(const std::string& key) {
    store_->del(key);
    model_.erase(key);
  }

  void roll_over() {
    for (const char* value : {"3", "4", "5", "6", "7"}) set("r", value);
    del("b");
  }

  void expect_gets() {
    for (const char* key : {"a", "b", "c", "d", "e", "f", "gone", "n", "r"}) {
      EXPECT_EQ(faults::ask(*store_, key), faults::expected(model_, key));
    }
  }

  void expect_scan() { EXPECT_EQ(contents(*store_), model_); }

  void begin_scan() {
    scan_.emplace(*store_);
    at_begin_ = model_;
  }

  void end_scan() {
    if (!scan_) return;
    EXPECT_EQ(scan_->rest(), at_begin_) << "a scan sees one moment";
    scan_.reset();
  }

  void end_iterator() {
    if (!iterator_) return;
    Model seen;
    std::string key;
    std::string value;
    while (iterator_->next(key, value)) seen.emplace(key, value);
    EXPECT_EQ(seen, at_begin_) << "an iterator sees one moment";
    iterator_.reset();
  }

  Setting setting_;
  Sync sync_;
  MemoryOs disk_;
  StoppingOs os_{disk_};
  std::unique_ptr<Store> store_;
  Model model_;
  Model at_begin_;
  std::optional<HalfAScan> scan_;
  std::optional<Bitcask::Iterator> iterator_;
};

// Whether the merge, right before a call made for `why`, may hold the lock of
// the writers: where it begins another active file, and in 07 where it closes
// one, makes durable what was written beside it, and takes the inputs away.
bool writers_may_wait(std::string_view why) {
  static const std::set<std::string_view> under_lock = {
      // a new active file
      "append to the log", "find the end", "keep the log's name",
      // 06: a roll-over waits for the directory to be synced
      "keep the merged segments' names", "let the merged segment be gone",
      "keep what hides older records",
      // 07: the end of the old active file, the end of the inputs
      "make the hints", "write the hints", "make the hints durable",
      "give the hints their name", "say who holds the lock",
      "remove the lock file", "make the active file durable",
      "make a closed file durable", "make the names durable"};
  return under_lock.count(why) > 0;
}

// Long enough for whoever waits for nobody, however busy the machine is …
constexpr std::chrono::seconds kForSure(20);
// … and as long as is waited for a writer who may have to.
constexpr std::chrono::milliseconds kAWhile(2);

// An action beside the merge, in a thread of its own. A writer who waits for
// the merge is left to itself: it writes once it may.
class Beside {
 public:
  Beside(Merged& merged, Action action, std::string_view why)
      : done_(std::async(std::launch::async,
                         [&merged, action] { merged.act(action); })) {
    if (!only_reads(action) && writers_may_wait(why)) {
      (void)done_.wait_for(kAWhile);
      return;
    }
    EXPECT_EQ(done_.wait_for(kForSure), std::future_status::ready)
        << "who " << name_of(action) << " waits for the merge, which is to "
        << why;
  }

  [[nodiscard]] bool has_ended() const {
    return done_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

 private:
  std::future<void> done_;
};

class Interleaving : public testing::TestWithParam<const Stage*> {
 protected:
  static constexpr int kStep = thinned(3);

  // Files of four records or so.
  [[nodiscard]] static Setting setting() { return {GetParam(), 64}; }

  // Runs an action at each call of a merge; from then on the process may be
  // killed at any call.
  static void act_at_each_call(Action action, Sync sync) {
    for (int at = 1, calls = 1; at <= calls; at += kStep) {
      Merged merged(setting(), sync);
      merged.prepare(action);
      std::optional<Beside> beside;
      std::string where;
      calls = merged.merge([&](int nth, std::string_view why) {
        const bool changed = beside && !only_reads(action);
        if (changed && beside->has_ended()) merged.expect_model_on_disk();
        if (nth != at) return;
        where = why;
        beside.emplace(merged, action, why);
      });
      beside.reset();
      merged.expect_model();
      ASSERT_FALSE(HasFailure()) << name_of(action) << " before call " << at
                                 << " of " << calls << ": " << where;
    }
  }

  // Runs one action at a call and another at a later one, for each two calls of
  // a merge but those at which they would have to wait: what waits is done at
  // the next call at which it need not, and that is among those tried.
  static void act_at_each_two_calls(Action one, Action other) {
    std::vector<std::string_view> whys;
    Merged(setting(), Sync::kNever)
        .merge([&](int /*nth*/, std::string_view why) { whys.push_back(why); });
    const auto calls = static_cast<int>(whys.size());
    const auto may_wait = [&](Action action, int nth) {
      return !only_reads(action) &&
             writers_may_wait(whys[static_cast<std::size_t>(nth - 1)]);
    };
    for (int first = 1; first <= calls; ++first) {
      for (int second = first + 1; second <= calls; second += kStep) {
        if (may_wait(one, first) || may_wait(other, second)) continue;
        act_at_two_calls(one, first, other, second);
        ASSERT_FALSE(HasFailure())
            << name_of(one) << " before call " << first << " and "
            << name_of(other) << " before call " << second << " of " << calls;
      }
    }
  }

  static void act_at_two_calls(Action one, int first, Action other,
                               int second) {
    Merged merged(setting(), Sync::kNever);
    std::optional<Beside> beside;
    merged.merge([&](int nth, std::string_view why) {
      if (nth == first) beside.emplace(merged, one, why);
      if (nth == second) beside.emplace(merged, other, why);
    });
    beside.reset();
    merged.expect_model();
  }
};

TEST_P(Interleaving, AnyWriteAtAnyCallOfAMerge) {
  for (const Sync sync : {Sync::kNever, Sync::kAlways}) {
    for (const Action action :
         {Action::kOverwrite, Action::kPutNew, Action::kDelete,
          Action::kPutBack, Action::kRollOver}) {
      act_at_each_call(action, sync);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(Interleaving, AnyReadAtAnyCallOfAMerge) {
  for (const Action action : {Action::kGetAll, Action::kScanAll,
                              Action::kEndScan, Action::kEndIterator}) {
    act_at_each_call(action, Sync::kAlways);
    if (HasFatalFailure()) return;
  }
}

TEST_P(Interleaving, TwoWritesOfAKeyAtAnyTwoCallsOfAMerge) {
  act_at_each_two_calls(Action::kOverwrite, Action::kDeleteThat);
  if (HasFatalFailure()) return;
  act_at_each_two_calls(Action::kDelete, Action::kPutThatBack);
}

TEST_P(Interleaving, ARollOverAndAWriteAtAnyTwoCallsOfAMerge) {
  act_at_each_two_calls(Action::kRollOver, Action::kOverwrite);
  if (HasFatalFailure()) return;
  act_at_each_two_calls(Action::kPutBack, Action::kRollOver);
}

TEST_P(Interleaving, AScanFromAnyCallToAnyOtherOfAMerge) {
  act_at_each_two_calls(Action::kBeginScan, Action::kEndScan);
}

INSTANTIATE_TEST_SUITE_P(Stages, Interleaving,
                         testing::Values(find_stage("06_compaction"),
                                         find_stage("07_bitcask")),
                         faults::name_of_stage);

}  // namespace
}  // namespace strata
