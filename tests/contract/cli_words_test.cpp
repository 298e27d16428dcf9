// The small print of arguments and of the lines of a batch.
#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::HasSubstr;

class CliWords : public CommandLine {
 protected:
  [[nodiscard]] const Stage& stage() const { return *GetParam(); }

  // Expects that `line` is refused as the second of a batch.
  void expect_line_refused(const std::string& line) const {
    const Outcome outcome = batch("get\tk\n" + line + "\n");
    expect_error(outcome, 2, name() + ": line 2: ");
    EXPECT_EQ(outcome.out, "k\n") << line;
    EXPECT_FALSE(is_there("db")) << line;
  }
};

STRATA_FOR_EVERY_STAGE(CliWords);

TEST_P(CliWords, OptionsBehindTheCommandAreWordsTooMany) {
  expect_refused({"get", "a", "--explain"}, "get KEY");
  expect_refused({"set", "a", "b", "--sync", "always"}, "set KEY VALUE");
  expect_refused({"keys", "--db", "other"}, "keys");
  expect_refused({"set", "--", "k", "v"}, "set KEY VALUE");
  expect_refused({"keys", "--help"}, "keys");
  EXPECT_FALSE(is_there("other"));
}

TEST_P(CliWords, AFlagTakesNoNonsense) {
  expect_refused({"--explain=maybe", "keys"}, "--explain");
  expect_refused({"--ack=maybe", "batch"}, "--ack");
  expect_refused({"--db", "db", "--db"}, "--db");
  expect_refused({"--sync=always"}, "help");
}

TEST_P(CliWords, CommandsOfThisStageCountTheirWordsToo) {
  if (stage().has("del")) {
    expect_refused({"del"}, "del KEY");
    expect_refused({"del", "a", "b"}, "del KEY");
  }
  if (stage().has("compact")) {
    expect_refused({"compact", "now"}, "compact");
  }
  if (stage().has("verify")) {
    expect_refused({"verify", "log"}, "verify");
  }
  if (stage().has("salvage")) {
    expect_refused({"salvage"}, "salvage DIR");
    expect_refused({"salvage", "a", "b"}, "salvage DIR");
  }
  expect_refused({"scan", "a", "b", "c"}, "scan [FROM [TO]]");
}

TEST_P(CliWords, DeletesAreRefusedInTheWordsOfTheContract) {
  const std::string words =
      ": no 'del' yet: tombstones arrive with 06_compaction\n";
  if (stage().has("del")) {
    expect_done(run({"del", "a"}), "");
    return;
  }
  EXPECT_EQ(run({"del", "a"}).err, name() + words);
  EXPECT_EQ(run({"shell"}, "del a\n").err, name() + words);
  EXPECT_EQ(batch("del\ta\n").err, name() + ": line 1" + words);
}

TEST_P(CliWords, ControlBytesNeverReachTheTerminalInAMessage) {
  const std::string evil = "\x1b[2J\a\b\r\x7f";
  for (const Arguments& arguments :
       {Arguments{evil}, Arguments{"--" + evil},
        Arguments{"--sync", evil, "keys"}, Arguments{"dump", evil},
        Arguments{"batch", evil}}) {
    const Outcome outcome = run(arguments);
    EXPECT_NE(outcome.code, 0);
    expect_error(outcome, outcome.code);
    EXPECT_EQ(outcome.err.find_first_of("\x1b\a\b\r\x7f"), std::string::npos)
        << outcome.err;
  }
  const Outcome line = batch(evil + "\n");
  expect_error(line, 2, "line 1: ");
  EXPECT_EQ(line.err.find_first_of("\x1b\a\b\r\x7f"), std::string::npos);
}

TEST_P(CliWords, OnlyTheEscapesOfTheContractAreRead) {
  for (const char* wrong :
       {"\\N", "\\.", "\\X41", "\\101", "\\b", "\\f", "\\v", "\\\"", "\\u0041",
        "\\ ", "\\x", "\\x4g", "\\x 1", "\\x+1", "\\x-1", "ends in one\\"}) {
    expect_line_refused(std::string("set\tk\t") + wrong);
    expect_line_refused(std::string("set\t") + wrong + "\tv");
    expect_line_refused(std::string("get\t") + wrong);
  }
}

TEST_P(CliWords, ABackslashBeforeALetterCanBeSaid) {
  EXPECT_EQ(batch("set\tk\t\\\\n\\\\x41\\\\\\\\\n").code, 0);
  expect_done(run({"get", "k"}), "\\n\\x41\\\\\n");
  expect_done(run({"scan"}), "k\t\\\\n\\\\x41\\\\\\\\\n");
}

