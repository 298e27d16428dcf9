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

// The sum of many short runs: the store is as small as it can be.
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

STRATA_FOR_EVERY_STAGE(CliTorn);

TEST_P(CliTorn, AReaderOfACutFileKeepsTheValidPrefixAndSaysSoInOneLine) {
  fill();
  for (std::size_t size = 0; size <= whole_.size(); ++size) {
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
  for (std::size_t at = 0; at < whole_.size(); ++at) {
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

}  // namespace
}  // namespace strata
