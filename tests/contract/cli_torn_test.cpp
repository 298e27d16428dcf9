// Every cut and every changed byte of a small store, seen from outside.
#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

// The sum of many short runs: the store is as small as it can be. Without a log
// there is no tail that could be torn: see CliCutTable.
class CliTorn : public CommandLine {
 protected:
  // Writes `a`, `b` and `a` again; remembers the file and its records' ends.
  void fill() {
    const std::string steps = "set\ta\told\nset\tb\tsecond\nset\ta\tnew\n";
    EXPECT_EQ(batch(steps).code, 0);
    lose_hints();
    file_ = newest_file();
    whole_ = read_file(file_);
    ends_ = {0};
    for (const std::string& line : lines_of(run({"dump"}).out)) {
      std::istringstream fields(line);
      std::string file;
      std::size_t offset = 0;
      std::size_t size = 0;
      fields >> file >> offset >> size;
      ends_.push_back(offset + size);
    }
    EXPECT_EQ(ends_.size(), 4U);
    EXPECT_EQ(ends_.back(), whole_.size());
  }

  // What `scan` prints of the records that end at `size` or before.
  [[nodiscard]] std::string pairs_up_to(std::size_t size) const {
    const char* pairs[] = {"", "a\told\n", "a\told\nb\tsecond\n",
                           "a\tnew\nb\tsecond\n"};
    const auto end = std::upper_bound(ends_.begin(), ends_.end(), size);
    return pairs[end - ends_.begin() - 1];
  }

  [[nodiscard]] std::size_t prefix_of(std::size_t size) const {
    return *(std::upper_bound(ends_.begin(), ends_.end(), size) - 1);
  }

  // How often `err` tells of a torn tail.
  static auto torn_lines(const std::string& err) {
    const auto lines = lines_of(err);
    return std::count_if(lines.begin(), lines.end(),
                         [](const std::string& line) {
                           return line.find("torn tail") != std::string::npos;
                         });
  }

  std::string file_;
  std::string whole_;
  std::vector<std::size_t> ends_;
};

INSTANTIATE_TEST_SUITE_P(Stages, CliTorn, testing::ValuesIn(stages_with_logs()),
                         name_of_stage);

