// The program `crash_states` lists what a crash could have left of a batch,
// finds what is lost, and lays out stores that the stages open.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "stages/registry.h"
#include "tests/contract/cli_process.h"
#include "tests/support.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CrashStatesProgram : public testing::Test {
 protected:
  // Runs a program with `batch` as its input.
  Outcome run(const std::string& program, const Arguments& arguments,
              std::string_view batch) const {
    write_file(path("in"), batch);
    const pid_t child = ::fork();
    if (child == 0) {
      (void)std::freopen(path("in").c_str(), "r", stdin);
      (void)std::freopen(path("out").c_str(), "w", stdout);
      (void)std::freopen(path("err").c_str(), "w", stderr);
      Arguments words = {std::string(STRATA_BIN_DIR) + "/" + program};
      words.insert(words.end(), arguments.begin(), arguments.end());
      become(directory_.path(), words);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    Outcome outcome = outcome_of(status);
    outcome.out = read_file(path("out"));
    outcome.err = read_file(path("err"));
    return outcome;
  }

  Outcome crash(const Arguments& arguments, std::string_view batch) const {
    return run("crash_states", arguments, batch);
  }

  // The numbers that stand in front of the lines which hold `word`.
  [[nodiscard]] static std::vector<std::string> numbers_with(
      const std::string& text, const std::string& word) {
    std::vector<std::string> numbers;
    for (const std::string& line : lines_of(text)) {
      if (line.find(word) == std::string::npos) continue;
      const std::size_t first = line.find_first_not_of(' ');
      numbers.push_back(line.substr(first, line.find(' ', first) - first));
    }
    return numbers;
  }

  [[nodiscard]] std::string path(const std::string& file) const {
    return directory_.path() + "/" + file;
  }

  void expect_refused(const Arguments& arguments, std::string_view batch,
                      const std::string& words) const {
    const Outcome outcome = crash(arguments, batch);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, StartsWith("crash_states: "));
    EXPECT_THAT(outcome.err, HasSubstr(words));
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  }

  static constexpr std::string_view kTwo =
      "set\tcity\tRome\nget\tcity\nset\triver\tTiber\n";
  static constexpr std::string_view kMerge =
      "set\thill\tAventine\nset\triver\tTiber\ndel\thill\ncompact\n";

 private:
  TemporaryDirectory directory_;
};

TEST_F(CrashStatesProgram, ListsEveryStateOnceWithANumber) {
  for (const Stage* stage : all_stages()) {
    SCOPED_TRACE(stage->name);
    const Outcome outcome = crash({std::string(stage->name)}, kTwo);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const std::size_t states = numbers_with(outcome.out, "acknowledged").size();
    EXPECT_GT(states, 10U);
    EXPECT_THAT(outcome.out,
                testing::EndsWith(", " + std::to_string(states) + " states\n"));
  }
}

// A kill keeps what the system has: without a log, what syncs wait for.
TEST_F(CrashStatesProgram, NothingIsLostThatSyncsOrAKillHadToKeep) {
  for (const Stage* stage : all_stages()) {
    SCOPED_TRACE(stage->name);
    const std::string name(stage->name);
    Arguments kill = {"--kill"};
    if (!stage->logs) kill.insert(kill.end(), {"--sync", "always"});
    for (const Arguments& how :
         std::vector<Arguments>{{"--sync", "always"}, kill}) {
      Arguments words = {name, "check"};
      words.insert(words.end(), how.begin(), how.end());
      const Outcome outcome =
          crash(words, stage->has("compact") ? kMerge : kTwo);
      EXPECT_EQ(outcome.code, 0) << outcome.err;
      EXPECT_THAT(outcome.out, HasSubstr(" 0 lost, 0 refused\n"));
      EXPECT_EQ(lines_of(outcome.out).size(), 1U) << outcome.out;
    }
  }
}

