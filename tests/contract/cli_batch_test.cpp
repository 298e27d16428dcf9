// `batch`: its lines, what it prints, and where it stops.
#include <algorithm>
#include <map>
#include <regex>
#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class CliBatch : public CommandLine {
 protected:
  // Expects a whole run with these counts in its last line.
  static void expect_summary(const Outcome& outcome, const std::string& total,
                             const std::string& counts) {
    EXPECT_EQ(outcome.code, 0);
    const auto lines = lines_of(outcome.err);
    ASSERT_EQ(lines.size(), 1U) << outcome.err;
    EXPECT_TRUE(std::regex_match(
        lines[0], std::regex(total + " operations in [0-9.]+ s: " + counts)))
        << lines[0];
  }

  // Expects that line `line` stops a run, and everything before it was done.
  void expect_stop(const std::string& bad, const std::string& why = "") const {
    const Outcome outcome =
        run({"batch"}, "set\tbefore\t1\nget\tbefore\n" + bad + "\nget\tno\n");
    expect_error(outcome, 2, name() + ": line 3: ");
    EXPECT_THAT(outcome.err, HasSubstr(why));
    EXPECT_EQ(outcome.out, "before\t1\n") << bad;
    expect_done(run({"get", "before"}), "1\n");
  }
};

STRATA_FOR_EVERY_STAGE(CliBatch);

// A long batch that is killed.
class CliKilledBatch : public CliBatch {
 protected:
  using Pairs = std::map<std::string, std::string>;

  // Runs the batch, kills it once much has been acknowledged, and returns how
  // many writes were.
  int kill_midway(Arguments options) const {
    constexpr int kEnough = 1000;
    std::string operations;
    for (int i = 1; i <= kWrites; ++i) {
      operations += "set\t" + key(i) + "\t" + value(i) + "\n";
    }
    write_file(path("ops"), operations);
    options.insert(options.end(), {"batch", "--ack", "ops"});
    const auto process = start(options);
    int acknowledged = 0;
    while (acknowledged < kEnough) {
      const std::string expected = "ok " + std::to_string(acknowledged + 1);
      const std::string line = process->line();
      EXPECT_EQ(line, expected + "\n");
      if (line.empty()) break;
      ++acknowledged;
    }
    process->kill();
    while (!process->line().empty()) ++acknowledged;
    return acknowledged;
  }

  // What is in the store after the first `writes`.
  static Pairs pairs_after(int writes) {
    Pairs pairs;
    for (int i = 1; i <= std::min(writes, kWrites); ++i) {
      pairs[key(i)] = value(i);
    }
    return pairs;
  }

  [[nodiscard]] Pairs pairs_found() const {
    const Outcome scan = run({"scan"});
    EXPECT_EQ(scan.code, 0) << scan.err;
    Pairs found;
    for (const std::string& line : lines_of(scan.out)) {
      found[line.substr(0, line.find('\t'))] = line.substr(line.find('\t') + 1);
    }
    return found;
  }

 private:
  static constexpr int kWrites = 30'000;  // more than fit into a pipe unread

  static std::string key(int i) { return "key" + std::to_string(i % 700); }

  static std::string value(int i) {
    return std::to_string(i) +
           std::string(static_cast<std::size_t>(i % 300), 'v');
  }
};

STRATA_FOR_EVERY_STAGE(CliKilledBatch);

TEST_P(CliBatch, SetsAndGetsInTheOrderOfTheLines) {
  const Outcome outcome =
      batch("set\ta\t1\nget\ta\nget\tb\nset\ta\t2\nset\tb\t\nget\ta\nget\tb\n");
  EXPECT_EQ(outcome.out, "a\t1\nb\na\t2\nb\t\n");
  expect_summary(outcome, "7", "3 set, 0 del, 4 get, 0 skipped");
}

TEST_P(CliBatch, ReadsAFileOrStandardInput) {
  write_file(path("ops"), "set\ta\t1\nget\ta\n");
  EXPECT_EQ(run({"batch", "ops"}).out, "a\t1\n");
  EXPECT_EQ(run({"batch", "-"}, "get\ta\n").out, "a\t1\n");
  EXPECT_EQ(run({"batch"}, "get\ta\n").out, "a\t1\n");
}

