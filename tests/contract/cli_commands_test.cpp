// What each command prints, and what it leaves on disk.
#include <algorithm>
#include <cstdint>
#include <regex>
#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class CliCommands : public CommandLine {
 protected:
  void fill() const {
    expect_done(run_with(unmerged(), {"set", "b", "old"}), "");
    expect_done(run_with(unmerged(), {"set", "a", "1"}), "");
    expect_done(run_with(unmerged(), {"set", "b", "two words"}), "");
    expect_done(run_with(unmerged(), {"set", "c", ""}), "");
  }

  /// The numbers of `stats`, by name.
  [[nodiscard]] std::map<std::string, double> stats() const {
    std::map<std::string, double> numbers;
    std::istringstream words(run({"stats"}).out);
    std::string word;
    double number = 0;
    while (words >> word >> number) numbers[word] = number;
    return numbers;
  }
};

STRATA_FOR_EVERY_STAGE(CliCommands);

// From 04_keydir on records have checksums.
class CliBinaryCommands : public CliCommands {};

INSTANTIATE_TEST_SUITE_P(Stages, CliBinaryCommands,
                         testing::ValuesIn(stages_from(4)), name_of_stage);

class CliSortedCommands : public CliCommands {};

INSTANTIATE_TEST_SUITE_P(Stages, CliSortedCommands,
                         testing::ValuesIn(stages_that_sort()), name_of_stage);

TEST_P(CliCommands, TheLastSetOfAKeyWins) {
  fill();
  expect_done(run({"get", "b"}), "two words\n");
  expect_done(run({"set", "b", "old"}), "");
  expect_done(run({"get", "b"}), "old\n");
}

TEST_P(CliCommands, GetOfAMissingKeyExits1AndPrintsNothing) {
  fill();
  for (const std::string key : {"d", "", "aa", "two words", "b,two"}) {
    const Outcome outcome = run({"get", key});
    EXPECT_EQ(outcome.code, 1) << key;
    EXPECT_EQ(outcome.out, "");
  }
}

TEST_P(CliCommands, GetPrintsTheBytesRaw) {
  const std::string value = "\x01\x7f\xff\xc3\x28 tab\tback\\slash\r";
  expect_done(run({"set", "k", value}), "");
  expect_done(run({"get", "k"}), value + "\n");
}

TEST_P(CliCommands, AnEmptyValueIsAValue) {
  expect_done(run({"set", "k", ""}), "");
  expect_done(run({"get", "k"}), "\n");
  expect_done(run({"scan"}), "k\t\n");
}

TEST_P(CliCommands, KeysPrintsEachLiveKeyOnceEscaped) {
  fill();
  expect_done(run({"set", "d\te\\\x01", "x"}), "");
  const Outcome outcome = run({"keys"});
  EXPECT_THAT(lines_of(outcome.out),
              UnorderedElementsAre("a", "b", "c", "d\\te\\\\\\x01"));
}

// In other stages they may come in any order.
TEST_P(CliSortedCommands, KeysAscendByBytes) {
  const std::vector<std::string> ascending = {
      "\x01", "A", "B", "a", "a ", "aa", "a\xc3", "b", "\x80", "\xff"};
  std::string operations;
  std::string all;
  // Some are in each of two tables, and the rest in a memtable, below.
  for (const std::size_t of_three : {2U, 0U}) {
    for (std::size_t i = ascending.size(); i > 0; --i) {
      if (i % 3 != of_three) continue;
      operations += "set\t" + ascending[i - 1] + "\t1\n";
    }
    EXPECT_EQ(batch(operations).code, 0);
    operations.clear();
  }
  std::string in_shell;
  for (std::size_t i = ascending.size(); i > 0; --i) {
    if (i % 3 == 1) in_shell += "set \"" + ascending[i - 1] + "\" 1\n";
  }
  for (const std::string& key : ascending) {
    all += (key == "\x01" ? "\\x01" : key) + "\n";
  }
  expect_done(run({"shell"}, in_shell + "keys\n"), all);
  expect_done(run({"keys"}), all);
  EXPECT_EQ(run({"compact"}).code, 0);
  expect_done(run({"keys"}), all);
}

TEST_P(CliCommands, ScanIsAscendingByBytesFromIncludedToExcluded) {
  fill();
  expect_done(run({"set", "B", "x\ty"}), "");
  expect_done(run({"set", "\xc3\xa9", "e"}), "");
  const std::string all = "B\tx\\ty\na\t1\nb\ttwo words\nc\t\n\xc3\xa9\te\n";
  expect_done(run({"scan"}), all);
  expect_done(run({"scan", ""}), all);
  expect_done(run({"scan", "b"}), "b\ttwo words\nc\t\n\xc3\xa9\te\n");
  expect_done(run({"scan", "a", "c"}), "a\t1\nb\ttwo words\n");
  expect_done(run({"scan", "b", "b"}), "");
  expect_done(run({"scan", "c", "a"}), "");
  expect_done(run({"scan", "aa", "bb"}), "b\ttwo words\n");
  expect_done(run({"scan", "", ""}), "");
}

