// The benchmarks' program as its users run it: what it measures, counts and
// writes down, and that it leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "bench/keys.h"
#include "bench/subject.h"
#include "tests/support.h"

namespace strata::bench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

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

  // Runs it to its end on stores of 1,000 keys; its results by name, without
  // what says how they were measured.
  std::map<std::string, std::vector<Json>> results_of(
      const std::string& filter, std::vector<std::string> words = {}) {
    words.insert(words.begin(),
                 {"--quick", "--n", "1000", "--scan-mib", "1",
                  "--benchmark_filter=" + filter,
                  "--benchmark_out=" + (home_ / "results.json").string()});
    start(words);
    EXPECT_EQ(end(), 0) << said_;
    return written_results();
  }

  std::map<std::string, std::vector<Json>> written_results() {
    const Json json = Json::parse(std::ifstream(home_ / "results.json"));
    context_ = json["context"];
    std::map<std::string, std::vector<Json>> results;
    for (const Json& one : json["benchmarks"]) {
      if (one["run_type"] != "iteration") continue;
      const std::string name = one["name"];
      results[name.substr(0, name.find("/iterations:"))].push_back(one);
    }
    return results;
  }

  // Waits until its standard output tells of `text`.
  void wait_for_output(const std::string& text) const {
    for (int i = 0; i < 6000; ++i) {
      std::ifstream out(home_ / "out");
      const std::string all{std::istreambuf_iterator<char>(out), {}};
      if (all.find(text) != all.npos) return;
      ::usleep(10'000);
    }
    FAIL() << "it never told of " << text;
  }

  // Lets no file grow beyond so many bytes. @returns the limit before.
  static struct rlimit limit_of_files(rlim_t bytes) {
    struct rlimit before {};

    ::getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit now = before;
    now.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &now);
    return before;
  }

  [[nodiscard]] bool left_nothing() const {
    return fs::is_empty(home_ / "tmp");
  }

  static constexpr const char* kProgram = STRATA_BIN_DIR "/strata_bench";
  fs::path home_;
  Json context_;
  std::string said_;

  pid_t id_ = 0;
  int error_ = -1;
};

using testing::HasSubstr;