TEST_P(CliBatch, AnEmptyFileIsNoOperationAndMakesNothing) {
  expect_summary(batch(""), "0", "0 set, 0 del, 0 get, 0 skipped");
  EXPECT_THAT(snapshot(), IsEmpty());
}

TEST_P(CliBatch, TheLastLineNeedsNoNewline) {
  EXPECT_EQ(batch("set\ta\t1\nget\ta").out, "a\t1\n");
  EXPECT_EQ(batch("set\tb\t").code, 0);
  expect_done(run({"get", "b"}), "\n");
}

TEST_P(CliBatch, AFileThatCannotBeReadExits4) {
  expect_error(run({"batch", "missing"}), 4, "missing");
  std::filesystem::create_directory(path("folder"));
  expect_error(run({"batch", "folder"}), 4, "folder");
  expect_error(run({"batch"}, "", [] { ::close(STDIN_FILENO); }), 4,
               "standard input");
  EXPECT_FALSE(is_there("db"));
}

TEST_P(CliBatch, EscapesAreUndoneOnTheWayInAndDoneOnTheWayOut) {
  EXPECT_EQ(batch("set\t\\t\\x41\\\\\t\\x00\\x7f\\r\\xfF\nget\t\\tA\\\\\n").out,
            "\\tA\\\\\t\\x00\\x7f\\r\xff\n");
  const Outcome raw = run({"get", "\tA\\"});
  EXPECT_EQ(raw.out, std::string("\0\x7f\r\xff\n", 5));
}

TEST_P(CliBatch, BytesThatNeedNoEscapeStandForThemselves) {
  const std::string value = "\xc3\xa9 \x80\xff \"quoted\" 'x' \x01";
  EXPECT_EQ(batch("set\tk,\t" + value + "\n").code, is_text() ? 2 : 0);
  EXPECT_EQ(batch("set\tk\t" + value + "\n").code, 0);
  expect_done(run({"get", "k"}), value + "\n");
}

TEST_P(CliBatch, ALineThatCannotBeReadStopsTheRunAndIsNamed) {
  expect_stop("");
  expect_stop("frobnicate\ta", "frobnicate");
  expect_stop("SET\ta\tb", "SET");
  expect_stop("set");
  expect_stop("set\ta");
  expect_stop("set\ta\tb\tc");
  expect_stop("set a b");
  expect_stop(" set\ta\tb");
  expect_stop("get");
  expect_stop("get\ta\tb");
  expect_stop("get\ta\t");
  expect_stop("set\ta\tb\\");
  expect_stop("set\ta\tb\\q");
  expect_stop("set\t\\x\tb");
  expect_stop("set\ta\t\\x4");
  expect_stop("set\ta\t\\xg0");
  expect_stop("set\ta\t\\0");
  expect_stop("get\t\\x4");
  expect_stop("set\ta\tb\r\\");
  expect_stop("compact\tx");
  expect_stop("\t");
  expect_stop("no\x01such");
}

TEST_P(CliBatch, ALineThatTheStoreCannotHoldStopsTheRunAndIsNamed) {
  expect_stop("set\t\tv", "key");
  expect_stop("set\t" + std::string(65536, 'k') + "\tv", "65536");
  if (is_text()) {
    expect_stop("set\ta,b\tv", ",");
    expect_stop("set\ta\\nb\tv", "\\n");
    expect_stop("set\tk\ta\\x0Ab", "\\n");
  }
  if (marks_tombstones_in_values()) {
    expect_stop("set\tk\tbitcask_tombstone", "bitcask_tombstone");
  }
}

TEST_P(CliBatch, NothingIsMadeWhenTheFirstLineIsRefused) {
  for (const char* bad : {"set\t\tv\n", "set\ta\n", "\n", "del\n", "get\n"}) {
    expect_refused({"batch"}, "line 1: ", bad);
  }
  EXPECT_THAT(snapshot(), IsEmpty());
}