TEST_P(CliCommands, AStoreThatDoesNotExistReadsAsAnEmptyOneAndIsNotMade) {
  const Outcome miss = run({"get", "k"});
  EXPECT_EQ(miss.code, 1);
  EXPECT_EQ(miss.out + miss.err, "");
  expect_done(run({"keys"}), "");
  expect_done(run({"scan"}), "");
  expect_done(run({"dump"}), "");
  EXPECT_EQ(stats()["keys"], 0);
  EXPECT_EQ(stats()["disk_bytes"], 0);
  EXPECT_EQ(stats()["files"], 0);
  expect_done(run({"shell"}, "keys\nscan\n"), "");
  EXPECT_EQ(batch("get\tk\n").out, "k\n");
  if (number() >= 4) {
    EXPECT_EQ(run({"verify"}).code, 0);
  }
  EXPECT_THAT(snapshot(), IsEmpty());
}

TEST_P(CliCommands, AnEmptyDirectoryIsAnEmptyStore) {
  std::filesystem::create_directory(path("db"));
  expect_done(run({"keys"}), "");
  EXPECT_EQ(snapshot().size(), 1U);
  expect_done(run({"set", "k", "v"}), "");
  expect_done(run({"get", "k"}), "v\n");
}

TEST_P(CliCommands, ReadingChangesNothingOnDisk) {
  fill();
  const auto before = snapshot();
  for (const char* command : {"keys", "scan", "stats", "dump", "shell"}) {
    EXPECT_EQ(run({command}).code, 0) << command;
  }
  EXPECT_EQ(run({"get", "a"}).code, 0);
  if (number() >= 4) {
    EXPECT_EQ(run({"verify"}).code, 0);
  }
  EXPECT_EQ(snapshot(), before);
}

TEST_P(CliCommands, StatsHasSevenNumbers) {
  fill();
  auto numbers = stats();
  EXPECT_EQ(numbers.size(), 7U);
  EXPECT_EQ(numbers["keys"], 3);
  EXPECT_GT(numbers["live_bytes"], 0);
  EXPECT_GT(numbers["dead_bytes"], 0);
  EXPECT_EQ(numbers.count("index_bytes"), 1U);
  EXPECT_EQ(numbers.count("open_seconds"), 1U);
  EXPECT_LT(numbers["open_seconds"], 60);
  std::uintmax_t bytes = 0;
  double files = 0;
  for (const auto& file : std::filesystem::directory_iterator(path("db"))) {
    bytes += file.file_size();
    ++files;
  }
  EXPECT_EQ(numbers["disk_bytes"], static_cast<double>(bytes));
  EXPECT_EQ(numbers["files"], files);
  if (number() <= 4) {
    EXPECT_EQ(numbers["live_bytes"] + numbers["dead_bytes"],
              numbers["disk_bytes"]);
  }
}

TEST_P(CliCommands, StatsCountsHeadersAndEveryRecord) {
  fill();
  if (is_text()) {
    EXPECT_EQ(stats()["live_bytes"], 4 + 12 + 3);
    EXPECT_EQ(stats()["dead_bytes"], 6);
  } else if (number() == 4) {
    EXPECT_EQ(stats()["live_bytes"], 3 * 14 + 2 + 10 + 1);
    EXPECT_EQ(stats()["dead_bytes"], 14 + 4);
  }
}

TEST_P(CliCommands, StatsAsJsonIsOneObjectOfTheSameNumbers) {
  fill();
  const std::string json = run({"stats", "--json"}).out;
  const std::regex object(R"(\{("\w+":[0-9.]+,)*"\w+":[0-9.]+\}\n)");
  EXPECT_TRUE(std::regex_match(json, object)) << json;
  std::map<std::string, double> numbers;
  const std::regex field(R"x("(\w+)":([0-9.]+))x");
  for (std::sregex_iterator at(json.begin(), json.end(), field), end; at != end;
       ++at) {
    numbers[(*at)[1]] = std::stod((*at)[2]);
  }
  auto plain = stats();
  numbers.erase("open_seconds");
  EXPECT_EQ(plain.erase("open_seconds"), 1U);
  // A hash that is seeded anew at each open may put keys together that need
  // more room so.
  EXPECT_NEAR(numbers["index_bytes"], plain["index_bytes"],
              0.01 * plain["index_bytes"]);
  numbers.erase("index_bytes");
  plain.erase("index_bytes");
  EXPECT_EQ(numbers, plain);
}