// A merge writes the memtable out, and the end of the batch does; before that a
// kill loses all of it, and what is left is whole.
TEST_F(CrashStatesProgram, AKillLosesTheMemtableOfAStageWithoutALog) {
  for (const Stage* stage : all_stages()) {
    if (stage->logs) continue;
    SCOPED_TRACE(stage->name);
    const std::string batch = std::string(kMerge) + "set\tcity\tRome\n";
    const Outcome outcome =
        crash({std::string(stage->name), "check", "--kill"}, batch);
    EXPECT_EQ(outcome.code, 1) << outcome.err;
    for (const int acknowledged : {1, 2, 3, 5}) {
      EXPECT_THAT(outcome.out, HasSubstr(" " + std::to_string(acknowledged) +
                                         " acknowledged  "));
    }
    EXPECT_THAT(outcome.out, HasSubstr("hill is not there, should be "));
    EXPECT_THAT(outcome.out, HasSubstr("city is not there, should be 'Rome'"));
    EXPECT_THAT(outcome.out, Not(HasSubstr(" 4 acknowledged  ")));
    EXPECT_THAT(outcome.out, HasSubstr(" lost, 0 refused\n"));
    EXPECT_THAT(crash({std::string(stage->name), "list", "--kill"}, batch).out,
                HasSubstr(" 4 acknowledged  "));
  }
}

TEST_F(CrashStatesProgram, TakesTheNamesThatAStageHasForANumber) {
  for (const Stage* stage : all_stages()) {
    for (const OptionSpec& spec : stage->options) {
      if (spec.choices.empty()) continue;
      const std::string name(stage->name);
      const std::string option(spec.name);
      for (const std::string_view choice : spec.choices) {
        EXPECT_EQ(
            crash({name, option, std::string(choice), "--summary"}, kTwo).code,
            0);
      }
      expect_refused({name, option, "magic"}, kTwo, "magic");
    }
  }
}

// One size may have two names, and each of them alone sets it: a write fills a
// segment, or a memtable, of one byte.
TEST_F(CrashStatesProgram, TakesTheSizeOfASegmentByEachOfItsNames) {
  for (const Stage* stage : all_stages()) {
    for (const char* option : {"--segment-bytes", "--memtable-bytes"}) {
      if (!has_option(*stage, option)) continue;
      const auto creates = [&](const std::string& size) {
        return numbers_with(crash({std::string(stage->name), option, size,
                                   "--sync", "never", "changes"},
                                  kTwo)
                                .out,
                            "create ")
            .size();
      };
      EXPECT_GT(creates("1"), creates("10000000")) << stage->name << option;
    }
  }
}

TEST_F(CrashStatesProgram, APowerCutWithoutSyncsLoses) {
  const Outcome outcome = crash({"01_scan_log", "check"}, kTwo);
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("city is not there, should be 'Rome'\n"));
}

TEST_F(CrashStatesProgram, EachSyncOfTwoWritesKeepsSomething) {
  const Arguments how = {"04_keydir", "--sync", "always"};
  const auto with = [&](const Arguments& more) {
    Arguments words = how;
    words.insert(words.end(), more.begin(), more.end());
    return crash(words, kTwo);
  };
  const auto syncs = numbers_with(with({"changes"}).out, "sync ");
  ASSERT_EQ(syncs.size(), 4U);
  for (const std::string& sync : syncs) {
    EXPECT_EQ(with({"--without-sync", sync, "--summary", "check"}).code, 1)
        << "without sync " << sync;
  }
}

TEST_F(CrashStatesProgram, ADeletedKeyComesBackWithoutOneSyncOfAMerge) {
  const Arguments how = {"06_compaction", "--sync", "always", "--segment-bytes",
                         "30"};
  Arguments words = how;
  words.emplace_back("changes");
  const auto removals = numbers_with(crash(words, kMerge).out, "remove ");
  ASSERT_EQ(removals.size(), 2U);
  words = how;
  words.insert(words.end(), {"check", "--without-sync",
                             std::to_string(std::stoi(removals[0]) + 1)});
  const Outcome outcome = crash(words, kMerge);
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_THAT(outcome.out,
              HasSubstr("hill is 'Aventine', should not be there\n"));
}