TEST_F(Benchmarks, CarryWhatAGetCostsInCallsAndBytesForEveryStage) {
  auto results = results_of("^get_newest/");
  for (const Stage* stage : all_stages()) {
    const std::string name =
        "get_newest/" + std::string(stage->name) + "/n:1000/value:100";
    ASSERT_EQ(results[name].size(), 3U) << name;
    for (const Json& round : results[name]) {
      EXPECT_GT(round["real_time"], 0) << name;
      if (stage->sorts && stage->logs) {  // the newest ones are in memory
        EXPECT_EQ(round["reads_per_op"], 0) << name;
      } else {
        EXPECT_GE(round["reads_per_op"], 1) << name;
        EXPECT_GE(round["bytes_read_per_op"], kValueBytes) << name;
      }
      EXPECT_EQ(round["writes_per_op"], 0) << name;
      EXPECT_EQ(round["syncs_per_op"], 0) << name;
      EXPECT_EQ(round["label"], "stage, system") << name;
      EXPECT_GE(round["max_ns"], round.value("p99_ns", 0.0)) << name;
    }
  }
  for (const char* name : {"04_keydir", "07_bitcask", "limit_io"}) {
    const Json& get =
        results["get_newest/" + std::string(name) + "/n:1000/value:100"].at(0);
    EXPECT_EQ(get["reads_per_op"], 1) << name;
    EXPECT_EQ(get["bytes_read_per_op"], kRecordBytes) << name;
  }
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, CarryWhatASetWritesAndWhatAStoreTakes) {
  auto results = results_of("^(fill_random|open_clean)/");
  const Json& set = results["fill_random/04_keydir/n:1000/value:100"].at(0);
  EXPECT_EQ(set["operations"], 1000);
  EXPECT_EQ(set["writes_per_op"], 1);
  EXPECT_EQ(set["bytes_written_per_op"], kRecordBytes);
  EXPECT_NEAR(set["disk_bytes_per_user_byte"], 130.0 / 116, 0.0001);
  const Json& long_values =
      results["fill_random/04_keydir/n:1000/value:10000"].at(0);
  EXPECT_EQ(long_values["bytes_written_per_op"], 14 + kKeyBytes + 10'000);
  const Json& open = results["open_clean/04_keydir/n:1000/value:100"].at(0);
  EXPECT_EQ(open["bytes_read_per_op"], 1000 * kRecordBytes);
  EXPECT_GT(open["index_bytes_per_key"], kKeyBytes);
}

// Who has no log sets a file of its own, and syncs that and its name; and the
// file, the names and the removals of a merge, at most one for three sets.
TEST_F(Benchmarks, SyncOnceForEachDurableSetAndSaySo) {
  auto results = results_of("^set_durable/");
  for (const Stage* stage : all_stages()) {
    const std::string name =
        "set_durable/" + std::string(stage->name) + "/n:1000/value:100";
    ASSERT_EQ(results[name].size(), 3U) << name;
    // The first set makes the file's name durable, too.
    const Json& set = results[name][0];
    const double syncs = set.value("syncs_per_op", 0.0);
    const double more = (syncs - 1) * set.value("operations", 0.0);
    EXPECT_GE(syncs, stage->logs ? 1 : 2) << name;
    if (stage->logs) {
      EXPECT_LE(more, 1.01) << name;
    } else {
      EXPECT_LE(syncs, 3) << name;
    }
    EXPECT_EQ(results[name][0]["label"], "stage, disk") << name;
  }
  EXPECT_EQ(results.count("set_durable/limit_memory/n:1000/value:100"), 0U);
}

TEST_F(Benchmarks, SayOfAWriteThatIsOnlyBufferedThatAKillLosesIt) {
  auto results =
      results_of("^(fill_random|churn|ycsb_[bc]|get_hit|open_.*)/.*/n:1000/");
  for (const Stage* stage : all_stages()) {
    const auto label_of = [&](const std::string& workload) {
      const auto& rounds = results[workload + "/" + std::string(stage->name) +
                                   "/n:1000/value:100"];
      return rounds.empty() ? "" : rounds.at(0).value("label", "none");
    };
    const char* written = stage->logs ? "stage, system" : "stage, process";
    EXPECT_EQ(label_of("fill_random"), written) << stage->name;
    EXPECT_EQ(label_of("ycsb_b"), written) << stage->name;
    if (!stage->scans) {
      EXPECT_EQ(label_of("churn"), written) << stage->name;
    }
    // What is read was written out before.
    for (const char* reads :
         {"get_hit", "ycsb_c", "open_clean", "open_crashed"}) {
      EXPECT_EQ(label_of(reads), "stage, system") << reads << stage->name;
    }
  }
  const Json& limit = results["get_hit/limit_memory/n:1000/value:100"].at(0);
  EXPECT_EQ(limit["label"], "limit, process");
}

// Values are all one text: were they compressed, nearly nothing would be left.
TEST_F(Benchmarks, CountWhatABufferedWriteCostsWhenItIsWrittenOut) {
  auto results = results_of("^fill_random/.*/n:1000/value:100/");
  for (const Stage* stage : all_stages()) {
    if (stage->logs) continue;
    const std::string name(stage->name);
    const Json& set =
        results["fill_random/" + name + "/n:1000/value:100"].at(0);
    EXPECT_GE(set["bytes_written_per_op"], kValueBytes) << name;
    EXPECT_LE(set["bytes_written_per_op"], kRecordBytes) << name;
    EXPECT_LT(set["writes_per_op"], 0.01) << name;
    EXPECT_GT(set["writes_per_op"], 0) << name;
    EXPECT_NEAR(set["disk_bytes_per_user_byte"].get<double>() * 116,
                set["bytes_written_per_op"].get<double>(), 0.001)
        << name;
  }
}

TEST_F(Benchmarks, LeaveOutWhoRefusesWhatAWorkloadNeeds) {
  auto results = results_of("^(merge|get_two_threads|get_hit)/.*/n:1000/");
  for (const Stage* stage : all_stages()) {
    const std::string run =
        "/" + std::string(stage->name) + "/n:1000/value:100";
    EXPECT_EQ(results.count("merge" + run), stage->has("compact") ? 1U : 0U);
    EXPECT_EQ(results.count("get_two_threads" + run),
              stage->has("compact") ? 1U : 0U);
  }
  EXPECT_EQ(results.count("get_hit/limit_io/n:1000/value:100"), 1U);
  EXPECT_EQ(results.count("get_hit/limit_io_hints/n:1000/value:100"), 0U);
}

// Sorted tables have one index each, too. It is sparse, so a block is read of
// those that begin in front of the key: the keys were set in ascending order.
TEST_F(Benchmarks, CarryHowManyIndexesAMissAsks) {
  auto results = results_of("^miss_in_segments/");
  for (const Stage* stage : all_stages()) {
    if (!stage->has("--segment-bytes")) continue;
    const std::string name(stage->name);
    const bool one_for_all = name == "07_bitcask";
    for (const int segments : {1, 4, 16}) {
      const Json& miss = results["miss_in_segments/" + name +
                                 "/n:100/segments:" + std::to_string(segments)]
                             .at(0);
      // A hundred keys in segments of ceil(100 / segments) records.
      const int kept = segments == 16 ? 15 : segments;
      if (stage->sorts && stage->logs) {  // filters know of most
        EXPECT_LE(miss["probes_per_op"], 0.2 * kept) << name;
        EXPECT_LE(miss["reads_per_op"], miss["probes_per_op"]) << name;
        continue;
      }
      EXPECT_EQ(miss["probes_per_op"], one_for_all ? 0 : kept) << name;
      if (stage->sorts) {
        EXPECT_GE(miss["reads_per_op"], segments == 1 ? 1 : 0.3 * kept) << name;
        EXPECT_LE(miss["reads_per_op"], segments == 1 ? 1 : 0.8 * kept) << name;
      } else {
        EXPECT_EQ(miss["reads_per_op"], 0) << name;
      }
    }
  }
}

TEST_F(Benchmarks, CarryWhatMergingWritesAndGivesBack) {
  auto results = results_of("^churn/");
  for (const Stage* stage : all_stages()) {
    if (!stage->has("compact")) continue;
    const std::string name(stage->name);
    const Json& churn = results["churn/" + name + "/n:1000/value:100"].at(0);
    EXPECT_LE(churn["disk_after"], churn["disk_before"]) << name;
    if (stage->sorts) {
      // Neighbours share what their keys begin with. What is set twice in one
      // memtable is written once; and all again by each merge, which at least
      // doubles a table: there are five times 32 memtables.
      EXPECT_GE(churn["write_amplification"], 1) << name;
      EXPECT_LE(churn["write_amplification"], 1 + std::log2(5 * 32)) << name;
      EXPECT_GE(churn["disk_after"], 100.0 / 116) << name;
      EXPECT_LE(churn["disk_after"], 1) << name;
      continue;
    }
    // Every byte once, in records of 130 bytes for 116 of key and value.
    EXPECT_GE(churn["write_amplification"], 130.0 / 116) << name;
    // Live records and, in 07, hints of 18 bytes and the key for each.
    const bool hints = name == "07_bitcask";
    EXPECT_NEAR(churn["disk_after"], (130.0 + (hints ? 34 : 0)) / 116, 0.02)
        << name;
  }
  EXPECT_TRUE(left_nothing());
}

// Who keeps writes in memory only has flushed them before it was killed.
TEST_F(Benchmarks, OpenWhatAKilledProcessLeftAndFindEveryKey) {
  auto results = results_of("^open_crashed/");
  for (const Stage* stage : all_stages()) {
    const std::string name =
        "open_crashed/" + std::string(stage->name) + "/n:1000/value:100";
    ASSERT_EQ(results[name].size(), 3U) << name;
    EXPECT_GE(results[name][0].value("disk_bytes_per_user_byte", 0.0), 0.86)
        << name << ": the value alone is that part";
  }
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, TakeTurnsAtStartingMergingAndReadingMeanwhile) {
  auto results = results_of("^(start|merge|merge_reads)/");
  for (const char* how :
       {"07_bitcask", "07_bitcask_8_files", "07_bitcask_no_hints",
        "07_bitcask_no_hints_8_files", "07_bitcask_limit"}) {
    EXPECT_EQ(results["start/" + std::string(how) + "/n:1000/value:100"].size(),
              3U)
        << how;
  }
  for (const Stage* stage : all_stages()) {
    if (!stage->has("compact")) continue;
    const std::string name(stage->name);
    for (const char* what : {"merge/", "merge_reads/"}) {
      EXPECT_EQ(results[what + name + "/n:1000/value:100"].size(), 3U) << what;
    }
    const auto& copied = results["merge/" + name + "_copied/n:1000/value:100"];
    ASSERT_EQ(copied.size(), 3U);
    EXPECT_EQ(copied[0]["label"], "limit, disk");
    EXPECT_EQ(results["merge/" + name + "/n:1000/value:100"][0]["label"],
              "stage, disk");
    for (const char* when : {"", "_still"}) {
      const Json& reads =
          results["merge_reads/" + name + when + "/n:1000/value:100"].at(0);
      EXPECT_LE(reads.value("p50_ns", 0.0), reads["max_ns"]) << name;
    }
  }
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, AnswerInTurnWithTheToolsOfTheShell) {
  auto results = results_of("^whole_file/");
  for (const char* subject : {"01_scan_log", "02_reverse_scan", "grep"}) {
    EXPECT_EQ(results["whole_file/" + std::string(subject) + "/mib:1"].size(),
              3U)
        << subject;
  }
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, AskTheToolsOfTheShellWhereverTemporaryFilesAre) {
  home_ += "/it's $HOME";
  fs::create_directories(home_ / "tmp");
  EXPECT_EQ(results_of("^get_newest/grep/").size(), 1U);
  home_ = home_.parent_path();
}

TEST_F(Benchmarks, MeasureTheStagesThatAreAskedForAndTheLimits) {
  for (const char* which : {"04", "04_keydir"}) {
    auto results = results_of("^get_hit/", {"--stages", which});
    EXPECT_EQ(results.count("get_hit/04_keydir/n:1000/value:100"), 1U);
    EXPECT_EQ(results.count("get_hit/limit_io/n:1000/value:100"), 1U);
    EXPECT_EQ(results.count("get_hit/07_bitcask/n:1000/value:100"), 0U);
  }
}

TEST_F(Benchmarks, CompressWhereTheyAreToldTo) {
  std::map<bool, double> taken;
  for (const bool compresses : {false, true}) {
    std::vector<std::string> words = {"--stages", "08"};
    if (compresses) words.emplace_back("--compress");
    auto results = results_of("^open_clean/08_sstables/", words);
    ASSERT_EQ(results.size(), 1U);
    taken[compresses] =
        results.begin()->second.at(0)["disk_bytes_per_user_byte"];
    EXPECT_EQ(context_.value("values", ""),
              compresses ? "half of each is noise" : "all are one text");
  }
  EXPECT_LT(taken[true], 0.8 * taken[false]);
}

TEST_F(Benchmarks, SayWhereAndHowTheyWereMeasured) {
  (void)results_of("^get_hit/04_keydir/n:1000/value:100/");
  for (const char* what :
       {"strata_build_type", "strata_version", "compiler", "processor",
        "memory", "operating_system", "file_system", "rounds", "quick",
        "planned_results", "date"}) {
    EXPECT_NE(context_.value(what, ""), "") << what;
  }
  EXPECT_EQ(context_["planned_results"], "1");
}

TEST_F(Benchmarks, SayHowThePeersAreSet) {
  (void)results_of("^get_hit/limit_memory/n:1000/value:100/", {"--peers"});
  for (const Subject& peer : peer_subjects()) {
    const std::string said = context_.value("subject_" + peer.name(), "");
    EXPECT_THAT(said, HasSubstr(peer.version));
    EXPECT_THAT(said, HasSubstr(std::string(peer.settings)));
  }
}

TEST_F(Benchmarks, AreAnErrorWhenTheyMeasureOne) {
  const std::string file = home_ / "results.json";
  // No file may grow beyond 64 KiB: a fill of 1,000 records fails.
  const struct rlimit before = limit_of_files(64 << 10);
  start({"--quick", "--n", "1000", "--stages", "04", "--benchmark_out=" + file,
         "--benchmark_filter=^(fill_random|get_miss)/04_keydir/n:1000/"});
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(end(), 1);
  auto results = written_results();
  const Json& fill = results["fill_random/04_keydir/n:1000/value:100"].at(0);
  EXPECT_EQ(fill["error_occurred"], true);
  EXPECT_THAT(fill["error_message"].get<std::string>(),
              HasSubstr("File too large"));
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, KeepWhatIsMeasuredWhenInterrupted) {
  const std::string file = home_ / "results.json";
  start(
      {"--quick", "--n", "1000", "--stages", "04", "--benchmark_out=" + file});
  wait_for_output("get_hit/04_keydir");
  ::kill(id_, SIGINT);
  EXPECT_EQ(end(), 128 + SIGINT);
  EXPECT_THAT(said_, HasSubstr("interrupted after"));
  auto results = written_results();
  EXPECT_EQ(results["get_hit/04_keydir/n:1000/value:100"].size(), 3U);
  EXPECT_LT(results.size(),
            std::stoul(std::string(context_["planned_results"])));
  for (const auto& [name, rounds] : results) {
    for (const Json& round : rounds) {
      EXPECT_FALSE(round.contains("error_occurred")) << name;
    }
  }
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, EndWhereverAnInterruptFindsThem) {
  for (int i = 0; i < 40; ++i) {
    start({"--quick", "--n", "1000", "--benchmark_filter=^get_hit/"});
    ::usleep(static_cast<useconds_t>(500 * i));
    ::kill(id_, SIGINT);
    ASSERT_EQ(end(), 128 + SIGINT) << said_;
    ASSERT_TRUE(left_nothing());
  }
}

TEST_F(Benchmarks, LeaveAnEmptyFileWhenInterruptedBeforeTheFirstResult) {
  start({"--quick", "--n", "100000", "--benchmark_filter=^scan/",
         "--benchmark_out=" + (home_ / "results.json").string()});
  while (!fs::exists(home_ / "results.json")) ::usleep(1000);
  ::kill(id_, SIGINT);
  EXPECT_EQ(end(), 128 + SIGINT);
  EXPECT_THAT(said_, HasSubstr("interrupted after 0 of"));
  EXPECT_EQ(fs::file_size(home_ / "results.json"), 0U);
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, LeaveWholeResultsAndNothingElseBehindWhenKilled) {
  start({"--quick", "--n", "1000", "--stages", "04",
         "--benchmark_out=" + (home_ / "results.json").string()});
  wait_for_output("get_hit/04_keydir");
  EXPECT_FALSE(left_nothing());
  ::kill(id_, SIGKILL);
  EXPECT_EQ(end(), 128 + SIGKILL);
  EXPECT_EQ(written_results().count("fill_random/04_keydir/n:1000/value:100"),
            1U);
  EXPECT_TRUE(left_nothing());
}

TEST_F(Benchmarks, TellAQuantileOnlyOfOperationsThatWereClockedOneByOne) {
  auto results = results_of("^(scan|get_batch|get_two_threads)/", {"--peers"});
  ASSERT_FALSE(results.empty());
  for (const auto& [name, rounds] : results) {
    // A thousand keys a scan and 32 a batch have one time together; the last
    // batch is whole, also where fewer operations were asked for.
    const Json& one = rounds.at(0);
    const double operations = one["operations"];
    const double clocked =
        name.rfind("scan/", 0) == 0        ? std::ceil(operations / 1000)
        : name.rfind("get_batch/", 0) == 0 ? std::ceil(operations / 32)
                                           : 0;
    EXPECT_EQ(one.contains("max_ns"), clocked > 0) << name;
    EXPECT_FALSE(one.contains("p99_ns") && clocked < 1000) << name << one;
  }
}

TEST_F(Benchmarks, CountNoCallsThatGoThroughMappedFiles) {
  auto results = results_of("^get_(hit|miss)/", {"--peers"});
  std::map<std::string, Subject> peers;
  for (const Subject& peer : peer_subjects()) peers[peer.name()] = peer;
  for (const auto& [name, rounds] : results) {
    const std::string who = name.substr(name.find('/') + 1);
    const auto peer = peers.find(who.substr(0, who.find('/')));
    if (peer == peers.end()) continue;
    const Json& get = rounds.at(0);
    EXPECT_EQ(get.contains("reads_per_op"), !peer->second.maps_reads) << name;
    EXPECT_EQ(get.contains("writes_per_op"), !peer->second.maps_writes) << name;
    EXPECT_EQ(get["label"], "peer, system") << name;
  }
}

// The words of a list, those before the first of `ends`.
std::set<std::string> first_words(const std::string& lines,
                                  const std::string& ends) {
  std::set<std::string> words;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    words.insert(line.substr(0, line.find_first_of(ends)));
  }
  return words;
}

