// Every workload does what its name says: as many gets, sets and scans, of the
// keys that it is to ask for; and none takes a wrong answer.
#include "bench/workloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/keys.h"

namespace strata::bench {
namespace {

constexpr std::uint64_t kKeys = 1000;

// A map that counts what is asked of it.
class Counted final : public Store {
 public:
  void set(std::string_view key, std::string_view value) override {
    ++sets;
    ++set_keys[std::string(key)];
    map[std::string(key)] = value;
  }

  bool get(std::string_view key, std::string& value) override {
    const std::scoped_lock hold(mutex_);
    ++gets;
    last_asked = key.data();
    ++got_keys[std::string(key)];
    const auto found = map.find(std::string(key));
    if (found == map.end() || forgets) return false;
    value = found->second;
    return true;
  }

  void keys(const KeyVisitor& /*visit*/) override {}

  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override {
    ++scans;
    auto at = map.lower_bound(std::string(from));
    if (forgets && at != map.end()) ++at;
    for (; at != map.end() && (to.empty() || at->first < to); ++at) {
      ++entries;
      visit(at->first, at->second);
    }
  }

  Stats stats() override { return {}; }

  void dump(std::string_view /*file*/, const DumpVisitor& /*visit*/) override {}

  std::map<std::string, std::string> map;
  bool forgets = false;
  std::uint64_t sets = 0;
  std::uint64_t gets = 0;
  std::uint64_t scans = 0;
  std::uint64_t entries = 0;
  const char* last_asked = nullptr;
  std::map<std::string, int> set_keys;
  std::map<std::string, int> got_keys;

 private:
  std::mutex mutex_;
};

class Workloads : public testing::Test {
 protected:
  Workloads() {
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      store.map[key_of(i)] = value();
    }
  }

  std::unique_ptr<Work> make(std::string_view name) {
    const Workload* const workload = find_workload(name);
    if (workload == nullptr) throw std::runtime_error(std::string(name));
    return workload->work({store, keys, kValueBytes}, kKeys);
  }

  std::uint64_t run(std::string_view name, std::uint64_t count) {
    return make(name)->run(count);
  }

  // How often the most popular of all keys that were asked for was.
  [[nodiscard]] int most_often() const {
    int most = 0;
    for (const auto& [key, times] : store.got_keys) {
      most = std::max(most, times);
    }
    return most;
  }