TEST_P(CliBatch, DeletesAreRefusedByNameOrSkippedWhereThereAreNone) {
  if (number() >= 6) {
    const Outcome outcome = batch("set\ta\t1\ndel\ta\nget\ta\ndel\tb\n");
    EXPECT_EQ(outcome.out, "a\n");
    expect_summary(outcome, "4", "1 set, 2 del, 1 get, 0 skipped");
    return;
  }
  const std::string operations = "set\ta\t1\ndel\ta\nget\ta\n";
  const Outcome refused = batch(operations);
  expect_error(refused, 2, "line 2: no 'del' yet: ");
  EXPECT_THAT(refused.err, HasSubstr("06_compaction"));
  const Outcome skipped = run({"batch", "--skip-deletes"}, operations);
  EXPECT_EQ(skipped.out, "a\t1\n");
  expect_summary(skipped, "3", "1 set, 0 del, 1 get, 1 skipped");
}

TEST_P(CliBatch, ASkippedDeleteStillHasToBeReadable) {
  if (number() >= 6) return expect_stop("del");
  for (const std::string bad : {"del", "del\ta\tb", "del\t\\x"}) {
    expect_error(run({"batch", "--skip-deletes"}, bad + "\n"), 2, "line 1: ");
  }
}

TEST_P(CliBatch, CompactIsRefusedByNameWhereThereIsNone) {
  if (number() >= 6) {
    EXPECT_EQ(batch("compact\n").code, 0);
    EXPECT_FALSE(is_there("db"));
    return;
  }
  expect_error(batch("compact\n"), 2, "line 1: no 'compact' yet: ");
}

TEST_P(CliBatch, AckNamesTheLineOfEachWriteInOrderWithTheOtherOutput) {
  const std::string operations =
      "get\ta\nset\ta\t1\nget\ta\nset\tb\t2\nget\tc\n";
  const std::string expected = "a\nok 2\na\t1\nok 4\nc\n";
  EXPECT_EQ(run({"batch", "--ack"}, operations).out, expected);
  write_file(path("ops"), operations);
  const std::string later = "a\t1\nok 2\na\t1\nok 4\nc\n";
  EXPECT_EQ(run({"batch", "--ack", "ops"}).out, later);
  EXPECT_EQ(run({"--ack", "batch", "ops"}).out, later);
  EXPECT_EQ(run({"batch", "--skip-deletes", "--ack", "ops"}).out, later);
}

TEST_P(CliBatch, AckIsFlushedBeforeTheNextLineIsThere) {
  const auto process = start_into_files({"batch", "--ack"});
  process->write("get\ta\nset\ta\t1\n");
  EXPECT_EQ(process->line(), "a\n");
  EXPECT_EQ(process->line(), "ok 2\n");
  process->write("set\tb\t2\n");
  EXPECT_EQ(process->line(), "ok 3\n");
  expect_done(run({"get", "b"}), "2\n");
  EXPECT_EQ(process->finish().code, 0);
}

TEST_P(CliKilledBatch, KillNineLosesNoAcknowledgedWrite) {
  const int acknowledged = kill_midway(into_files());
  const Pairs found = pairs_found();
  EXPECT_TRUE(found == pairs_after(acknowledged) ||
              found == pairs_after(acknowledged + 1))
      << acknowledged << " were acknowledged";
  EXPECT_EQ(run({"set", "after", "1"}).code, 0);
}

// Where there is no log, a kill loses what had not been written out yet: the
// memtable, and the one before it if it was just being written. All before them
// is there, in whole tables, and nothing later is.
class CliKilledMemtable : public CliKilledBatch {};

INSTANTIATE_TEST_SUITE_P(Stages, CliKilledMemtable,
                         testing::ValuesIn(stages_without_logs()),
                         name_of_stage);

TEST_P(CliKilledMemtable, KillNineLosesTheLastTwoMemtablesAtMost) {
  constexpr int kMemtableBytes = 4096;
  constexpr int kLeastOfAWrite = 64;  // it costs more memory than that
  const int acknowledged =
      kill_midway({"--memtable-bytes", std::to_string(kMemtableBytes)});
  const Pairs found = pairs_found();
  int kept = 0;
  for (const auto& [key, value] : found)
    kept = std::max(kept, std::stoi(value));
  EXPECT_EQ(found, pairs_after(kept)) << "of what was done, the first part";
  EXPECT_GE(kept, acknowledged - 2 * kMemtableBytes / kLeastOfAWrite);
  EXPECT_LE(kept, acknowledged + 1)
      << "the write that was not told of any more";
  EXPECT_EQ(run({"verify"}).code, 0);
  EXPECT_EQ(run({"dump"}).code, 0);
  EXPECT_EQ(run({"set", "after", "1"}).code, 0);
  EXPECT_EQ(run({"compact"}).code, 0);
  Pairs expected = pairs_after(kept);
  expected["after"] = "1";
  EXPECT_EQ(pairs_found(), expected);
  EXPECT_THAT(data_files(), testing::SizeIs(1)) << "nothing is left over";
}