TEST_P(CliCommands, DumpHasEveryRecordInOrderLiveOrDead) {
  fill();
  const Outcome outcome = run({"dump"});
  EXPECT_EQ(outcome.code, 0);
  const auto lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 4U) << outcome.out;
  std::uint64_t end = 0;
  std::vector<std::string> told;
  for (const std::string& line : lines) {
    std::smatch part;
    ASSERT_TRUE(std::regex_match(
        line, part,
        std::regex(R"(([^\t]+)\t(\d+)\t(\d+)\t(\w+)(\t\w+=[^\t]*)+)")))
        << line;
    EXPECT_TRUE(is_there("db/" + part[1].str()));
    if (number() <= 4) {
      EXPECT_EQ(std::stoull(part[2]), end);
    }
    end = std::stoull(part[2]) + std::stoull(part[3]);
    told.push_back(part[4].str() + line.substr(line.find("\tkey=")));
  }
  if (number() <= 4) {
    EXPECT_EQ(static_cast<double>(end), stats()["disk_bytes"]);
  }
  EXPECT_THAT(
      told, ElementsAre("dead\tkey=b\tvalue=old",  //
                        "live\tkey=a\tvalue=1", "live\tkey=b\tvalue=two words",
                        "live\tkey=c\tvalue="));
}

TEST_P(CliCommands, DumpOfAFileThatIsNotTheStoresIsRefused) {
  EXPECT_EQ(batch("set\ta\t1\nset\tb\t2\n").code, 0);
  const std::string file =
      std::filesystem::path(newest_file()).filename().string();
  expect_done(run({"dump", file}), run({"dump"}).out);
  expect_refused({"dump", "no such file"}, "no such file");
  expect_refused({"dump", "../db/" + file});
  expect_refused({"dump", "/etc/passwd"}, "/etc/passwd");
}

TEST_P(CliCommands, ACommandOfALaterStageIsRefusedByName) {
  const std::map<std::string, int> since = {
      {"del", 6}, {"compact", 6}, {"verify", 4}, {"salvage", 4}};
  fill();
  for (const auto& [command, stage] : since) {
    if (number() >= stage) continue;
    Arguments arguments = {command};
    if (command == "del") arguments.emplace_back("a");
    if (command == "salvage") arguments.emplace_back("copy");
    expect_refused(arguments, name() + ": no '" + command + "' yet: ");
    expect_refused(arguments, stage == 4 ? "04_keydir" : "06_compaction");
    expect_refused({command}, "no '" + command + "' yet: ");
  }
  if (is_text()) expect_refused({"verify"}, "checksum");
}

TEST_P(CliBinaryCommands, VerifyOfAWholeStoreIsDone) {
  fill();
  const Outcome outcome = run({"verify"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
}

TEST_P(CliBinaryCommands, SalvageOfAWholeStoreIsACopy) {
  fill();
  const std::string pairs = run({"scan"}).out;
  const auto before = read_file(newest_file());
  expect_done(run({"salvage", "copy"}), "");
  expect_done(run_plain({"--db", "copy", "scan"}), pairs);
  std::filesystem::create_directory(path("empty"));
  expect_done(run({"salvage", "empty"}), "");
  expect_done(run_plain({"--db", "empty", "scan"}), pairs);
  EXPECT_EQ(read_file(newest_file()), before);
}

TEST_P(CliBinaryCommands, SalvageWantsADirectoryThatIsMissingOrEmpty) {
  fill();
  std::filesystem::create_directory(path("full"));
  write_file(path("full/note"), "mine");
  write_file(path("file"), "mine");
  expect_refused({"salvage", "full"}, "full");
  expect_refused({"salvage", "db"}, "db");
  expect_refused({"salvage", "file"}, "file");
  expect_refused({"salvage", ""});
}

TEST_P(CliCommands, FilesThatAreNotTheStoresAreLeftAlone) {
  fill();
  write_file(path("db/note"), "mine");
  std::filesystem::create_directory(path("db/folder"));
  expect_done(run({"set", "k", "v"}), "");
  expect_done(run({"get", "k"}), "v\n");
  EXPECT_EQ(run({"dump"}).out.find("note"), std::string::npos);
  EXPECT_EQ(read_file(path("db/note")), "mine");
  EXPECT_TRUE(is_there("db/folder"));
}

TEST_P(CliCommands, ASymbolicLinkInPlaceOfAFileIsRefused) {
  fill();
  const std::string file = newest_file();
  std::filesystem::rename(file, path("elsewhere"));
  std::filesystem::create_symlink(path("elsewhere"), file);
  const std::string before = read_file(path("elsewhere"));
  expect_error(run({"set", "k", "v"}), 4, "db/");
  expect_error(run({"get", "a"}), 4, "db/");
  EXPECT_EQ(read_file(path("elsewhere")), before);
  EXPECT_TRUE(std::filesystem::is_symlink(file));
}

}  // namespace
}  // namespace strata
