// The ledger of `--explain`, held against what lies on disk.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <regex>
#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

// One line of a ledger.
struct LedgerLine {
  std::string call;
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::string purpose;
};

// A number as the ledger writes it, "2,000".
std::uint64_t number_in(std::string digits) {
  digits.erase(std::remove(digits.begin(), digits.end(), ','), digits.end());
  return std::stoull(digits);
}

class CliLedger : public CommandLine {
 protected:
  // The lines of one call in a ledger: those of "read", of "sync", …
  static std::vector<LedgerLine> calls(const std::string& ledger,
                                       const std::string& call) {
    const std::regex moved(
        R"((read|write) +(\S+)  offset (\d+)  ([\d,]+) bytes?  (\S.*))");
    const std::regex other(R"((\w+) +(\S+)  (\S.*))");
    std::vector<LedgerLine> found;
    for (const std::string& line : lines_of(ledger)) {
      std::smatch part;
      if (line.substr(0, call.size() + 1) != call + " ") continue;
      if (std::regex_match(line, part, moved)) {
        found.push_back({part[1], part[2], number_in(part[3]),
                         number_in(part[4]), part[5]});
      } else if (std::regex_match(line, part, other) && call != "read" &&
                 call != "write") {
        found.push_back({part[1], part[2], 0, 0, part[3]});
      } else {
        ADD_FAILURE() << "no line of a ledger: " << line;
      }
    }
    return found;
  }

  // Those on files that hold records.
  static std::vector<LedgerLine> data_calls(const std::string& ledger,
                                            const std::string& call) {
    std::vector<LedgerLine> found;
    for (const LedgerLine& line : calls(ledger, call)) {
      if (holds_records(line.file)) found.push_back(line);
    }
    return found;
  }

  static std::uint64_t bytes_of(const std::vector<LedgerLine>& lines) {
    std::uint64_t bytes = 0;
    for (const LedgerLine& line : lines) bytes += line.bytes;
    return bytes;
  }

  // Expects that the last line adds up the lines before it.
  static void expect_total(const std::string& ledger) {
    ASSERT_NE(ledger, "");
    const std::string total = lines_of(ledger).back();
    std::smatch part;
    ASSERT_TRUE(std::regex_search(
        total, part,
        std::regex(R"(^total: ([\d,]+) opens?, ([\d,]+) reads? \(([\d,]+) )"
                   R"(bytes?\), ([\d,]+) writes? \(([\d,]+) bytes?\), )"
                   R"(([\d,]+) syncs?)")))
        << total;
    EXPECT_THAT(calls(ledger, "open"), SizeIs(number_in(part[1])));
    EXPECT_THAT(calls(ledger, "read"), SizeIs(number_in(part[2])));
    EXPECT_EQ(bytes_of(calls(ledger, "read")), number_in(part[3]));
    EXPECT_THAT(calls(ledger, "write"), SizeIs(number_in(part[4])));
    EXPECT_EQ(bytes_of(calls(ledger, "write")), number_in(part[5]));
    EXPECT_THAT(calls(ledger, "sync"), SizeIs(number_in(part[6])));
  }

  static auto in_file(const std::string& file) {
    return testing::Field("file", &LedgerLine::file, file);
  }
};

STRATA_FOR_EVERY_STAGE(CliLedger);