TEST_F(CrashStatesProgram, WritesStoresThatTheStagesOpen) {
  for (const std::string stage : {"01_scan_log", "06_compaction"}) {
    SCOPED_TRACE(stage);
    const Outcome list = crash({stage, "--sync", "always"}, kTwo);
    const auto states = numbers_with(list.out, "1 acknowledged");
    ASSERT_FALSE(states.empty());
    for (const std::string& state : states) {
      const std::string db = stage + "_" + state;
      const Arguments words = {stage, "--sync", "always", "write", state, db};
      EXPECT_EQ(crash(words, kTwo).code, 0);
      EXPECT_EQ(run(stage, {"--db", db, "get", "city"}, "").out, "Rome\n");
      EXPECT_EQ(run(stage, {"--db", db, "set", "hill", "Aventine"}, "").code,
                0);
      EXPECT_EQ(run(stage, {"--db", db, "get", "hill"}, "").out, "Aventine\n");
      expect_refused(words, kTwo, "missing or empty");
    }
  }
}

TEST_F(CrashStatesProgram, ReadsABatchAsTheStagesDo) {
  const std::string batch =
      "set\tpoem\ttwo\\nlines\nset\t\\xff\\t\t\nget\tpoem\nset\tpoem\t\\x41";
  for (const std::string stage : {"04_keydir", "07_bitcask"}) {
    SCOPED_TRACE(stage);
    EXPECT_EQ(run(stage, {"--db", "batch" + stage, "batch"}, batch).code, 0);
    const auto states =
        numbers_with(crash({stage, "--kill"}, batch).out, " 3 acknowledged");
    ASSERT_FALSE(states.empty());
    const Arguments words = {stage, "--kill", "write", states[0], stage};
    EXPECT_EQ(crash(words, batch).code, 0);
    const std::string pairs = run(stage, {"--db", stage, "scan"}, "").out;
    EXPECT_EQ(lines_of(pairs).size(), 2U);
    EXPECT_EQ(pairs, run(stage, {"--db", "batch" + stage, "scan"}, "").out);
  }
}

TEST_F(CrashStatesProgram, ShowsTheFilesOfAStateAndWhatTheStoreSays) {
  const Outcome list = crash({"04_keydir"}, kTwo);
  const auto cut = numbers_with(list.out, "at 22 cut at byte 1");
  ASSERT_FALSE(cut.empty());
  const Outcome outcome = crash({"04_keydir", "show", cut.back()}, kTwo);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("db/log.bin  "));
  EXPECT_THAT(outcome.out, HasSubstr("torn tail: db/log.bin: offset 22"));
}

TEST_F(CrashStatesProgram, RefusesInOneLine) {
  expect_refused({}, kTwo, "which stage?");
  expect_refused({"11_dreams"}, kTwo, "no stage '11_dreams'");
  expect_refused({"04_keydir", "--sync", "often"}, kTwo, "often");
  expect_refused({"04_keydir", "guess"}, kTwo, "no command 'guess'");
  expect_refused({"04_keydir", "show", "x"}, kTwo, "'x'");
  expect_refused({"04_keydir", "show", "9999"}, kTwo, "no state 9999");
  expect_refused({"04_keydir", "--without-sync", "3"}, kTwo, "is no sync");
  expect_refused({"04_keydir", "--without-sync", "-3"}, kTwo, "'-3'");
  expect_refused({"04_keydir"}, "set\ta\tb\ndel\ta\n", "line 2: no 'del' yet");
  expect_refused({"04_keydir"}, "set\ta\n",
                 "line 1: set wants a key and a value");
}

TEST_F(CrashStatesProgram, RefusesWhatWouldTakeTooLong) {
  std::string many;
  for (int i = 0; i < 500; ++i) many += "set\ta\tb\n";
  expect_refused({"04_keydir"}, many, "take a shorter batch");
  expect_refused({"04_keydir"}, many.substr(0, many.size() / 4),
                 "more states than");
  expect_refused({"04_keydir"}, std::string(70'000, 'x'), "too long");
}

}  // namespace
}  // namespace strata
