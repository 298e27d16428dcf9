// `stats --json` as a program reads it: with a JSON parser.
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::UnorderedElementsAre;

class CliStatsJson : public CommandLine {
 protected:
  // What `stats --json` says of the store `db`.
  [[nodiscard]] nlohmann::json stats() const {
    const Outcome outcome = run({"stats", "--json"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(lines_of(outcome.out).size(), 1U);
    return nlohmann::json::parse(outcome.out);
  }

  // The bytes and the number of the files that lie in the store's directory.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> on_disk() const {
    std::pair<std::uint64_t, std::uint64_t> sums;
    for (const auto& file : std::filesystem::directory_iterator(path("db"))) {
      sums.first += file.file_size();
      ++sums.second;
    }
    return sums;
  }
};

STRATA_FOR_EVERY_STAGE(CliStatsJson);

TEST_P(CliStatsJson, HasTheSevenFieldsAndNoOther) {
  EXPECT_EQ(run({"set", "a", "1"}).code, 0);
  std::vector<std::string> names;
  const nlohmann::json json = stats();
  for (const auto& [name, number] : json.items()) {
    names.push_back(name);
    EXPECT_TRUE(number.is_number()) << name;
    EXPECT_EQ(number.is_number_integer(), name != "open_seconds") << name;
  }
  EXPECT_THAT(names, UnorderedElementsAre("keys", "live_bytes", "dead_bytes",
                                          "disk_bytes", "files", "index_bytes",
                                          "open_seconds"));
  EXPECT_GE(json["open_seconds"], 0.0);
}

TEST_P(CliStatsJson, OfAStoreThatDoesNotExistEverythingIsNone) {
  const nlohmann::json json = stats();
  for (const char* name :
       {"keys", "live_bytes", "dead_bytes", "disk_bytes", "files"}) {
    EXPECT_EQ(json[name], 0) << name;
  }
  EXPECT_FALSE(is_there("db"));
}

TEST_P(CliStatsJson, DiskBytesAreTheSizesOfTheFiles) {
  std::string operations;
  for (int i = 0; i < 50; ++i) {
    operations += "set\tk" + std::to_string(i % 20) + "\t" +
                  std::string(static_cast<std::size_t>(i), 'v') + "\n";
    if (i % 10 != 9) continue;
    EXPECT_EQ(batch(operations).code, 0);
    const nlohmann::json json = stats();
    EXPECT_THAT(on_disk(), testing::Pair(json["disk_bytes"], json["files"]));
  }
  EXPECT_EQ(stats()["keys"], 20);
}

TEST_P(CliStatsJson, LiveAndDeadBytesAreThoseThatDumpShows) {
  EXPECT_EQ(
      batch("set\ta\t1\nset\tb\t22\nset\ta\t333\nset\tc\t\nset\tb\t\n").code,
      0);
  std::uint64_t live = 0;
  std::uint64_t dead = 0;
  for (const std::string& line : lines_of(run({"dump"}).out)) {
    std::istringstream fields(line);
    std::string file;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::string state;
    ASSERT_TRUE(fields >> file >> offset >> size >> state) << line;
    (state == "live" ? live : dead) += size;
  }
  const nlohmann::json json = stats();
  EXPECT_EQ(json["live_bytes"], live);
  EXPECT_EQ(json["dead_bytes"], dead);
}

TEST_P(CliStatsJson, WithFilesEachFileTellsItsShareOfDeadBytes) {
  EXPECT_EQ(batch("set\ta\t1\nset\tb\t22\nset\ta\t333\n").code, 0);
  EXPECT_EQ(batch("set\tc\t1\nset\tb\t\n").code, 0);
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> expected;
  for (const std::string& line : lines_of(run({"dump"}).out)) {
    std::istringstream fields(line);
    std::string file;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::string state;
    ASSERT_TRUE(fields >> file >> offset >> size >> state) << line;
    auto& [live, dead] = expected[file];
    (state == "live" ? live : dead) += size;
  }
  const nlohmann::json json =
      nlohmann::json::parse(run({"stats", "--json", "--files"}).out);
  ASSERT_EQ(json["per_file"].size(), expected.size());
  std::string lines;
  for (const nlohmann::json& file : json["per_file"]) {
    const auto& [live, dead] = expected.at(file["file"]);
    EXPECT_EQ(file["live_bytes"], live);
    EXPECT_EQ(file["dead_bytes"], dead);
    EXPECT_EQ(file["dead_percent"], 100 * dead / (live + dead));
    lines += file["file"].get<std::string>() + ": live_bytes " +
             std::to_string(live) + " dead_bytes " + std::to_string(dead) +
             " dead " + std::to_string(100 * dead / (live + dead)) + "%\n";
  }
  EXPECT_THAT(run({"stats", "--files"}).out, testing::EndsWith(lines));
  expect_refused({"keys", "--files"}, "keys");
  expect_refused({"--files", "keys"}, "--files");
}

TEST_P(CliStatsJson, ATornTailCountsAsBytesOnDiskOnly) {
  EXPECT_EQ(run({"set", "a", "1"}).code, 0);
  const nlohmann::json before = stats();
  write_file(newest_file(), read_file(newest_file()) + "torn");
  const nlohmann::json after =
      nlohmann::json::parse(run({"stats", "--json"}).out);
  for (const char* name : {"keys", "live_bytes", "dead_bytes", "files"}) {
    EXPECT_EQ(after[name], before[name]) << name;
  }
  EXPECT_EQ(after["disk_bytes"], on_disk().first);
}

TEST_P(CliStatsJson, TheFlagMayStandBeforeTheCommandToo) {
  const std::string json = run({"--json", "stats"}).out;
  EXPECT_EQ(nlohmann::json::parse(json)["keys"], 0);
  expect_refused({"stats", "--json", "more"}, "stats");
  expect_refused({"stats", "json"}, "stats");
  expect_refused({"dump", "--json"}, "--json");
  expect_refused({"--json", "keys"}, "--json");
}

}  // namespace
}  // namespace strata