TEST_P(CliKilledMemtable, KillNineLosesAMemtableThatNeverWasFull) {
  EXPECT_EQ(batch("set\ta\told\nset\tb\t1\n").code, 0);
  const auto before = snapshot();
  const auto process = start({"batch", "--ack"});
  process->write("set\ta\tnew\nset\tc\t1\ndel\tb\nget\ta\n");
  for (const char* line : {"ok 1\n", "ok 2\n", "ok 3\n"}) {
    EXPECT_EQ(process->line(), line);
  }
  process->kill();
  EXPECT_EQ(snapshot(), before);
  expect_done(run({"scan"}), "a\told\nb\t1\n");
}

TEST_P(CliKilledMemtable, OthersSeeAWriteOnceItsMemtableIsWrittenOut) {
  const auto process = start({"--memtable-bytes", "1", "batch", "--ack"});
  process->write("set\ta\t1\n");
  EXPECT_EQ(process->line(), "ok 1\n");
  EXPECT_EQ(run({"get", "a"}).code, 1) << "it is in memory";
  // The second freezes the memtable of the first, the third waits for it.
  process->write("set\tb\t2\nset\tc\t3\nget\tc\n");
  EXPECT_EQ(process->line(), "ok 2\n");
  EXPECT_EQ(process->line(), "ok 3\n");
  expect_done(run({"get", "a"}), "1\n");
  EXPECT_EQ(run({"get", "c"}).code, 1);
  EXPECT_EQ(process->finish().code, 0);
  expect_done(run({"scan"}), "a\t1\nb\t2\nc\t3\n");
}

TEST_P(CliBatch, ErrorsOfTheSystemNameTheLineToo) {
  write_file(path("db"), "no directory");
  expect_error(batch("get\ta\n"), 4, "line 1: ");
  expect_error(batch("set\ta\tb\n"), 4, "line 1: ");
}

TEST_P(CliBatch, LongLinesAreRead) {
  const std::string value(5'000'000, 'v');
  const Outcome outcome = batch("set\tk\t" + value + "\nget\tk\n");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "k\t" + value + "\n");
  EXPECT_EQ(run({"get", "k"}).out, value + "\n");
  EXPECT_EQ(batch(std::string(1'000'000, 'x')).code, 2);
}

TEST_P(CliBatch, AHistoryCanBeReplayedFromWhatScanPrints) {
  const std::string operations =
      "set\ta\\t\\\\b\t\\x00\\r\xff\nset\tb\t\nset\tc\tplain\n";
  EXPECT_EQ(batch(operations).code, 0);
  std::string again;
  for (const auto& line : lines_of(run({"scan"}).out)) {
    again += "set\t" + line + "\n";
  }
  EXPECT_EQ(again, operations);
}

TEST_P(CliBatch, ExplainTellsOfEveryOperation) {
  const Outcome outcome =
      run({"--explain", "batch"}, "set\ta\t1\nset\tb\t2\nget\ta\n");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(lines_of(outcome.err).back(), StartsWith("total: "));
  EXPECT_THAT(outcome.err, HasSubstr("3 operations in "));
  if (logs()) {
    EXPECT_THAT(outcome.err, ContainsRegex("write .*\n.*write "));
    return;
  }
  // Both are written at once, in the end; or each by itself, when it is synced.
  EXPECT_THAT(lines_of(outcome.err).back(), HasSubstr(" 1 write ("));
  const Outcome synced = run({"--explain", "--sync", "always", "batch"},
                             "set\ta\t1\nset\tb\t2\nget\ta\n");
  EXPECT_THAT(lines_of(synced.err).back(), HasSubstr(" 2 writes ("));
}

}  // namespace
}  // namespace strata