TEST_P(CliLedger, TheTotalAddsUpTheLines) {
  for (const Arguments& command :
       {Arguments{"set", "a", "1"}, Arguments{"set", "b", "2"},
        Arguments{"--sync", "always", "set", "a", "3"}, Arguments{"get", "a"},
        Arguments{"get", "nothing"}, Arguments{"keys"}, Arguments{"scan"},
        Arguments{"stats"}, Arguments{"dump"}}) {
    Arguments arguments = {"--explain"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const Outcome outcome = run(arguments);
    EXPECT_LE(outcome.code, 1) << outcome.err;
    EXPECT_THAT(outcome.out, Not(HasSubstr("total: ")));
    expect_total(outcome.err);
  }
}

TEST_P(CliLedger, WhatASetWritesIsWhatTheFilesGrewBy) {
  std::uint64_t before = 0;
  for (const std::size_t size : {0U, 1U, 1000U, 100'000U}) {
    const Outcome outcome = run_with(
        unmerged(), {"--explain", "set", "key", std::string(size, 'v')});
    std::uint64_t after = 0;
    for (const std::string& file : data_files()) {
      after += std::filesystem::file_size(file);
    }
    EXPECT_EQ(bytes_of(data_calls(outcome.err, "write")), after - before);
    before = after;
  }
}

TEST_P(CliLedger, AWriteBeginsWhereTheFileEnded) {
  EXPECT_EQ(run({"set", "a", "1"}).code, 0);
  const std::string file = newest_file();
  const std::uint64_t end = read_file(file).size();
  const auto writes =
      data_calls(run({"--explain", "set", "b", "2"}).err, "write");
  ASSERT_THAT(writes, SizeIs(1));
  EXPECT_THAT(writes[0].file, StartsWith("db/"));
  const bool same_file = path(writes[0].file) == file;
  EXPECT_EQ(writes[0].offset, same_file ? end : 0);
}

TEST_P(CliLedger, ReadsStayWithinTheFile) {
  EXPECT_EQ(batch("set\ta\t1\nset\tb\t2\nset\ta\t3\n").code, 0);
  for (const char* key : {"a", "b", "nothing"}) {
    const auto reads = calls(run({"--explain", "get", key}).err, "read");
    EXPECT_GE(reads.size(), 1U);
    for (const LedgerLine& read : reads) {
      EXPECT_LE(read.offset + read.bytes,
                std::filesystem::file_size(path(read.file)))
          << key;
    }
  }
}

TEST_P(CliLedger, AReaderNeitherWritesNorSyncsNorLocks) {
  EXPECT_EQ(run({"set", "a", "1"}).code, 0);
  for (const char* command : {"keys", "scan", "stats", "dump"}) {
    const std::string ledger =
        run({"--explain", "--sync", "always", command}).err;
    for (const char* call :
         {"write", "sync", "lock", "truncate", "mkdir", "rename", "unlink"}) {
      EXPECT_THAT(calls(ledger, call), IsEmpty()) << command << ": " << call;
    }
  }
}

TEST_P(CliLedger, WithSyncNeverNothingIsSynced) {
  for (const char* value : {"1", "2"}) {
    const Outcome outcome = run({"--explain", "set", "a", value});
    EXPECT_THAT(calls(outcome.err, "sync"), IsEmpty()) << outcome.err;
  }
}

TEST_P(CliLedger, WithSyncAlwaysEveryNewNameIsSyncedWhereItStands) {
  const Outcome outcome = run_plain(
      {"--db", "a/b/c", "--sync", "always", "--explain", "set", "k", "v"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto syncs = calls(outcome.err, "sync");
  for (const char* directory : {".", "a", "a/b", "a/b/c"}) {
    EXPECT_THAT(syncs, Contains(in_file(directory)));
  }
  ASSERT_GE(syncs.size(), 2U);
  if (logs()) {
    EXPECT_THAT(syncs.back().file, StartsWith("a/b/c/"));
    return;
  }
  // A table has its name last, when all of it is on disk.
  EXPECT_THAT(syncs[syncs.size() - 2].file, StartsWith("a/b/c/"));
  EXPECT_EQ(syncs.back().file, "a/b/c");
  const auto rename = outcome.err.find("\nrename ");
  EXPECT_LT(outcome.err.find("\nsync     a/b/c/"), rename);
  EXPECT_LT(rename, outcome.err.rfind("\nsync     a/b/c  "));
}

TEST_P(CliLedger, WithSyncAlwaysEveryWriteIsSyncedBeforeItIsAcknowledged) {
  const Outcome outcome = run({"--explain", "--sync", "always", "batch"},
                              "set\ta\t1\nset\tb\t2\nset\tc\t3\n");
  std::string unsynced;
  int writes = 0;
  for (const std::string& line : lines_of(outcome.err)) {
    std::istringstream words(line);
    std::string call;
    std::string file;
    words >> call >> file;
    if (call == "write" && holds_records(file)) {
      EXPECT_EQ(unsynced, "") << outcome.err;
      unsynced = file;
      ++writes;
    }
    if (call == "sync" && file == unsynced) unsynced.clear();
  }
  EXPECT_GE(writes, 3);
  EXPECT_EQ(unsynced, "") << outcome.err;
}

TEST_P(CliLedger, AGetReadsExactlyItsRecordWhereAKeydirKnowsItsPlace) {
  if (GetParam()->scans || !GetParam()->checksums || sorts()) {
    GTEST_SKIP() << "no keydir in this stage";
  }
  const std::string value(777, 'v');
  EXPECT_EQ(batch("set\tother\t1\nset\tk\t" + value + "\nset\tlast\t1\n").code,
            0);
  std::smatch live;
  const std::string dump = run({"dump"}).out;
  ASSERT_TRUE(std::regex_search(
      dump, live, std::regex(R"((\d+)\t(\d+)\tlive\t[^\n]*\tkey=k\t)")));
  const auto hit = calls(run({"--explain", "get", "k"}).err, "read");
  const auto miss = calls(run({"--explain", "get", "none"}).err, "read");
  ASSERT_EQ(hit.size(), miss.size() + 1) << "one read more than the open's";
  EXPECT_EQ(hit.back().offset, number_in(live[1]));
  EXPECT_EQ(hit.back().bytes, number_in(live[2]));
}

class CliSortedLedger : public CliLedger {
 protected:
  // Options by which a key that is not there is looked for in the blocks.
  [[nodiscard]] Arguments unfiltered() const {
    if (!has_option(*GetParam(), "--bloom-bits")) return {};
    return {"--bloom-bits", "0"};
  }

  // The last line of a run's ledger.
  static std::string total(const Outcome& outcome) {
    return lines_of(outcome.err).back();
  }
};

INSTANTIATE_TEST_SUITE_P(Stages, CliSortedLedger,
                         testing::ValuesIn(stages_that_sort()), name_of_stage);

// The index holds a key of each block, and not of each record.
TEST_P(CliSortedLedger, AGetReadsExactlyTheBlockInWhichTheKeyMustBe) {
  std::string sets;
  for (int i = 100; i < 200; ++i) {
    sets += "set\tk" + std::to_string(i) + "\t" + std::string(100, 'v') + "\n";
  }
  sets += "compact\n";
  Arguments options = unfiltered();
  options.insert(options.end(), {"--block-bytes", "1000"});
  EXPECT_EQ(run_with(options, {"batch"}, sets).code, 0);
  std::map<std::uint64_t, std::string> blocks;  // the last key of each
  for (const std::string& line : lines_of(run({"dump"}).out)) {
    std::smatch part;
    ASSERT_TRUE(std::regex_match(
        line, part, std::regex(R"([^\t]+\t(\d+)\t.*\tkey=(k\d+)\t.*)")))
        << line;
    blocks[number_in(part[1])] = part[2];
  }
  ASSERT_GE(blocks.size(), 5U);
  const auto reads = [&](const std::string& key) {
    return calls(run({"--explain", "get", key}).err, "read");
  };
  const std::size_t to_open = reads("a").size();  // it is before all of them
  for (auto block = blocks.begin(); std::next(block) != blocks.end(); ++block) {
    const std::string& last = block->second;
    for (const std::string& key : {last, last + "a miss"}) {
      const auto told = reads(key);
      ASSERT_EQ(told.size(), to_open + 1) << key;
      EXPECT_EQ(told.back().offset, block->first) << key;
      EXPECT_EQ(told.back().offset + told.back().bytes, std::next(block)->first)
          << key;
    }
  }
}

TEST_P(CliSortedLedger, TellsHowManyTablesAMissAsks) {
  for (const char* value : {"1", "2", "3"}) {
    expect_done(run({"set", std::string("k") + value, value}), "");
  }
  if (!logs()) {  // then each process has left a table
    EXPECT_THAT(total(run({"--explain", "get", "k9"})),
                testing::EndsWith(", 3 tables asked"));
    EXPECT_THAT(total(run({"--explain", "get", "k3"})),
                testing::EndsWith(", 1 table asked"));
  }
  EXPECT_EQ(run_with(unfiltered(), {"compact"}).code, 0);
  for (const char* key : {"k2", "k2 and more"}) {
    EXPECT_THAT(total(run({"--explain", "get", key})),
                testing::EndsWith(", 1 table asked"));
  }
}

TEST_P(CliLedger, TellsHowManyKeydirsAMissAsksWhereEachSegmentHasOne) {
  if (number() != 5 && number() != 6) GTEST_SKIP() << "one index for all";
  std::string sets;
  for (int i = 0; i < 12; ++i) sets += "set\tk" + std::to_string(i) + "\tv\n";
  EXPECT_EQ(run({"--segment-bytes", "1", "batch"}, sets).code, 0);
  const auto last = [](const Outcome& outcome) {
    return lines_of(outcome.err).back();
  };
  EXPECT_THAT(last(run({"--explain", "get", "none"})),
              testing::EndsWith(", 12 keydirs asked"));
  EXPECT_THAT(last(run({"--explain", "get", "k11"})),
              testing::EndsWith(", 1 keydir asked"));
  const auto shell = lines_of(
      run({"--explain", "shell"}, "get none\nget none\nget k10\n").err);
  EXPECT_THAT(shell, Contains(testing::StartsWith("total: 0 opens, 0 reads ")))
      << "a second miss costs no call, and is told";
}

TEST_P(CliLedger, FollowsTheMessageOfACommandThatFailed) {
  const auto holder = start({"batch", "--ack"});
  holder->write("set\ta\t1\n");
  ASSERT_EQ(holder->line(), "ok 1\n");
  const Outcome busy = run({"--explain", "set", "a", "2"});
  EXPECT_EQ(busy.code, 5);
  EXPECT_THAT(busy.err, StartsWith(name() + ": "));
  EXPECT_THAT(calls(busy.err, "write"), IsEmpty());
  expect_total(busy.err);
  EXPECT_EQ(holder->finish().code, 0);

  const Outcome wrong = run({"--explain", "batch"}, "get\ta\nset\t\tno key\n");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, StartsWith(name() + ": line 2: "));
  expect_total(wrong.err);
}

TEST_P(CliLedger, OfAShellBelongsToOneCommandEach) {
  const Outcome outcome =
      run({"--explain", "shell"}, "set a 1\nset b 2\nget a\n");
  EXPECT_EQ(outcome.out, "1\n");
  const auto writes = data_calls(outcome.err, "write");
  if (logs()) {
    ASSERT_THAT(writes, SizeIs(2)) << outcome.err;
    EXPECT_LT(writes[0].offset, writes[1].offset);
    return;
  }
  // No command has written: that the shell ended did, and is told for itself.
  EXPECT_THAT(writes, SizeIs(1)) << outcome.err;
  std::vector<std::string> totals;
  for (const std::string& line : lines_of(outcome.err)) {
    if (line.substr(0, 7) == "total: ") totals.push_back(line);
  }
  ASSERT_THAT(totals, SizeIs(2)) << outcome.err;
  EXPECT_THAT(totals[0], HasSubstr(" 0 writes ")) << "it became the writer";
  EXPECT_THAT(totals[1], HasSubstr(" 1 write "));
}

TEST_P(CliLedger, IsNotPrintedUnasked) {
  expect_done(run({"set", "a", "1"}), "");
  expect_done(run({"get", "a"}), "1\n");
  EXPECT_EQ(run({"get", "b"}).err, "");
}

}  // namespace
}  // namespace strata
