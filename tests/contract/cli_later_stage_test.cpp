// A stage that is not in the story yet: it has deletes, compaction and an
// option of its own, and joins the command line by its description alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/cli/cli.h"
#include "common/store/stage.h"
#include "tests/contract/cli_process.h"

namespace strata {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// What the store of the later stage holds, and what was done to it.
std::map<std::string, std::string, std::less<>> held;
std::uint64_t dead = 0;
std::uint64_t segment_bytes = 0;
std::vector<Mode> opened;

class LaterStore : public Store {
 public:
  void set(std::string_view key, std::string_view value) override {
    dead += held.count(key);
    held[std::string(key)] = value;
  }

  bool get(std::string_view key, std::string& value) override {
    const auto found = held.find(key);
    if (found == held.end()) return false;
    value = found->second;
    return true;
  }

  void del(std::string_view key) override {
    dead += held.erase(std::string(key));
  }

  void keys(const KeyVisitor& visit) override {
    for (const auto& [key, value] : held) visit(key);
  }

  void scan(std::string_view /*from*/, std::string_view /*to*/,
            const PairVisitor& visit) override {
    for (const auto& [key, value] : held) visit(key, value);
  }

  void compact() override { dead = 0; }

  Stats stats() override {
    Stats stats;
    stats.keys = held.size();
    stats.disk_bytes = 10 * (held.size() + dead);
    stats.files = stats.disk_bytes > 0 ? 1 : 0;
    return stats;
  }

  void dump(std::string_view /*file*/, const DumpVisitor& /*visit*/) override {}
};

const Stage& later_stage() {
  static const Stage stage = {
      .name = "06_later",
      .title = "a stage yet to come",
      .flaw = "None.",
      .limits = {},
      .options = {{.name = "--segment-bytes",
                   .help = "close a segment at this size",
                   .default_value = 4096,
                   .min = 64,
                   .max = 1 << 20}},
      .refuses = {{.name = "verify", .why = "it comes later"},
                  {.name = "--expiry-seconds", .why = "it comes later"}},
      .checksums = false,
      .scans = false,
      .open = [](const Options& options) -> std::unique_ptr<Store> {
        opened.push_back(options.mode);
        segment_bytes = later_stage().number(options, "--segment-bytes");
        return std::make_unique<LaterStore>();
      },
  };
  return stage;
}

class CliOfALaterStage : public testing::Test {
 protected:
  CliOfALaterStage() {
    held.clear();
    opened.clear();
    dead = 0;
  }

  static Outcome run_it(Arguments words) {
    words.insert(words.begin(), "06_later");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Outcome outcome;
    outcome.code =
        run(later_stage(), static_cast<int>(words.size()), argv.data());
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err = testing::internal::GetCapturedStderr();
    return outcome;
  }

  Outcome batch(const Arguments& flags, std::string_view operations) {
    const std::string file = directory_.path() + "/ops";
    write_file(file, operations);
    Arguments words = {"batch"};
    words.insert(words.end(), flags.begin(), flags.end());
    words.push_back(file);
    return run_it(words);
  }

 private:
  TemporaryDirectory directory_;
};

TEST_F(CliOfALaterStage, DeletesAndAMissingKeyIsNoError) {
  EXPECT_EQ(run_it({"set", "a", "1"}).code, 0);
  EXPECT_EQ(run_it({"del", "a"}).code, 0);
  EXPECT_EQ(run_it({"del", "a"}).code, 0);
  EXPECT_EQ(run_it({"get", "a"}).code, 1);
}

TEST_F(CliOfALaterStage, ADeleteThatIsRefusedOpensNothing) {
  EXPECT_EQ(run_it({"del", ""}).code, 2);
  EXPECT_EQ(run_it({"del"}).code, 2);
  EXPECT_EQ(batch({}, "del\t\n").code, 2);
  EXPECT_THAT(opened, IsEmpty());
}

TEST_F(CliOfALaterStage, DeletesInABatchAreCountedAndAcknowledged) {
  const Outcome outcome =
      batch({"--ack", "--skip-deletes"}, "set\ta\t1\ndel\ta\nget\ta\ndel\tb\n");
  EXPECT_EQ(outcome.out, "ok 1\nok 2\na\nok 4\n");
  EXPECT_THAT(outcome.err, HasSubstr(": 1 set, 2 del, 1 get, 0 skipped\n"));
}

TEST_F(CliOfALaterStage, CompactTellsBytesAndFilesBeforeAndAfter) {
  EXPECT_EQ(batch({}, "set\ta\t1\nset\ta\t2\nset\ta\t3\n").code, 0);
  const Outcome outcome = run_it({"compact"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out,
            "before: 30 bytes in 1 files\nafter: 10 bytes in 1 files\n");
}

TEST_F(CliOfALaterStage, CompactOfAnEmptyStoreIsDoneWithoutWriting) {
  EXPECT_EQ(run_it({"compact"}).code, 0);
  EXPECT_EQ(batch({}, "compact\n").code, 0);
  EXPECT_THAT(opened, Not(testing::Contains(Mode::kWrite)));
}

TEST_F(CliOfALaterStage, AnOptionOfItsOwnReachesTheStore) {
  EXPECT_EQ(run_it({"keys"}).code, 0);
  EXPECT_EQ(segment_bytes, 4096U);
  EXPECT_EQ(run_it({"--segment-bytes", "100", "keys"}).code, 0);
  EXPECT_EQ(segment_bytes, 100U);
  EXPECT_EQ(run_it({"--segment-bytes", "63", "keys"}).code, 2);
}

TEST_F(CliOfALaterStage, WhatItRefusesIsRefusedInItsWords) {
  EXPECT_EQ(run_it({"verify"}).err,
            "06_later: no 'verify' yet: it comes later\n");
  EXPECT_EQ(run_it({"--expiry-seconds", "5", "keys"}).err,
            "06_later: no '--expiry-seconds' yet: it comes later\n");
}

TEST_F(CliOfALaterStage, HelpIsMadeFromTheDescription) {
  const std::string help = run_it({"help"}).out;
  EXPECT_THAT(help, ContainsRegex("\n  del KEY "));
  EXPECT_THAT(help, ContainsRegex("\n  compact "));
  EXPECT_THAT(help, ContainsRegex("--segment-bytes N .*default 4096"));
  EXPECT_THAT(help, ContainsRegex("not yet:\n  verify +it comes later"));
}

TEST_F(CliOfALaterStage, AFlagOfAnotherCommandIsRefused) {
  EXPECT_EQ(run_it({"--ack", "keys"}).code, 2);
  EXPECT_EQ(run_it({"--json", "batch"}).code, 2);
  EXPECT_THAT(opened, IsEmpty());
}

}  // namespace
}  // namespace strata