TEST_F(Benchmarks, ListAllThatCanBeMeasured) {
  const auto output_of = [&](const std::string& word) {
    start({word});
    EXPECT_EQ(end(), 0) << said_;
    std::ifstream out(home_ / "out");
    return std::string{std::istreambuf_iterator<char>(out), {}};
  };
  EXPECT_EQ(first_words(output_of("--workloads"), " "),
            first_words(output_of("--benchmark_list_tests=true"), "/"));
}

TEST_F(Benchmarks, SetDurablyNoKeyTwice) {
  auto results = results_of("^set_durable/04_keydir/");
  const Json& set = results["set_durable/04_keydir/n:1000/value:100"].at(0);
  EXPECT_NEAR(set["disk_bytes_per_user_byte"], 130.0 / 116, 0.0001);
}

TEST_F(Benchmarks, NameStagesInOtherCircumstancesVariants) {
  auto results = results_of("^start/");
  for (const auto& [name, rounds] : results) {
    const char* kind = name.find("_limit/") != name.npos         ? "limit"
                       : name.rfind("start/07_bitcask/", 0) == 0 ? "stage"
                                                                 : "variant";
    EXPECT_EQ(rounds.at(0)["label"], std::string(kind) + ", system") << name;
  }
}

TEST_F(Benchmarks, MeasureAllWhereTheFilterSaysAll) {
  start({"--quick", "--n", "1000", "--stages", "04", "--benchmark_filter=all"});
  wait_for_output("fill_sequential/04_keydir");
  ::kill(id_, SIGINT);
  EXPECT_EQ(end(), 128 + SIGINT) << said_;
}

