// The benchmarks: their workloads do what their names say, and the program
// runs, counts and cleans up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "bench/opening.h"
#include "tests/support.h"

namespace strata::bench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::HasSubstr;

TEST(Workloads, KeysAreOfOneLengthAndAscending) {
  for (const std::uint64_t number : {0ULL, 1ULL, 999ULL, 123'456'789'012ULL}) {
    EXPECT_EQ(key_of(number).size(), kKeyBytes);
    EXPECT_EQ(absent_key(number).size(), kKeyBytes);
    EXPECT_LT(key_of(number), absent_key(number));
    EXPECT_LT(absent_key(number), key_of(number + 1));
  }
  EXPECT_EQ(value().size(), kValueBytes);
  EXPECT_EQ(value().find_first_of(",\n"), std::string_view::npos);
}

std::vector<std::string> all_of(Keys keys) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < keys.size(); ++i) all.emplace_back(keys.next());
  return all;
}

TEST(Workloads, SequentialKeysAscendAndShuffledOnesAreTheSameInDisorder) {
  const auto sequential = all_of(sequential_keys(1000));
  const auto shuffled = all_of(shuffled_keys(1000));
  EXPECT_TRUE(std::is_sorted(sequential.begin(), sequential.end()));
  EXPECT_FALSE(std::is_sorted(shuffled.begin(), shuffled.end()));
  const std::set<std::string> unique(sequential.begin(), sequential.end());
  EXPECT_EQ(unique.size(), 1000U);
  EXPECT_EQ(unique, std::set(shuffled.begin(), shuffled.end()));
  EXPECT_EQ(*unique.rbegin(), key_of(999));
}

TEST(Workloads, KeysAreThereOrAbsentAsTheirNamesSayAndAlwaysTheSame) {
  const auto stored = all_of(sequential_keys(1000));
  const std::set<std::string> there(stored.begin(), stored.end());
  for (auto* order : {random_keys, zipfian_keys, newest_key, oldest_key}) {
    for (const std::string& key : all_of(order(1000))) {
      EXPECT_TRUE(there.count(key) == 1) << key;
    }
  }
  for (const std::string& key : all_of(absent_keys(1000))) {
    EXPECT_EQ(key.size(), kKeyBytes);
    EXPECT_TRUE(there.count(key) == 0) << key;
  }
  EXPECT_EQ(all_of(random_keys(1000)), all_of(random_keys(1000)));
  EXPECT_EQ(all_of(newest_key(1000)), std::vector{key_of(999)});
  EXPECT_EQ(all_of(oldest_key(1000)), std::vector{key_of(0)});
}

TEST(Workloads, KeysBeginAnewBehindTheLast) {
  Keys keys = sequential_keys(2);
  EXPECT_EQ(keys.next(), key_of(0));
  EXPECT_EQ(keys.next(), key_of(1));
  EXPECT_EQ(keys.next(), key_of(0));
}

TEST(Workloads, ZipfianDrawsFewNumbersOftenAndManyRarely) {
  constexpr std::uint64_t kCount = 1000;
  constexpr int kDraws = 200'000;
  Zipfian zipfian(kCount, 1);
  std::vector<int> drawn(kCount, 0);
  for (int i = 0; i < kDraws; ++i) ++drawn.at(zipfian.next_rank());
  // The sum of 1 / r^0.99 for r up to 1,000 is 7.73.
  EXPECT_NEAR(drawn[0], kDraws / 7.73, kDraws * 0.01);
  EXPECT_NEAR(drawn[1], kDraws / 7.73 / 1.986, kDraws * 0.01);
  EXPECT_GT(drawn[9], 3 * drawn[99]);
  EXPECT_GT(drawn[99], drawn[999]);
}

TEST(Workloads, ZipfianDrawsTheSameForTheSameSeedAndScatters) {
  Zipfian one(1000, 7);
  Zipfian same(1000, 7);
  Zipfian other(1000, 8);
  std::set<std::uint64_t> numbers;
  bool differs = false;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t number = one.next();
    EXPECT_LT(number, 1000U);
    EXPECT_EQ(same.next(), number);
    differs = other.next() != number || differs;
    numbers.insert(number);
  }
  EXPECT_TRUE(differs);
  EXPECT_GT(*numbers.rbegin(), 500U);
}

TEST(Workloads, ZipfianOverOneOrTwoNumbersStaysWithinThem) {
  for (const std::uint64_t count : {1ULL, 2ULL}) {
    Zipfian zipfian(count, 1);
    for (int i = 0; i < 100; ++i) EXPECT_LT(zipfian.next(), count);
  }
}

