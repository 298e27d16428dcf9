// Several processes on one store.
#include <chrono>
#include <set>
#include <string>
#include <thread>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::IsEmpty;

class CliWriters : public CommandLine {
 protected:
  // A process that holds the store for writing and has written `a` into a file.
  [[nodiscard]] std::unique_ptr<Running> holder() const {
    auto process = start_into_files({"batch", "--ack"});
    process->write("set\ta\t1\n");
    EXPECT_EQ(process->line(), "ok 1\n");
    return process;
  }

  // Every command that writes to the store.
  [[nodiscard]] std::vector<Arguments> writing_commands() const {
    std::vector<Arguments> all = {{"set", "a", "2"}};
    if (GetParam()->has("del")) all.push_back({"del", "a"});
    if (GetParam()->has("compact")) all.push_back({"compact"});
    return all;
  }
};

STRATA_FOR_EVERY_STAGE(CliWriters);

TEST_P(CliWriters, EveryWritingCommandIsTurnedAwayAtOnce) {
  const auto process = holder();
  const auto before = snapshot();
  const auto begin = std::chrono::steady_clock::now();
  for (const Arguments& command : writing_commands()) {
    expect_error(run(command), 5, "db");
  }
  expect_error(batch("set\ta\t2\n"), 5, "line 1: ");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(snapshot(), before);
}

TEST_P(CliWriters, EveryReadingCommandGoesOnBesideAWriter) {
  const auto process = holder();
  expect_done(run({"get", "a"}), "1\n");
  expect_done(run({"keys"}), "a\n");
  expect_done(run({"scan"}), "a\t1\n");
  EXPECT_EQ(run({"dump"}).code, 0);
  EXPECT_EQ(run({"stats"}).code, 0);
  EXPECT_EQ(batch("get\ta\n").out, "a\t1\n");
  if (GetParam()->has("verify")) {
    EXPECT_EQ(run({"verify"}).code, 0);
  }
  process->write("set\ta\t2\n");
  EXPECT_EQ(process->line(), "ok 2\n");
  expect_done(run({"get", "a"}), "2\n");
}

TEST_P(CliWriters, WhatCannotBeHeldIsToldBeforeWhoHoldsTheStore) {
  const auto process = holder();
  expect_error(run({"set", "", "v"}), 2, "key");
}

TEST_P(CliWriters, AReaderHoldsNobodyUp) {
  EXPECT_EQ(run({"set", "a", "1"}).code, 0);
  const auto reader = start({"shell"});
  reader->write("get a\n");
  EXPECT_EQ(reader->line(), "1\n");
  expect_done(run({"set", "b", "2"}), "");
  EXPECT_EQ(reader->finish().code, 0);
}

TEST_P(CliWriters, ABatchThatOnlyReadsIsNoWriter) {
  const auto process = holder();
  const Outcome outcome = batch("get\ta\nget\tb\n");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "a\t1\nb\n");
}

TEST_P(CliWriters, AShellThatIsTurnedAwayGoesOnAndMayWriteLater) {
  const auto process = holder();
  const auto shell = start({"shell"});
  shell->write("set a 2\nget a\n");
  EXPECT_EQ(shell->line(), "1\n");
  EXPECT_EQ(process->finish().code, 0);
  shell->write("set a 2\nget a\n");
  EXPECT_EQ(shell->line(), "2\n");
  EXPECT_EQ(shell->finish().code, 0);
  expect_done(run({"get", "a"}), "2\n");
}

TEST_P(CliWriters, OneStoreReachedByTwoNamesHasOneWriter) {
  const auto process = holder();
  std::filesystem::create_directory_symlink("db", path("alias"));
  expect_error(run_plain({"--db", "alias", "set", "a", "2"}), 5);
  expect_error(run_plain({"--db", "./db/../db//", "set", "a", "2"}), 5);
}

TEST_P(CliWriters, TwoStoresHaveAWriterEach) {
  const auto process = holder();
  expect_done(run_plain({"--db", "other", "set", "a", "2"}), "");
}

TEST_P(CliWriters, OfManyAtOnceEachIsKeptOrTurnedAway) {
  constexpr int kProcesses = 8;
  std::vector<Outcome> outcomes(kProcesses);
  std::vector<std::thread> threads;
  for (int i = 0; i < kProcesses; ++i) {
    threads.emplace_back([this, i, &outcomes] {
      std::string operations;
      for (int n = 0; n < 20; ++n) {
        operations +=
            "set\tk" + std::to_string(i) + "." + std::to_string(n) + "\tv\n";
      }
      outcomes[static_cast<std::size_t>(i)] = batch(operations);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> expected;
  for (int i = 0; i < kProcesses; ++i) {
    const Outcome& outcome = outcomes[static_cast<std::size_t>(i)];
    EXPECT_THAT(outcome.code, testing::AnyOf(0, 5)) << outcome.err;
    for (int n = 0; n < 20 && outcome.code == 0; ++n) {
      expected.insert("k" + std::to_string(i) + "." + std::to_string(n));
    }
  }
  EXPECT_THAT(expected, testing::Not(IsEmpty())) << "somebody gets in";
  const Outcome keys = run({"keys"});
  EXPECT_EQ(keys.err, "");
  const auto found = lines_of(keys.out);
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), expected);
}

TEST_P(CliWriters, KillNineLeavesTheStoreToTheNextWriterAtOnce) {
  for (int round = 0; round < 5; ++round) {
    const auto process = start({"--sync", "always", "batch", "--ack"});
    process->write("set\tk" + std::to_string(round) + "\tv\n");
    ASSERT_EQ(process->line(), "ok 1\n");
    process->kill();
    EXPECT_EQ(run({"set", "between", "v"}).code, 0);
  }
  EXPECT_EQ(lines_of(run({"keys"}).out).size(), 6U);
}

}  // namespace
}  // namespace strata