TEST_F(Benchmarks, AreAnErrorWhenTheirFileCannotBeWritten) {
  start({"--quick", "--n", "1000", "--benchmark_out=/dev/full",
         "--benchmark_filter=^get_hit/limit_memory/n:1000/value:100/"});
  EXPECT_EQ(end(), 1);
  EXPECT_THAT(said_, HasSubstr("results could not be written"));
}

TEST_F(Benchmarks, KeepWhatIsMeasuredWhenNobodyReadsTheirOutput) {
  for (const char* where : {">&-", "| true", "> /dev/full"}) {
    fs::remove(home_ / "results.json");
    const std::string command =
        "cd " + home_.string() + " && TMPDIR=tmp " + kProgram +
        " --quick --n 1000 --stages 04 --benchmark_filter=^get_hit/" +
        " --benchmark_out=results.json 2>errors " + where;
    (void)std::system(command.c_str());
    EXPECT_GE(written_results().size(), 1U) << where;
    EXPECT_TRUE(left_nothing()) << where;
  }
}

TEST_F(Benchmarks, NameTheFileSystemBehindALink) {
  if (!fs::exists("/dev/shm")) GTEST_SKIP() << "no file system in memory";
  fs::remove(home_ / "tmp");
  fs::create_directory_symlink("/dev/shm", home_ / "tmp");
  (void)results_of("^get_hit/limit_memory/n:1000/value:100/");
  EXPECT_EQ(context_["file_system"], "tmpfs");
  EXPECT_THAT(said_, HasSubstr("reaches no disk"));
}

TEST_F(Benchmarks, RefuseWhatTheyDoNotKnow) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--scan-mib"},
                                             {"--scan-mib=x"},
                                             {"--what"},
                                             {"--n", "1"},
                                             {"--n", "x"},
                                             {"--stages", "11"},
                                             {"--stages", "04,keydir"},
                                             {"--benchmark_filter=["},
                                             {"--benchmark_filter=^lucky"}}) {
    said_.clear();
    start(words);
    EXPECT_EQ(end(), 2) << words.back();
    EXPECT_THAT(said_, HasSubstr("strata_bench: ")) << words.back();
  }
}

}  // namespace
}  // namespace strata::bench