TEST_P(CliWords, HexDigitsMayBeUpperOrLowerCase) {
  EXPECT_EQ(batch("set\tk\t\\xaB\\xAb\\xab\\xAB\\x6B\\x6b\n").code, 0);
  expect_done(run({"get", "k"}), "\xab\xab\xab\xabkk\n");
}

TEST_P(CliWords, ACarriageReturnBelongsToItsField) {
  EXPECT_EQ(batch("set\ta\t1\r\n").code, 0);
  expect_done(run({"scan"}), "a\t1\\r\n");
  EXPECT_EQ(batch("get\ta\r\n").out, "a\\r\n");
}

TEST_P(CliWords, ANullByteOfALineIsAByte) {
  const std::string line("set\tk\0k\tv\0v\n", 12);
  EXPECT_EQ(batch(line).code, 0);
  expect_done(run({"scan"}), "k\\x00k\tv\\x00v\n");
  EXPECT_EQ(run({"get", "k"}).code, 1);
}

TEST_P(CliWords, ALengthIsCountedInBytesNotInEscapes) {
  std::string longest;
  for (std::size_t i = 0; i < stage().limits.max_key_bytes; ++i) {
    longest += "\\x6b";
  }
  EXPECT_EQ(batch("set\t" + longest + "\tv\n").code, 0);
  expect_done(run({"get", std::string(stage().limits.max_key_bytes, 'k')}),
              "v\n");
  expect_error(batch("set\t" + longest + "\\x6b\tv\n"), 2, "65536");
}

TEST_P(CliWords, WhatATextLineCannotHoldComesBackEscapedWhereItCanBeHeld) {
  if (stage().limits.key_forbids.find('\n') != std::string_view::npos) {
    expect_line_refused("set\ta\\nb\tv");
    return;
  }
  EXPECT_EQ(batch("set\ta\\nb,\tc\\nd\nset\ta\tx\n").code, 0);
  expect_done(run({"scan"}), "a\tx\na\\nb,\tc\\nd\n");
  expect_done(run({"get", "a\nb,"}), "c\nd\n");
  EXPECT_THAT(lines_of(run({"keys"}).out),
              testing::UnorderedElementsAre("a", "a\\nb,"));
}

TEST_P(CliWords, ASkippedDeleteIsNotAcknowledged) {
  if (stage().has("del")) {
    EXPECT_EQ(run({"batch", "--ack", "--skip-deletes"}, "del\ta\n").out,
              "ok 1\n");
    return;
  }
  const Outcome outcome = run({"batch", "--ack", "--skip-deletes"},
                              "set\ta\t1\ndel\ta\nset\tb\t2\ndel\tb\n");
  EXPECT_EQ(outcome.out, "ok 1\nok 3\n");
  EXPECT_THAT(outcome.err, HasSubstr(": 2 set, 0 del, 0 get, 2 skipped\n"));
}

TEST_P(CliWords, SkippingDeletesMakesNoStore) {
  if (stage().has("del")) return;
  EXPECT_EQ(run({"batch", "--skip-deletes"}, "del\ta\ndel\tb\n").code, 0);
  EXPECT_FALSE(is_there("db"));
}

TEST_P(CliWords, ARunThatStopsHasNoSummaryAndKeepsItsAcknowledgements) {
  const Outcome outcome =
      run({"batch", "--ack"}, "set\ta\t1\nset\tb\t2\nnonsense\nset\tc\t3\n");
  expect_error(outcome, 2, "line 3: ");
  EXPECT_EQ(outcome.out, "ok 1\nok 2\n");
  expect_done(run({"scan"}), "a\t1\nb\t2\n");
}

TEST_P(CliWords, ADirectoryAsStandardInputExits4) {
  const Outcome outcome = run({"batch"}, "", [] {
    ::dup2(::open("/", O_RDONLY | O_DIRECTORY), STDIN_FILENO);
  });
  expect_error(outcome, 4, "standard input");
}

TEST_P(CliWords, TheSummaryCountsItsSeconds) {
  const Outcome outcome = batch("set\ta\t1\nget\ta\nget\tb\n");
  EXPECT_THAT(outcome.err,
              testing::MatchesRegex("3 operations in [0-9]+\\.[0-9]+ s: "
                                    "1 set, 0 del, 2 get, 0 skipped\n"));
  EXPECT_EQ(outcome.out, "a\t1\nb\n");
}

}  // namespace
}  // namespace strata