class Filling : public EveryStage {};

STRATA_FOR_EVERY_STAGE(Filling);

TEST_P(Filling, SetsEachKeyOnce) {
  const auto store = writer();
  fill(*store, 50);
  EXPECT_EQ(store->stats().keys, 50U);
  EXPECT_EQ(store->stats().dead_bytes, 0U);
  EXPECT_EQ(answer(*store, key_of(49)), value());
  EXPECT_EQ(answer(*store, key_of(50)), std::nullopt);
  EXPECT_EQ(answer(*store, absent_key(0)), std::nullopt);
}

// The program as it is run by its users, its files under a directory of ours.
class Benchmarks : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kProgram)) GTEST_SKIP() << "built without the benchmarks";
    std::string name = (fs::temp_directory_path() / "bench-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
    fs::create_directory(home_ / "tmp");
  }

  void TearDown() override {
    if (id_ != 0) (void)end();
    if (!home_.empty()) fs::remove_all(home_);
  }

  // Starts it. Its standard error, which its janitor holds too, comes here.
  void start(std::vector<std::string> words) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    words.insert(words.begin(), kProgram);
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const std::string temporary = home_ / "tmp";
    const std::string out = home_ / "out";
    id_ = ::fork();
    ASSERT_GE(id_, 0);
    if (id_ == 0) {
      ::setenv("TMPDIR", temporary.c_str(), 1);
      ::dup2(ends[1], STDERR_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      if (std::freopen(out.c_str(), "w", stdout) != nullptr) {
        ::execv(kProgram, pointers.data());
      }
      ::_exit(127);
    }
    ::close(ends[1]);
    error_ = ends[0];
  }

  // Reads standard error until it says `text`, or to its end.
  void read_until(const std::string& text) {
    char byte = 0;
    while (said_.find(text) == std::string::npos &&
           ::read(error_, &byte, 1) == 1) {
      said_ += byte;
    }
  }

  // Waits for the end of it and of its janitor.
  int end() {
    read_until(std::string(1, '\0'));
    ::close(error_);
    int status = 0;
    ::waitpid(id_, &status, 0);
    id_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // Runs it to its end; its results by name.
  std::map<std::string, Json> results_of(const std::string& filter) {
    const std::string file = home_ / "results.json";
    start(
        {"--quick", "--benchmark_filter=" + filter, "--benchmark_out=" + file});
    EXPECT_EQ(end(), 0) << said_;
    const Json json = Json::parse(std::ifstream(file));
    EXPECT_TRUE(json["context"].contains("strata_build_type"));
    std::map<std::string, Json> results;
    for (const Json& one : json["benchmarks"]) results[one["name"]] = one;
    return results;
  }

  [[nodiscard]] bool left_nothing() const {
    return fs::is_empty(home_ / "tmp");
  }

  static constexpr const char* kProgram = STRATA_BIN_DIR "/strata_bench";
  fs::path home_;
  std::string said_;

  pid_t id_ = 0;
  int error_ = -1;
};

