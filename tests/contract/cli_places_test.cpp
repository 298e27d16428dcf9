// What stands where the store's file should be, and what its numbers claim.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

class CliPlaces : public CommandLine {
 protected:
  // Every command that opens the store, in the shape of its arguments.
  [[nodiscard]] std::vector<Arguments> commands() const {
    std::vector<Arguments> all = {{"set", "k", "v"}, {"get", "a"}, {"keys"},
                                  {"scan"},          {"stats"},    {"dump"}};
    const Stage& stage = *GetParam();
    if (stage.has("del")) all.push_back({"del", "a"});
    if (stage.has("compact")) all.push_back({"compact"});
    if (stage.has("verify")) all.push_back({"verify"});
    if (stage.has("salvage")) all.push_back({"salvage", "copy"});
    return all;
  }

  // Expects that no command makes anything of what stands there.
  void expect_every_command_refused() const {
    for (const Arguments& command : commands()) {
      SCOPED_TRACE(command[0]);
      const Outcome outcome = run(command);
      expect_error(outcome, 4, "db");
      EXPECT_EQ(outcome.out, "");
    }
  }

  // Expects that of an empty table nothing is known, but what came later: a
  // table has its name only once it is whole, so this was one.
  void expect_a_lost_table(const std::string& file) const {
    for (const char* key : {"a", "nothing"}) {
      const Outcome outcome = run({"get", key});
      EXPECT_EQ(outcome.code, 3) << key;
      EXPECT_EQ(outcome.out, "");
    }
    EXPECT_EQ(run({"keys"}).code, 3);
    EXPECT_EQ(run({"dump"}).code, 3);
    EXPECT_EQ(run({"verify"}).code, 3);
    EXPECT_EQ(run({"set", "k", "v"}).code, 0);
    EXPECT_EQ(run({"get", "k"}).out, "v\n");
    EXPECT_EQ(run({"scan"}).code, 3);
    EXPECT_EQ(run({"compact"}).code, 3);
    EXPECT_EQ(read_file(file), "");
  }

  void fill() const { EXPECT_EQ(batch("set\ta\t1\nset\tb\t2\n").code, 0); }

  // Takes the store's file away and says where it was.
  [[nodiscard]] std::string take_file() const {
    fill();
    lose_hints();
    const std::string file = newest_file();
    std::filesystem::rename(file, path("moved"));
    return file;
  }
};

STRATA_FOR_EVERY_STAGE(CliPlaces);

TEST_P(CliPlaces, ADirectoryInPlaceOfTheFileIsRefused) {
  std::filesystem::create_directory(take_file());
  const auto before = snapshot();
  expect_every_command_refused();
  EXPECT_EQ(snapshot(), before);
}

TEST_P(CliPlaces, ANamedPipeInPlaceOfTheFileIsRefusedAndNobodyWaits) {
  ASSERT_EQ(::mkfifo(take_file().c_str(), 0600), 0);
  expect_every_command_refused();
}

TEST_P(CliPlaces, ADeviceInPlaceOfTheFileIsRefused) {
  const std::string file = take_file();
  constexpr unsigned kMajor = 1;
  constexpr unsigned kMinorOfZero = 5;
  if (::mknod(file.c_str(), S_IFCHR | 0600, makedev(kMajor, kMinorOfZero)) !=
      0) {
    GTEST_SKIP() << "cannot make a device here";
  }
  expect_every_command_refused();
}

TEST_P(CliPlaces, ASymbolicLinkInPlaceOfTheFileIsRefusedByEveryCommand) {
  const std::string file = take_file();
  std::filesystem::create_symlink("../moved", file);
  const std::string target = read_file(path("moved"));
  expect_every_command_refused();
  EXPECT_EQ(read_file(path("moved")), target);
  EXPECT_TRUE(std::filesystem::is_symlink(file));
}

TEST_P(CliPlaces, ASymbolicLinkToNothingMakesNothing) {
  std::filesystem::create_symlink("../nothing", take_file());
  expect_every_command_refused();
  EXPECT_FALSE(is_there("nothing"));
}

TEST_P(CliPlaces, AnEmptyFileIsAnEmptyStore) {
  const std::string file = take_file();
  write_file(file, "");
  if (!logs()) return expect_a_lost_table(file);
  EXPECT_EQ(run({"get", "a"}).code, 1);
  expect_done(run({"keys"}), "");
  expect_done(run({"dump"}), "");
  expect_done(run({"set", "k", "v"}), "");
  expect_done(run({"scan"}), "k\tv\n");
}

TEST_P(CliPlaces, AStoreMayBeMovedAsADirectory) {
  fill();
  std::filesystem::rename(path("db"), path("other"));
  expect_done(run_plain({"--db", path("other"), "scan"}), "a\t1\nb\t2\n");
  expect_done(run({"scan"}), "");
}

TEST_P(CliPlaces, AParentThatIsAFileExits4) {
  write_file(path("file"), "mine");
  expect_error(run_plain({"--db", "file/db", "set", "k", "v"}), 4, "file");
  EXPECT_EQ(read_file(path("file")), "mine");
}

TEST_P(CliPlaces, ANameThatIsTooLongExits4) {
  const std::string name(300, 'n');
  expect_error(run_plain({"--db", name, "set", "k", "v"}), 4, "too long");
  expect_error(run_plain({"--db", name, "get", "k"}), 4, "too long");
}

TEST_P(CliPlaces, ControlBytesOfAPathAreEscapedInTheMessage) {
  write_file(path("evil\x1b[2J\r"), "no directory");
  for (const Arguments& command : commands()) {
    Arguments arguments = {"--db", "evil\x1b[2J\r"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const Outcome outcome = run_plain(arguments);
    expect_error(outcome, 4, "evil\\x1b[2J\\r");
    EXPECT_EQ(outcome.err.find_first_of("\x1b\r"), std::string::npos);
  }
}

TEST_P(CliPlaces, SizesThatTheFileCannotHoldCostNoMemory) {
  fill();
  const std::string file = newest_file();
  const std::string whole = read_file(file);
  const auto little_memory = [] {
    constexpr rlim_t kBytes = rlim_t{256} << 20;
    const rlimit limit{kBytes, kBytes};
    ::setrlimit(RLIMIT_AS, &limit);
  };
  if (run({"--version"}, "", little_memory).code != 0) {
    GTEST_SKIP() << "the program cannot even start in so little memory";
  }
  expect_done(run({"get", "a"}, "", little_memory), "1\n");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes.replace(
        at, 4,
        std::string(std::min<std::size_t>(4, whole.size() - at), '\xff'));
    write_file(file, bytes);
    for (const Arguments& command : {Arguments{"dump"}, Arguments{"keys"}}) {
      const Outcome outcome = run(command, "", little_memory);
      EXPECT_EQ(outcome.signal, 0) << at;
      EXPECT_TRUE(outcome.code == 0 || outcome.code == 3)
          << at << ": " << outcome.err;
    }
  }
}

}  // namespace
}  // namespace strata