  Counted store;
  std::uint64_t keys = kKeys;
};

TEST_F(Workloads, HaveNamesOfTheirOwnAndSayWhatTheyDo) {
  std::map<std::string_view, int> names;
  for (const Workload& workload : workloads()) {
    EXPECT_EQ(++names[workload.name], 1) << workload.name;
    EXPECT_FALSE(workload.what.empty()) << workload.name;
    EXPECT_EQ(find_workload(workload.name), &workload);
    EXPECT_NE(workload.work == nullptr, workload.file.empty());
  }
  EXPECT_EQ(find_workload("get_lucky"), nullptr);
}

TEST_F(Workloads, SayWhetherTheySetAnything) {
  for (const Workload& workload : workloads()) {
    if (!workload.work) continue;
    store.sets = 0;
    (void)run(workload.name, kKeys);
    EXPECT_EQ(store.sets > 0, workload.sets) << workload.name;
  }
  EXPECT_TRUE(find_workload("churn")->sets);
}

TEST_F(Workloads, SetsSetEachKeyOnceAndInTheirOrder) {
  for (const char* name : {"fill_sequential", "fill_random", "set_durable"}) {
    store.set_keys.clear();
    store.map.clear();
    EXPECT_EQ(run(name, kKeys), kKeys);
    EXPECT_EQ(store.set_keys.size(), kKeys) << name;
    EXPECT_EQ(store.map[key_of(0)], value()) << name;
  }
  EXPECT_EQ(store.sets, 3 * kKeys);
  EXPECT_EQ(store.gets + store.scans, 0U);
}

TEST_F(Workloads, SetsSetValuesOfTheSizeThatIsAskedFor) {
  const Workload& fill = *find_workload("fill_random");
  (void)fill.work({store, keys, 10}, kKeys)->run(kKeys);
  EXPECT_EQ(store.map[key_of(7)].size(), 10U);
}

TEST_F(Workloads, OverwritesOnlySetKeysThatAreThere) {
  EXPECT_EQ(run("overwrite", 5000), 5000U);
  EXPECT_EQ(store.sets, 5000U);
  EXPECT_EQ(store.map.size(), kKeys);
}

TEST_F(Workloads, GetsOnlyGetAndAskForTheKeysTheyAreNamedAfter) {
  for (const char* name :
       {"get_hit", "get_miss", "get_newest", "get_oldest", "get_zipfian"}) {
    store.gets = 0;
    store.got_keys.clear();
    EXPECT_EQ(run(name, 3000), 3000U);
    EXPECT_EQ(store.gets, 3000U) << name;
    for (const auto& [key, times] : store.got_keys) {
      EXPECT_EQ(store.map.count(key) == 1, name != std::string("get_miss"))
          << name << " " << key;
    }
    if (name == std::string("get_newest")) {
      EXPECT_EQ(store.got_keys[key_of(kKeys - 1)], 3000);
    }
    if (name == std::string("get_oldest")) {
      EXPECT_EQ(store.got_keys[key_of(0)], 3000);
    }
    // The most popular of 1,000 Zipfian keys is every eighth, of others every
    // thousandth.
    if (name == std::string("get_zipfian")) {
      EXPECT_GT(most_often(), 300);
    } else if (name == std::string("get_hit")) {
      EXPECT_LT(most_often(), 30);
    }
  }
  EXPECT_EQ(store.sets + store.scans, 0U);
}

TEST_F(Workloads, ABatchHas32Keys) {
  EXPECT_EQ(run("get_batch", 33), 64U);
  EXPECT_EQ(store.gets, 64U);
}

TEST_F(Workloads, TwoThreadsShareTheGets) {
  const auto work = make("get_two_threads");
  store.gets = 0;
  EXPECT_EQ(work->run(2000), 2000U);
  EXPECT_EQ(store.gets, 2000U);
}

TEST_F(Workloads, ScansVisitAllOrAHundredNeighbours) {
  EXPECT_EQ(run("scan", 1), kKeys);
  EXPECT_EQ(store.scans, 1U);
  EXPECT_EQ(run("scan_100", 1000), 1000U);
  EXPECT_EQ(store.scans, 11U);
  EXPECT_EQ(store.entries, kKeys + 1000);
}

// Of 10,000 operations of a mix: reads, sets, scans.
struct Shares {
  const char* name;
  double gets;
  double sets;
  double scans;
};

TEST_F(Workloads, MixesHaveTheSharesOfTheCoreWorkloads) {
  for (const Shares& mix :
       {Shares{"ycsb_a", 50, 50, 0}, Shares{"ycsb_b", 95, 5, 0},
        Shares{"ycsb_c", 100, 0, 0}, Shares{"ycsb_d", 95, 5, 0},
        Shares{"ycsb_e", 0, 5, 95}, Shares{"ycsb_f", 100, 50, 0}}) {
    store.gets = store.sets = store.scans = 0;
    EXPECT_EQ(run(mix.name, 10'000), 10'000U);
    const auto percent = [](std::uint64_t count) {
      return static_cast<double>(count) / 100;
    };
    EXPECT_NEAR(percent(store.gets), mix.gets, 2) << mix.name;
    EXPECT_NEAR(percent(store.sets), mix.sets, 2) << mix.name;
    EXPECT_NEAR(percent(store.scans), mix.scans, 2) << mix.name;
  }
}

TEST_F(Workloads, InsertsAddTheNextKeyAndSayHowManyThereAre) {
  (void)run("ycsb_d", 2000);
  EXPECT_GT(keys, kKeys + 50);
  EXPECT_EQ(store.map.size(), keys);
  EXPECT_EQ(store.map.count(key_of(keys - 1)), 1U);
}

TEST_F(Workloads, TheLatestKeysAreThePopularOnes) {
  (void)run("ycsb_d", 10'000);
  std::uint64_t late = 0;
  for (const auto& [key, times] : store.got_keys) {
    if (key >= key_of(kKeys - 100)) late += static_cast<std::uint64_t>(times);
  }
  EXPECT_GT(late, store.gets / 2);
}

TEST_F(Workloads, ScansOfAMixHaveOneToAHundredEntries) {
  (void)run("ycsb_e", 10'000);
  const double length =
      static_cast<double>(store.entries) / static_cast<double>(store.scans);
  EXPECT_NEAR(length, 50.5, 2);
}

TEST_F(Workloads, DrawTheSameEachTime) {
  for (const Workload& workload : workloads()) {
    if (workload.threads || !workload.work) continue;
    (void)run(workload.name, 500);
    const auto first = store.got_keys;
    const std::uint64_t entries = store.entries;
    store.got_keys.clear();
    keys = kKeys;
    store.entries = 0;
    (void)run(workload.name, 500);
    EXPECT_EQ(store.got_keys, first) << workload.name;
    EXPECT_EQ(store.entries, entries) << workload.name;
    store.got_keys.clear();
    store.entries = 0;
    while (store.map.size() > kKeys) store.map.erase(--store.map.end());
    keys = kKeys;
  }
}

TEST_F(Workloads, KeepTheirKeysOnceForAllWhoTakePart) {
  for (const char* name : {"get_hit", "get_zipfian"}) {
    const auto one = make(name);
    const auto other = make(name);
    (void)one->run(1);
    const char* const asked = store.last_asked;
    (void)one->run(1);
    EXPECT_NE(store.last_asked, asked) << name;
    (void)other->run(1);
    EXPECT_EQ(store.last_asked, asked) << name;
  }
}

TEST_F(Workloads, AWrongAnswerIsAnError) {
  store.forgets = true;
  for (const Workload& workload : workloads()) {
    const bool only_sets = workload.name.rfind("fill_", 0) == 0 ||
                           workload.name == "set_durable" ||
                           workload.name == "overwrite" || !workload.work;
    if (only_sets || workload.name == "get_miss") continue;
    EXPECT_THROW((void)run(workload.name, 1000), std::runtime_error)
        << workload.name;
  }
}

TEST_F(Workloads, AKeyThatIsFoundAndNotThereIsAnError) {
  for (std::uint64_t i = 0; i < kKeys; ++i) store.map[absent_key(i)] = "ghost";
  EXPECT_THROW((void)run("get_miss", 10), std::runtime_error);
  EXPECT_THROW((void)run("scan", 10), std::runtime_error);
}

}  // namespace
}  // namespace strata::bench
