// Stages that may be used from many threads at once: whatever threads do and
// see, it can be told as if one had done it after the other. Histories are
// recorded while a thread merges without end; the checker is tested first.
#include "tests/stages/linearizability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/os_wrapper.h"
#include "tests/faults/scenario.h"

namespace strata {
namespace {

using linearizability::Checker;
using linearizability::Content;
using linearizability::Operation;
using Kind = Operation::Kind;
using History = std::vector<Operation>;

// ---- The checker

Operation set(std::uint64_t value, std::uint64_t from, std::uint64_t to) {
  return {Kind::kSet, value, from, to};
}

Operation del(std::uint64_t from, std::uint64_t to) {
  return {Kind::kDel, {}, from, to};
}

Operation get(Content answer, std::uint64_t from, std::uint64_t to) {
  return {Kind::kGet, answer, from, to};
}

bool is_linearizable(const History& history) {
  return Checker(history).is_linearizable();
}

TEST(LinearizabilityChecker, TakesWhatOneThreadDid) {
  EXPECT_TRUE(is_linearizable({}));
  EXPECT_TRUE(
      is_linearizable({get({}, 1, 2), set(7, 3, 4), get(7, 5, 6), set(8, 7, 8),
                       get(8, 9, 10), del(11, 12), get({}, 13, 14)}));
}

TEST(LinearizabilityChecker, LeavesOpenWhatIsFirstOfWhatOverlaps) {
  EXPECT_TRUE(is_linearizable({set(7, 1, 4), get({}, 2, 3)}));
  EXPECT_TRUE(is_linearizable({set(7, 1, 4), get(7, 2, 3)}));
  EXPECT_TRUE(is_linearizable({set(7, 1, 4), set(8, 2, 3), get(7, 5, 6)}));
  EXPECT_TRUE(is_linearizable({set(7, 1, 4), set(8, 2, 3), get(8, 5, 6)}));
  EXPECT_TRUE(is_linearizable(
      {set(7, 1, 2), set(8, 3, 10), get(7, 4, 5), get(8, 6, 7)}));
}

TEST(LinearizabilityChecker, RefusesAStaleAnswer) {
  EXPECT_FALSE(is_linearizable({set(7, 1, 2), set(8, 3, 4), get(7, 5, 6)}));
}

TEST(LinearizabilityChecker, RefusesALostWrite) {
  EXPECT_FALSE(is_linearizable({set(7, 1, 2), get({}, 3, 4)}));
}

TEST(LinearizabilityChecker, RefusesAValueThatNobodySet) {
  EXPECT_FALSE(is_linearizable({set(7, 1, 4), get(9, 2, 3)}));
}

TEST(LinearizabilityChecker, RefusesAValueThatIsYetToBeSet) {
  EXPECT_FALSE(is_linearizable({get(7, 1, 2), set(7, 3, 4)}));
}

TEST(LinearizabilityChecker, RefusesADeletedKeyThatIsBack) {
  EXPECT_FALSE(is_linearizable({set(7, 1, 2), del(3, 4), get(7, 5, 6)}));
}

TEST(LinearizabilityChecker, RefusesTheNewBeforeTheOld) {
  EXPECT_FALSE(is_linearizable(
      {set(7, 1, 2), set(8, 3, 10), get(8, 4, 5), get(7, 6, 7)}));
}

// Every order that time allows, without any cleverness.
bool can_be_ordered(const History& history) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  do {
    Content content;
    bool is_right = true;
    for (std::size_t i = 0; i < order.size() && is_right; ++i) {
      const Operation& one = history[order[i]];
      for (std::size_t j = i + 1; j < order.size(); ++j) {
        is_right = is_right && history[order[j]].responded > one.invoked;
      }
      is_right = is_right && (one.kind != Kind::kGet || one.content == content);
      content = one.content;
    }
    if (is_right) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

TEST(LinearizabilityChecker, SaysWhatTryingAllOrdersSays) {
  std::mt19937 random(7);
  int right = 0;
  int wrong = 0;
  for (int round = 0; round < 3000; ++round) {
    std::array<std::uint64_t, 10> times{};
    std::iota(times.begin(), times.end(), std::uint64_t{1});
    std::shuffle(times.begin(), times.end(), random);
    History history;
    for (std::size_t i = 0; i < times.size(); i += 2) {
      Operation one;
      one.kind = static_cast<Kind>(random() % 3);
      if (one.kind == Kind::kSet || (one.kind == Kind::kGet && random() % 3)) {
        one.content = random() % 2;
      }
      std::tie(one.invoked, one.responded) =
          std::minmax(times[i], times[i + 1]);
      history.push_back(one);
    }
    const bool expected = can_be_ordered(history);
    ASSERT_EQ(is_linearizable(history), expected) << "round " << round;
    ++(expected ? right : wrong);
  }
  EXPECT_GT(right, 300);
  EXPECT_GT(wrong, 300);
}

// ---- The stages

// Lets another thread run at many calls, so that threads meet in the middle of
// operations and not only between them.
class YieldingOs : public OsWrapper {
 public:
  using OsWrapper::OsWrapper;

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override {
    yield();
    return os().open(path, mode, why);
  }

  [[nodiscard]] OsResult read_at(int fd, std::uint64_t offset, char* out,
                                 std::size_t size, const char* why) override {
    yield();
    return os().read_at(fd, offset, out, size, why);
  }

  [[nodiscard]] OsResult write_at(int fd, std::uint64_t offset,
                                  std::string_view bytes,
                                  const char* why) override {
    yield();
    const OsResult result = os().write_at(fd, offset, bytes, why);
    yield();
    return result;
  }

  [[nodiscard]] OsResult remove(const std::string& path,
                                const char* why) override {
    yield();
    return os().remove(path, why);
  }

 private:
  void yield() {
    if (calls_.fetch_add(1, std::memory_order_relaxed) % 3 == 0) {
      std::this_thread::yield();
    }
  }

  std::atomic<unsigned> calls_{0};
};

constexpr std::array<std::string_view, 3> kKeys = {"a", "b", "c"};

// Counts begins and ends, for all threads.
using Clock = std::atomic<std::uint64_t>;

// What one thread does and sees, told apart by key.
class Recorder {
 public:
  Recorder(Store& store, Clock& clock, unsigned thread)
      : store_(store), clock_(clock), thread_(thread), random_(thread) {}

  void run(int operations) {
    for (int i = 0; i < operations; ++i) {
      const std::size_t key = random_() % kKeys.size();
      switch (random_() % 8) {
        case 0:
        case 1:
        case 2:
          set(key);
          break;
        case 3:
          del(key);
          break;
        case 4:
          scan();
          break;
        default:
          get(key);
      }
    }
  }

  // A get of every key.
  void scan() {
    std::array<Content, kKeys.size()> contents;
    const std::uint64_t invoked = clock_++;
    store_.scan("", "", [&](std::string_view key, std::string_view value) {
      contents[static_cast<std::size_t>(key[0] - 'a')] =
          std::stoull(std::string(value));
    });
    const std::uint64_t responded = clock_++;
    for (std::size_t key = 0; key < kKeys.size(); ++key) {
      histories_[key].push_back(
          {Kind::kGet, contents[key], invoked, responded});
    }
  }

  [[nodiscard]] const History& of(std::size_t key) const {
    return histories_[key];
  }

 private:
  void set(std::size_t key) {
    const std::uint64_t value = ++values_ * 100 + thread_;
    const std::uint64_t invoked = clock_++;
    store_.set(kKeys[key], std::to_string(value));
    histories_[key].push_back({Kind::kSet, value, invoked, clock_++});
  }

  void del(std::size_t key) {
    const std::uint64_t invoked = clock_++;
    store_.del(kKeys[key]);
    histories_[key].push_back({Kind::kDel, {}, invoked, clock_++});
  }

  void get(std::size_t key) {
    std::string value;
    const std::uint64_t invoked = clock_++;
    const bool found = store_.get(kKeys[key], value);
    const std::uint64_t responded = clock_++;
    const Content content = found ? Content(std::stoull(value)) : std::nullopt;
    histories_[key].push_back({Kind::kGet, content, invoked, responded});
  }

  Store& store_;
  Clock& clock_;
  unsigned thread_;
  std::mt19937 random_;
  std::uint64_t values_ = 0;
  std::array<History, kKeys.size()> histories_;
};

// What is set is soon in several files; those of sorted tables, in levels.
std::unique_ptr<Store> open(const Stage& stage, std::uint64_t segment_bytes,
                            Os& os, Mode mode) {
  Options options;
  options.directory = "db";
  options.mode = mode;
  options.os = &os;
  options.numbers["--segment-bytes"] = segment_bytes;
  options.numbers["--table-bytes"] = segment_bytes / 4;
  options.numbers["--level-bytes"] = segment_bytes;
  return stage.open(options);
}

class Linearizability : public testing::TestWithParam<const Stage*> {};

TEST_P(Linearizability, OfAllThatThreadsSeeBesideEndlessMerging) {
  constexpr unsigned kThreads = 4;
  constexpr int kOperations = 20000;
  MemoryOs disk;
  YieldingOs yielding(disk);
  auto store = open(*GetParam(), 200, yielding, Mode::kWrite);
  Clock clock{1};
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    recorders.push_back(std::make_unique<Recorder>(*store, clock, i));
    threads.emplace_back([&one = *recorders.back()] { one.run(kOperations); });
  }
  std::atomic<bool> done{false};
  int merges = 0;
  std::thread merger([&] {
    for (; !done; ++merges) store->compact();
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  merger.join();
  EXPECT_GT(merges, 10);
  store.reset();
  store = open(*GetParam(), 200, yielding, Mode::kRead);
  recorders.push_back(std::make_unique<Recorder>(*store, clock, kThreads));
  recorders.back()->scan();
  for (std::size_t key = 0; key < kKeys.size(); ++key) {
    History history;
    for (const auto& one : recorders) {
      history.insert(history.end(), one->of(key).begin(), one->of(key).end());
    }
    Checker checker(history);
    EXPECT_TRUE(checker.is_linearizable())
        << "key " << kKeys[key] << ": no order of its " << history.size()
        << " operations gets past the one that began at "
        << checker.stuck_at().invoked;
  }
}

// Of keys that are set in turn, each to the number of the round, a scan finds
// the first ones at a round and the rest at the one before.
TEST_P(Linearizability, AScanSeesOneMomentOfManyKeys) {
  const int rounds_to_write = GetParam()->sorts ? 300 : 3000;
  constexpr int kTurn = 26;
  MemoryOs disk;
  YieldingOs yielding(disk);
  const auto store = open(*GetParam(), 2000, yielding, Mode::kWrite);
  const auto write_round = [&](int round) {
    for (int key = 0; key < kTurn; ++key) {
      store->set(std::string(1, static_cast<char>('a' + key)),
                 std::to_string(round));
    }
  };
  write_round(0);
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        std::vector<int> rounds;
        store->scan("", "", [&](std::string_view, std::string_view value) {
          rounds.push_back(std::stoi(std::string(value)));
        });
        const bool in_turn = rounds.size() == kTurn &&
                             std::is_sorted(rounds.rbegin(), rounds.rend()) &&
                             rounds.front() - rounds.back() <= 1;
        if (!in_turn) ++torn;
      }
    });
  }
  threads.emplace_back([&] {
    while (!done) store->compact();
  });
  for (int round = 1; round <= rounds_to_write; ++round) write_round(round);
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn, 0);
}

INSTANTIATE_TEST_SUITE_P(Stages, Linearizability,
                         testing::Values(find_stage("06_compaction"),
                                         find_stage("07_bitcask"),
                                         find_stage("09_lsm_tree")),
                         faults::name_of_stage);

}  // namespace
}  // namespace strata
