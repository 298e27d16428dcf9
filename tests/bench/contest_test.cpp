// Contests are fair: turns come one after the other, round after round, and
// nothing that one has begun goes on in another's turn.
#include "bench/contest.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/temporary.h"

namespace strata::bench {
namespace {

using testing::ElementsAre;

// Keeps what Google Benchmark would show.
class Kept final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& /*context*/) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const std::string& name = run.run_name.function_name;
      if (run.error_occurred) {
        errors[name] = run.error_message;
      } else if (run.run_type == Run::RT_Iteration) {
        seconds[name].push_back(run.real_accumulated_time);
      }
    }
  }

  std::map<std::string, std::vector<double>> seconds;
  std::map<std::string, std::string> errors;
};

// Holds the contests that are registered.
Kept hold() {
  (void)select_contestants("");
  Kept kept;
  benchmark::RunSpecifiedBenchmarks(&kept, ".");
  benchmark::ClearRegisteredBenchmarks();
  return kept;
}

TEST(Contests, TakeTurnsOnceToWarmUpAndThenInRoundsThatOthersBegin) {
  std::string turns;
  double now = 0;
  Contest contest;
  contest.name = "letters";
  contest.rounds = 3;
  contest.prepare = [&] { turns += "("; };
  contest.clean_up = [&] { turns += ")"; };
  for (const char* name : {"a", "b", "c"}) {
    contest.contestants.push_back({name,
                                   "stage, system",
                                   [&turns, &now, name] {
                                     turns += name;
                                     return ++now;
                                   },
                                   {},
                                   {}});
  }
  register_contest(std::move(contest));
  const Kept kept = hold();
  EXPECT_EQ(turns, "(abcabcbcacab)");
  EXPECT_THAT(kept.seconds.at("letters/a"), ElementsAre(4, 9, 11));
  EXPECT_THAT(kept.seconds.at("letters/c"), ElementsAre(6, 8, 10));
}

// Makes a file durable, which takes a while and hardly any processor time.
void sync_much() {
  const TemporaryDirectory directory;
  const int file =
      ::open(directory.path("synced").c_str(), O_WRONLY | O_CREAT, 0666);
  const std::string much(64 << 20, 'x');
  EXPECT_EQ(::write(file, much.data(), much.size()), much.size());
  EXPECT_EQ(::fsync(file), 0);
  ::close(file);
}

TEST(Contests, BeginNoTurnWhileAnothersWorkGoesOn) {
  using Clock = std::chrono::steady_clock;
  std::future<void> work;
  int disturbed = 0;
  Contest contest;
  contest.name = "disturbed";
  contest.rounds = 2;
  contest.contestants.push_back(
      {"busy",
       "stage, system",
       [&] {
         work = std::async(std::launch::async, [] {
           const auto end = Clock::now() + std::chrono::milliseconds(50);
           while (Clock::now() < end) {
           }
           sync_much();
         });
         return 1.0;
       },
       {},
       {}});
  contest.contestants.push_back({"next",
                                 "stage, system",
                                 [&] {
                                   const auto state =
                                       work.wait_for(std::chrono::seconds(0));
                                   if (state != std::future_status::ready)
                                     ++disturbed;
                                   return 1.0;
                                 },
                                 {},
                                 {}});
  register_contest(std::move(contest));
  const Kept kept = hold();
  EXPECT_EQ(kept.errors.size(), 0U);
  EXPECT_EQ(disturbed, 0);
}

TEST(Contests, GoOnWithoutWhoFailsAndCleanUpAfterAPreparationThatFailed) {
  std::string turns;
  Contest failing;
  failing.name = "failing";
  failing.rounds = 2;
  failing.contestants.push_back(
      {"bad",
       "stage, system",
       []() -> double { throw std::runtime_error("wrong answer"); },
       {},
       {}});
  failing.contestants.push_back({"good",
                                 "stage, system",
                                 [&turns] {
                                   turns += "g";
                                   return 1.0;
                                 },
                                 {},
                                 {}});
  register_contest(std::move(failing));
  bool cleaned = false;
  Contest unprepared;
  unprepared.name = "unprepared";
  unprepared.prepare = [] { throw std::runtime_error("no room"); };
  unprepared.clean_up = [&] { cleaned = true; };
  unprepared.contestants.push_back(
      {"one", "stage, system", [] { return 1.0; }, {}, {}});
  register_contest(std::move(unprepared));
  const Kept kept = hold();
  EXPECT_EQ(turns, "ggg");
  EXPECT_EQ(kept.errors.at("failing/bad"), "wrong answer");
  EXPECT_EQ(kept.seconds.at("failing/good").size(), 2U);
  EXPECT_EQ(kept.errors.at("unprepared/one"), "no room");
  EXPECT_TRUE(cleaned);
}

}  // namespace
}  // namespace strata::bench