TEST_P(CliTorn, AReaderOfACutFileKeepsTheValidPrefixAndSaysSoInOneLine) {
  fill();
  for (std::size_t size = 0; size <= whole_.size(); size += thinned(5)) {
    SCOPED_TRACE(size);
    const std::string cut = whole_.substr(0, size);
    write_file(file_, cut);
    const Outcome outcome = run({"scan"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, pairs_up_to(size));
    const bool torn = prefix_of(size) != size;
    EXPECT_EQ(lines_of(outcome.err).size(), torn ? 1U : 0U) << outcome.err;
    EXPECT_EQ(torn_lines(outcome.err), torn ? 1 : 0);
    EXPECT_EQ(read_file(file_), cut);
  }
}

TEST_P(CliTorn, AWriterOfACutFileContinuesBehindTheValidPrefix) {
  fill();
  for (std::size_t size = 0; size < whole_.size(); size += 3) {
    SCOPED_TRACE(size);
    leave_only(file_, whole_.substr(0, size));
    const Outcome outcome = run({"set", "c", "3"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(torn_lines(outcome.err), prefix_of(size) != size ? 1 : 0);
    expect_done(run({"scan"}), pairs_up_to(size) + "c\t3\n");
    EXPECT_THAT(read_file(file_),
                StartsWith(whole_.substr(0, prefix_of(size))));
  }
}

TEST_P(CliTorn, ZeroBytesBehindTheLastRecordAreATornTail) {
  fill();
  for (const std::size_t zeros : {1U, 2U, 13U, 14U, 15U, 4096U}) {
    SCOPED_TRACE(zeros);
    write_file(file_, whole_ + std::string(zeros, '\0'));
    const Outcome outcome = run({"scan"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, pairs_up_to(whole_.size()));
    EXPECT_EQ(torn_lines(outcome.err), 1) << outcome.err;
  }
}

TEST_P(CliTorn, DumpShowsTheTornTailAtItsOffset) {
  fill();
  write_file(file_, whole_.substr(0, whole_.size() - 1));
  const Outcome outcome = run({"dump"});
  EXPECT_EQ(outcome.code, 0);
  const auto lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 3U) << outcome.out;
  const std::string place = "\t" + std::to_string(ends_[2]) + "\t" +
                            std::to_string(whole_.size() - 1 - ends_[2]) +
                            "\ttorn";
  EXPECT_THAT(lines[2], HasSubstr(place));
  EXPECT_THAT(lines[0], HasSubstr("\tlive\t")) << "its newer one is torn";
}

TEST_P(CliTorn, ABatchTellsOfATornTailOnceHoweverManyLinesItHas) {
  fill();
  for (const char* operations :
       {"get\ta\nget\tb\nget\ta\n", "set\tc\t3\nset\td\t4\nget\tc\n"}) {
    leave_only(file_, whole_.substr(0, whole_.size() - 1));
    const Outcome outcome = batch(operations);
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(torn_lines(outcome.err), 1) << operations << outcome.err;
  }
}

TEST_P(CliTorn, AChangedByteIsNeverAWrongAnswer) {
  if (!GetParam()->checksums) GTEST_SKIP() << "text cannot see every change";
  fill();
  for (std::size_t at = 0; at < whole_.size(); at += thinned(5)) {
    SCOPED_TRACE(at);
    std::string bytes = whole_;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    write_file(file_, bytes);
    // In the last record a change cannot be told from a write cut short.
    const bool may_be_torn = at >= ends_[2];
    const Outcome a = run({"get", "a"});
    const Outcome b = run({"get", "b"});
    EXPECT_TRUE(a.code == 3 || (a.code == 0 && a.out == "new\n") ||
                (may_be_torn && torn_lines(a.err) == 1 && a.out == "old\n"))
        << a.code << a.out << a.err;
    EXPECT_TRUE(b.code == 3 || (b.code == 0 && b.out == "second\n"))
        << b.code << b.out << b.err;
    if (a.code == 3) {
      EXPECT_EQ(a.out, "");
      EXPECT_THAT(a.err, HasSubstr("offset "));
    }
    EXPECT_EQ(read_file(file_), bytes);
  }
}

TEST_P(CliTorn, AChangedByteInTheMiddleIsVerifiedAndSalvagedAround) {
  const Stage& stage = *GetParam();
  if (!stage.has("verify") || !stage.has("salvage")) {
    GTEST_SKIP() << "no verify and no salvage yet";
  }
  fill();
  for (std::size_t at = ends_[1]; at < ends_[2]; at += 2) {
    SCOPED_TRACE(at);
    std::string bytes = whole_;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    write_file(file_, bytes);
    const std::string place = std::filesystem::path(file_).filename().string() +
                              ": offset " + std::to_string(ends_[1]) + ": ";
    expect_error(run({"verify"}), 3, place);
    EXPECT_THAT(run({"verify"}).out, HasSubstr(place));
    const Outcome salvage = run({"salvage", "copy"});
    EXPECT_EQ(salvage.code, 0) << salvage.err;
    EXPECT_THAT(salvage.out, HasSubstr(place));
    EXPECT_EQ(read_file(file_), bytes);
    EXPECT_EQ(run_plain({"--db", "copy", "verify"}).code, 0);
    EXPECT_THAT(run_plain({"--db", "copy", "scan"}).out,
                AnyOf("a\tnew\n", "a\told\n", ""));
    std::filesystem::remove_all(path("copy"));
  }
}

TEST_P(CliTorn, DamageIsNotCutAwayByAWriter) {
  if (!GetParam()->checksums) GTEST_SKIP() << "text cannot see every change";
  fill();
  std::string bytes = whole_;
  bytes[ends_[1] - 1] = static_cast<char>(bytes[ends_[1] - 1] ^ 1);
  write_file(file_, bytes);
  EXPECT_EQ(run({"set", "b", "third"}).code, 0);
  EXPECT_THAT(read_file(file_), StartsWith(bytes));
  expect_done(run({"get", "b"}), "third\n");
  EXPECT_EQ(run({"dump"}).code, 3);
}

// Where there is no log, a file has its name only once all of it is written. So
// one that is cut is damaged, wherever the cut is.
class CliCutTable : public CommandLine {
 protected:
  // Writes a table, and a newer one with a block each for `a` and `c`, the
  // index and the footer; remembers where these end.
  void fill() {
    write("set\ta\told\nset\tb\tsecond\n");
    write("set\ta\tnew\nset\tc\tthird\n");
    file_ = newest_file();
    whole_ = read_file(file_);
    const std::string name = std::filesystem::path(file_).filename().string();
    const auto lines = lines_of(run({"dump", name}).out);
    ASSERT_EQ(lines.size(), 2U);
    std::istringstream fields(lines[1]);
    std::string file;
    fields >> file >> end_of_a_;
    constexpr std::size_t kFooterBytes = 40;
    constexpr std::size_t kLengthAt = 6;  // of a block
    constexpr std::size_t kHeaderBytes = 14;
    end_of_c_ = end_of_a_ + kHeaderBytes +
                static_cast<unsigned char>(whole_[end_of_a_ + kLengthAt + 7]);
    end_of_index_ = whole_.size() - kFooterBytes;
    ASSERT_LT(0U, end_of_a_);
    ASSERT_LT(end_of_c_, end_of_index_);
  }

  void write(const std::string& operations) const {
    Arguments options = record_by_record();
    for (const std::string& word : unmerged()) options.push_back(word);
    EXPECT_EQ(run_with(options, {"batch"}, operations).code, 0);
  }

  // Expects the value, if damage cannot have changed it; else to be told of
  // the damage, and nothing else.
  void expect_value(const std::string& key, const std::string& value,
                    bool is_known) const {
    const Outcome outcome = run({"get", key});
    EXPECT_EQ(outcome.code, is_known ? 0 : 3) << key << ": " << outcome.err;
    EXPECT_EQ(outcome.out, is_known ? value + "\n" : "") << key;
    if (!is_known) expect_told(outcome);
  }

  void expect_told(const Outcome& outcome) const {
    ASSERT_NE(outcome.err, "");
    for (const std::string& line : lines_of(outcome.err)) {
      EXPECT_THAT(line, StartsWith(name() + ": "));
      EXPECT_THAT(line, HasSubstr(file_.substr(file_.rfind('/') + 1)));
      EXPECT_THAT(line, HasSubstr("offset "));
    }
  }

  // How often `err` tells of damage that was seen when the store was opened.
  static auto damage_lines(const std::string& err) {
    const auto lines = lines_of(err);
    return std::count_if(lines.begin(), lines.end(),
                         [](const std::string& line) {
                           return line.find(" found without it") != line.npos;
                         });
  }

  std::string file_;
  std::string whole_;
  std::size_t end_of_a_ = 0;
  std::size_t end_of_c_ = 0;
  std::size_t end_of_index_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Stages, CliCutTable,
                         testing::ValuesIn(stages_without_logs()),
                         name_of_stage);

TEST_P(CliCutTable, WhatACutTableMayHaveHeldIsNeverAnsweredFromAnOlderOne) {
  fill();
  for (std::size_t size = 0; size < whole_.size(); size += thinned(7)) {
    SCOPED_TRACE(size);
    const std::string cut = whole_.substr(0, size);
    write_file(file_, cut);
    expect_value("a", "new", size >= end_of_a_);
    expect_value("b", "second", size >= end_of_c_);
    expect_value("c", "third", size >= end_of_c_);
    const bool has_all_blocks = size >= end_of_index_;
    EXPECT_EQ(run({"get", "d"}).code, has_all_blocks ? 1 : 3);
    const Outcome scan = run({"scan"});
    EXPECT_EQ(scan.code, has_all_blocks ? 0 : 3);
    EXPECT_EQ(damage_lines(scan.err), 1) << scan.err;
    if (has_all_blocks) {
      EXPECT_EQ(scan.out, "a\tnew\nb\tsecond\nc\tthird\n");
    }
    const Outcome verify = run({"verify"});
    EXPECT_EQ(verify.code, 3);
    EXPECT_EQ(lines_of(verify.out).size(), 1U) << verify.out;
    EXPECT_EQ(read_file(file_), cut);
  }
}

TEST_P(CliCutTable, AWriterLeavesItAsItIsAndWhatItWritesAnswers) {
  fill();
  const std::string older = data_files().front();
  const std::string bytes = read_file(older);
  for (std::size_t size = 0; size < whole_.size(); size += 5 * thinned(3)) {
    SCOPED_TRACE(size);
    std::filesystem::remove_all(path("db"));
    std::filesystem::create_directory(path("db"));
    write_file(older, bytes);
    const std::string cut = whole_.substr(0, size);
    write_file(file_, cut);
    EXPECT_EQ(run({"set", "a", "newest"}).code, 0);
    expect_value("a", "newest", true);
    expect_value("b", "second", size >= end_of_c_);
    EXPECT_EQ(run({"compact"}).code, 3);
    EXPECT_EQ(read_file(older), bytes);
    EXPECT_EQ(read_file(file_), cut);
  }
}

TEST_P(CliCutTable, BytesBehindATableAreDamageThatHidesNothing) {
  fill();
  for (const std::size_t zeros : {1U, 2U, 13U, 14U, 15U, 40U, 4096U}) {
    SCOPED_TRACE(zeros);
    write_file(file_, whole_ + std::string(zeros, '\0'));
    const Outcome scan = run({"scan"});
    EXPECT_EQ(scan.code, 0) << scan.err;
    EXPECT_EQ(scan.out, "a\tnew\nb\tsecond\nc\tthird\n");
    EXPECT_EQ(damage_lines(scan.err), 1) << scan.err;
    EXPECT_EQ(run({"get", "d"}).code, 1);
    EXPECT_EQ(run({"verify"}).code, 3);
    EXPECT_EQ(run({"compact"}).code, 3);
  }
}

TEST_P(CliCutTable, DumpShowsTheDamageBehindWhatIsWhole) {
  fill();
  write_file(file_, whole_.substr(0, end_of_c_ - 1));
  const Outcome outcome = run({"dump"});
  EXPECT_EQ(outcome.code, 3);
  const auto lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 4U) << outcome.out;
  EXPECT_THAT(lines[2], HasSubstr("\tlive\t"));
  EXPECT_THAT(lines[3], HasSubstr("\t" + std::to_string(end_of_a_) + "\t" +
                                  std::to_string(end_of_c_ - 1 - end_of_a_) +
                                  "\tdamaged\t"));
}

TEST_P(CliCutTable, ABatchTellsOfTheDamageOnceHoweverManyLinesItHas) {
  fill();
  for (const char* operations :
       {"get\ta\nget\tc\nget\ta\n", "set\tc\t3\nset\td\t4\nget\tc\n"}) {
    write_file(file_, whole_.substr(0, whole_.size() - 1));
    const Outcome outcome = batch(operations);
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(damage_lines(outcome.err), 1) << operations << outcome.err;
  }
}

TEST_P(CliCutTable, AChangedByteIsVerifiedAndNeverAWrongAnswer) {
  fill();
  for (std::size_t at = 0; at < whole_.size(); at += thinned(7)) {
    SCOPED_TRACE(at);
    std::string bytes = whole_;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    write_file(file_, bytes);
    // The index holds where each block is, so that one costs no other; and it
    // can be made anew out of the blocks.
    expect_value("a", "new", at >= end_of_a_);
    expect_value("b", "second", at >= end_of_a_);
    expect_value("c", "third", at < end_of_a_ || at >= end_of_c_);
    const Outcome verify = run({"verify"});
    EXPECT_EQ(verify.code, 3);
    expect_told(verify);
    EXPECT_EQ(lines_of(verify.out).size(), 1U) << verify.out;
    EXPECT_EQ(read_file(file_), bytes);
  }
}

TEST_P(CliCutTable, AChangedByteInABlockIsSalvagedAround) {
  fill();
  for (std::size_t at = 0; at < end_of_a_; at += 3 * thinned(3)) {
    SCOPED_TRACE(at);
    std::string bytes = whole_;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    write_file(file_, bytes);
    const Outcome salvage = run({"salvage", "copy"});
    EXPECT_EQ(salvage.code, 0) << salvage.err;
    EXPECT_THAT(
        salvage.out,
        HasSubstr(": offset 0: " + std::to_string(end_of_a_) + " bytes: "));
    EXPECT_EQ(read_file(file_), bytes);
    EXPECT_EQ(run_plain({"--db", "copy", "verify"}).code, 0);
    expect_done(run_plain({"--db", "copy", "scan"}),
                "a\told\nb\tsecond\nc\tthird\n");
    std::filesystem::remove_all(path("copy"));
  }
}

TEST_P(CliCutTable, OfATableThatIsMissingOnlyNewerOnesAnswer) {
  fill();
  const std::filesystem::path older = data_files().front();
  std::filesystem::remove(older);
  const std::string name = older.filename().string();
  expect_value("a", "new", true);
  for (const char* key : {"b", "nothing"}) {
    expect_error(run({"get", key}), 3, name);
  }
  expect_error(run({"scan"}), 3, name);
  expect_error(run({"verify"}), 3, name);
  EXPECT_EQ(run({"set", "b", "again"}).code, 0);
  expect_value("b", "again", true);
  EXPECT_FALSE(std::filesystem::exists(older)) << "its name is not used again";
}

}  // namespace
}  // namespace strata