TEST_F(Benchmarks, CarryWhatAGetCostsInCallsAndBytesForEveryStage) {
  const auto results = results_of("^get_newest/[^/]*/1000$");
  for (const Stage* stage : all_stages()) {
    const std::string name = "get_newest/" + std::string(stage->name) + "/1000";
    ASSERT_EQ(results.count(name), 1U) << name;
    const Json& result = results.at(name);
    EXPECT_GE(result["reads_per_op"], 1) << name;
    EXPECT_GE(result["bytes_read_per_op"], kValueBytes) << name;
    EXPECT_EQ(result["writes_per_op"], 0) << name;
    EXPECT_EQ(result["syncs_per_op"], 0) << name;
  }
  EXPECT_EQ(results.at("get_newest/04_keydir/1000")["bytes_read_per_op"],
            14 + kKeyBytes + kValueBytes);
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, CarryWhatASetWritesAndWhatAStoreTakes) {
  auto results = results_of("^(set_random|open)/04_keydir/1000");
  const Json& set = results["set_random/04_keydir/1000/iterations:1000"];
  EXPECT_EQ(set["writes_per_op"], 1);
  EXPECT_EQ(set["bytes_written_per_op"], 14 + kKeyBytes + kValueBytes);
  const Json& open = results["open/04_keydir/1000"];
  EXPECT_EQ(open["bytes_read_per_op"], 130'000);
  EXPECT_GT(open["index_bytes_per_key"], kKeyBytes);
  EXPECT_NEAR(open["disk_bytes_per_user_byte"], 130.0 / 116, 0.0001);
}

TEST_F(Benchmarks, CarryHowManyKeydirsAMissAsks) {
  const auto results = results_of("^miss_in_segments/");
  for (const Stage* stage : all_stages()) {
    if (!stage->has("--segment-bytes")) continue;
    const std::string name(stage->name);
    const bool one_for_all = name == "07_bitcask";
    for (const int segments : {1, 4, 16}) {
      const std::string run =
          "miss_in_segments/" + name + "/" + std::to_string(segments);
      ASSERT_EQ(results.count(run), 1U) << run;
      EXPECT_EQ(results.at(run)["probes_per_op"], one_for_all ? 0 : segments)
          << run;
      EXPECT_EQ(results.at(run)["reads_per_op"], 0) << run;
    }
  }
}

TEST_F(Benchmarks, CarryWhatMergingWritesAndGivesBack) {
  const auto results = results_of("^churn/");
  for (const Stage* stage : all_stages()) {
    if (!stage->has("compact")) continue;
    const std::string name(stage->name);
    const Json& result = results.at("churn/" + name + "/20000/iterations:1");
    // Every byte once, in records of 130 bytes for 116 of key and value.
    EXPECT_GE(result["write_amplification"], 130.0 / 116) << name;
    EXPECT_LE(result["disk_after"], result["disk_before"]) << name;
    // Live records and, in 07, hints of 18 bytes and the key for each.
    const bool hints = name == "07_bitcask";
    EXPECT_NEAR(result["disk_after"], (130.0 + (hints ? 34 : 0)) / 116, 0.01)
        << name;
  }
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, TakeTurnsAtStartingMergingAndReadingMeanwhile) {
  const auto results = results_of("^(start|merge|merge_reads|readers)/");
  const auto time_of = [&](const std::string& run) {
    const std::string name =
        run + "/20000/iterations:1/repeats:5/manual_time_median";
    EXPECT_EQ(results.count(name), 1U) << name;
    return results.count(name) == 0
               ? 0.0
               : results.at(name)["real_time"].get<double>();
  };
  for (const char* how : {"", "_8_files", "_no_hints", "_no_hints_8_files"}) {
    EXPECT_GT(time_of(std::string("start/07_bitcask") + how), 0);
  }
  EXPECT_GT(time_of("start/limit"), 0);
  for (const Stage* stage : all_stages()) {
    if (!stage->has("compact")) continue;
    const std::string name(stage->name);
    EXPECT_GT(time_of("merge/" + name), 0);
    EXPECT_GT(time_of("merge/" + name + "_copied"), 0);
    EXPECT_GT(time_of("readers/" + name + "_x2"), 0);
    for (const char* when : {"", "_merging"}) {
      const std::string reads = "merge_reads/" + name;
      EXPECT_LE(time_of(reads + "_p50" + when),
                time_of(reads + "_p99.9" + when));
    }
  }
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, AnswerInTurnWithTheToolsOfTheShell) {
  const std::string file = home_ / "results.json";
  start({"--quick", "--scan-mib", "1", "--benchmark_filter=whole_file",
         "--benchmark_out=" + file});
  EXPECT_EQ(end(), 0) << said_;
  const Json json = Json::parse(std::ifstream(file));
  std::map<std::string, int> turns;
  for (const Json& one : json["benchmarks"]) {
    if (one["run_type"] == "iteration") ++turns[one["run_name"]];
  }
  for (const char* subject : {"01_scan_log", "02_reverse_scan", "grep"}) {
    EXPECT_EQ(turns["whole_file/" + std::string(subject) +
                    "/1/iterations:1/repeats:5/manual_time"],
              5)
        << subject;
  }
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, LeaveNothingBehindWhenInterruptedOrKilled) {
  for (const int signal : {SIGINT, SIGKILL}) {
    said_.clear();
    start({"--quick"});
    read_until("processor:");
    EXPECT_FALSE(left_nothing());
    ::kill(id_, signal);
    EXPECT_EQ(end(), 128 + signal);
    EXPECT_TRUE(left_nothing());
  }
}

TEST_F(Benchmarks, RefuseWhatTheyDoNotKnow) {
  for (const char* word : {"--scan-mib", "--scan-mib=x", "--what"}) {
    said_.clear();
    start({word});
    EXPECT_EQ(end(), 2) << word;
  }
}

}  // namespace
}  // namespace strata::bench
