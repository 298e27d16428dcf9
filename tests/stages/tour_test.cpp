// The tour, run as its users run it, on small histories made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <thread>

#include "stages/registry.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kTour = STRATA_BIN_DIR "/tour";

std::string contents_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

int code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class Tour : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kTour)) GTEST_SKIP() << "built without the tour";
    std::string name = (fs::temp_directory_path() / "tour-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
    fs::create_directory(temporary());
    fs::create_directory(repository());
  }

  void TearDown() override {
    if (!home_.empty()) fs::remove_all(home_);
  }

  [[nodiscard]] fs::path temporary() const { return home_ / "tmp"; }

  [[nodiscard]] fs::path repository() const { return home_ / "repo"; }

  [[nodiscard]] fs::path out() const { return home_ / "out"; }

  [[nodiscard]] fs::path log() const { return home_ / "access.log"; }

  // Runs a script in the test's directory and keeps what it prints.
  int shell(const std::string& script) {
    std::ofstream(home_ / "script") << "cd '" << home_.string() << "'\n"
                                    << script << "\n";
    const std::string command = "sh '" + (home_ / "script").string() + "' >'" +
                                (home_ / "stdout").string() + "' 2>'" +
                                (home_ / "stderr").string() + "'";
    const int code = code_of(std::system(command.c_str()));
    stdout_ = contents_of(home_ / "stdout");
    stderr_ = contents_of(home_ / "stderr");
    return code;
  }

  // The same for a script that needs git and must succeed.
  void git(const std::string& script) {
    const int code = shell(
        "set -e\n"
        "export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1\n"
        "git() { command git -c user.name=a -c user.email=a@example.org"
        " -c init.defaultBranch=main -c protocol.file.allow=always \"$@\"; }\n"
        "cd repo\n" +
        script);
    ASSERT_EQ(code, 0) << stderr_;
  }

  // Runs the tour; before `words` may stand what the shell is to set.
  int tour(const std::string& words, const std::string& before = "") {
    return shell(before + " TMPDIR='" + temporary().string() + "' '" + kTour +
                 "' --out out " + words);
  }

  Json report() { return Json::parse(contents_of(out() / "report.json")); }

  void expect_one_line_of_error() {
    EXPECT_TRUE(stderr_.starts_with("tour: ")) << stderr_;
    EXPECT_EQ(std::count(stderr_.begin(), stderr_.end(), '\n'), 1) << stderr_;
  }

  void expect_nothing_left() {
    EXPECT_TRUE(fs::is_empty(temporary()));
    EXPECT_FALSE(fs::exists(out()));
  }

  void write_log(int lines) {
    std::ofstream file(log());
    for (int i = 0; i < lines; ++i) {
      file << "10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /page/" << i
           << " HTTP/1.0\" 200 2326\n";
    }
  }

  // Starts the tour on a log and ends it by `signal` once `is_time` says so.
  template <typename IsTime>
  int interrupt(int signal, const fs::path& input, const IsTime& is_time) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("TMPDIR", temporary().c_str(), 1);
      (void)!::freopen((home_ / "stderr").c_str(), "w", stderr);
      (void)!::freopen("/dev/null", "w", stdout);
      ::execl(kTour, kTour, "--access-log", input.c_str(), "--out",
              out().c_str(), nullptr);
      ::_exit(127);
    }
    int status = 0;
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!is_time() && std::chrono::steady_clock::now() < deadline) {
      if (::waitpid(child, &status, WNOHANG) == child) return code_of(status);
      std::this_thread::yield();
    }
    ::kill(child, signal);
    ::waitpid(child, &status, 0);
    stderr_ = contents_of(home_ / "stderr");
    return code_of(status);
  }

  fs::path home_;
  std::string stdout_;
  std::string stderr_;
};

// Every stage that cannot delete must be haunted by exactly `deleted` keys.
void expect_ghosts(const Json& report, std::uint64_t deleted) {
  ASSERT_EQ(report["stages"].size(), all_stages().size());
  for (std::size_t i = 0; i < all_stages().size(); ++i) {
    const Json& stage = report["stages"][i];
    EXPECT_EQ(stage["name"], all_stages()[i]->name);
    EXPECT_EQ(stage["ghosts"], all_stages()[i]->has("del") ? 0 : deleted);
  }
}

// 14 writes; then an edit and a delete; then, on a branch of its own, one
// write, and on the other a re-add and a rename, which is a write and a delete;
// the merge brings the one write; one delete at the end.
constexpr const char* kStory = R"sh(
  git init -q .
  for path in a b 'two words' 'ünï/cødé' 'com,ma' 'quo"te' 'back\slash' \
      'x,y' 'x\x2cy' "$(printf 'tab\there')" "$(printf 'new\nline')" \
      "$(printf 'latin\377')"
  do
    mkdir -p "$(dirname -- "$path")"
    printf '%s' "$path" > "$path"
  done
  ln -s a link
  git add -A
  git update-index --add --cacheinfo \
      160000,1234567890123456789012345678901234567890,module
  git commit -qm one
  echo 2 > a; rm b
  git add a b
  git commit -qm two
  git branch side
  echo back > b; git mv 'two words' 'three words and more'
  git add b
  git commit -qm three
  git checkout -q side
  echo aside > aside
  git add aside
  git commit -qm four
  git checkout -q main
  git merge -q --no-ff --no-edit side
  git rm -q 'com,ma'
  git commit -qm six
)sh";

TEST_F(Tour, TheEndStateIsExactWhateverTheHistoryAndTheNames) {
  git(kStory);
  ASSERT_EQ(tour("--git repo"), 0) << stderr_;
  const Json report = this->report();
  const Json& history = report["history"];
  EXPECT_EQ(history["operations"], 14 + 2 + 3 + 1 + 1);
  EXPECT_EQ(history["deletes"], 3);
  EXPECT_EQ(history["keys"], 16);
  EXPECT_EQ(history["live_keys"], 14);
  EXPECT_EQ(history["name"], "repo");
  EXPECT_EQ(history["unchecked"], "");
  expect_ghosts(report, 2);
  for (const Json& stage : report["stages"]) {
    const Stage* known = find_stage(stage["name"].get<std::string>());
    // a comma or a newline, or a backslash, where such may not be
    EXPECT_EQ(stage["rewritten_keys"],
              known->limits.key_forbids.empty() ? 0 : 5);
  }
}

// 40 commits, each of which edits all of 10 files and adds one that the next
// one deletes: 40 * 11 writes, 39 deletes, and most of it dead.
constexpr const char* kLongStory = R"sh(
  git init -q .
  for commit in $(seq 1 40); do
    printf 'commit refs/heads/main\n'
    printf 'committer a <a@example.org> %d +0000\ndata 0\n' $commit
    [ $commit = 1 ] || printf 'D passing/%d\n' $((commit - 1))
    for file in 0 1 2 3 4 5 6 7 8 9; do
      printf 'M 100644 inline file/%d\ndata <<END\n%d\nEND\n' $file $commit
    done
    printf 'M 100644 inline passing/%d\ndata <<END\nx\nEND\n' $commit
  done | git fast-import --quiet
)sh";

TEST_F(Tour, DeletesAreRealWhereThereAreAnyAndMergingGivesTheirSpaceBack) {
  git(kLongStory);
  ASSERT_EQ(tour("--git repo"), 0) << stderr_;
  const Json report = this->report();
  EXPECT_EQ(report["history"]["live_keys"], 11);
  expect_ghosts(report, 39);
  for (const Json& stage : report["stages"]) {
    const std::string name = stage["name"];
    const Stage* known = find_stage(name);
    const bool deletes = known->has("del");
    EXPECT_EQ(stage["keys"], deletes ? 11 : 50) << name;
    EXPECT_EQ(stage["skipped_deletes"], deletes ? 0 : 39) << name;
    EXPECT_EQ(stage["writes"], deletes ? 479 : 440) << name;
    // Without a log, what is overwritten in memory is never written: then it
    // is more than what is left on disk, below.
    if (known->logs) {
      EXPECT_GE(stage["written"], stage["user_bytes"]) << name;
    }
    EXPECT_EQ(stage["logs"], known->logs) << name;
    EXPECT_EQ(stage["segment_bytes"] > 0, known->has("--segment-bytes"));
    const Json& merging = stage["merging"];
    ASSERT_EQ(merging.is_object(), known->has("compact")) << name;
    if (!merging.is_object()) continue;
    // Much may have been merged by itself before: so never more.
    EXPECT_LE(merging["bytes_after"], merging["bytes_before"]) << name;
    EXPECT_LE(merging["files_after"], merging["files_before"]) << name;
    if (known->sorts) {  // a table; a log and a manifest beside it
      EXPECT_LE(merging["files_after"], known->logs ? 3 : 1) << name;
    }
    EXPECT_LT(merging["bytes_after"], stage["written"]) << name;
    EXPECT_EQ(stage["dead_bytes"], 0) << name;
    EXPECT_EQ(stage["disk_bytes"], merging["bytes_after"]) << name;
  }
}

TEST_F(Tour, AMissAsksEveryKeydirOfAStageThatHasOneForEachSegment) {
  git(kLongStory);
  ASSERT_EQ(tour("--git repo"), 0) << stderr_;
  const Json report = this->report();
  const auto stage = [&](const char* name) {
    for (const Json& one : report["stages"]) {
      if (one["name"] == name) return one;
    }
    return Json();
  };
  const Json segments = stage("05_segments");
  EXPECT_EQ(segments["miss_probes"], segments["files"]);
  const auto& points = segments["growth"]["miss"];
  EXPECT_LT(points.front()["probes"], points.back()["probes"]);
  EXPECT_EQ(points.back()["probes"], segments["files"]);
  EXPECT_EQ(points.back()["read_bytes"], 0);
  const Json compaction = stage("06_compaction");
  EXPECT_GT(compaction["merging"]["probes_before"], 0);
  EXPECT_LT(compaction["miss_probes"], segments["miss_probes"]);
  EXPECT_EQ(stage("07_bitcask")["miss_probes"], 0);
  // Of a sorted table a miss reads at most the one block where it would be.
  for (const Stage* known : all_stages()) {
    if (!known->sorts) continue;
    const Json sorted = stage(std::string(known->name).c_str());
    if (known->logs) {  // filters know of most
      EXPECT_LE(sorted["miss_probes"], sorted["files"]);
      EXPECT_LE(sorted["missing"]["read_calls"], sorted["miss_probes"]);
      continue;
    }
    EXPECT_EQ(sorted["miss_probes"], sorted["files"]);
    EXPECT_GT(sorted["missing"]["read_calls"], 0);
    EXPECT_LE(sorted["missing"]["read_calls"], sorted["files"]);
    EXPECT_GE(sorted["merging"]["probes_before"], sorted["miss_probes"]);
    for (const Json& point : sorted["growth"]["miss"]) {
      EXPECT_GT(point["probes"], 0) << "what was buffered is there, too";
      EXPECT_LE(point["read_calls"], point["probes"]);
    }
  }
}

TEST_F(Tour, TheHistoryIsTheSameFromASubdirectoryAndFromABareClone) {
  git(std::string(kStory) + "git clone -q --bare . ../bare.git");
  ASSERT_EQ(tour("--git repo"), 0) << stderr_;
  const Json whole = report()["history"];
  ASSERT_EQ(tour("--git 'repo/ünï'"), 0) << stderr_;
  EXPECT_EQ(report()["history"], whole);
  ASSERT_EQ(tour("--git bare.git"), 0) << stderr_;
  Json bare = report()["history"];
  EXPECT_EQ(bare["name"], "bare");
  bare["name"] = "repo";
  EXPECT_EQ(bare, whole);
}

TEST_F(Tour, NeitherTheEnvironmentNorTheConfigurationMisleadsIt) {
  git(std::string(kStory) +
      "git config diff.renames copies; git config log.showRoot false;"
      "git config diff.relative true; git config diff.ignoreSubmodules all;"
      "git config color.ui always; git init -q ../other");
  ASSERT_EQ(tour("--git 'repo/ünï'",
                 "GIT_DIR=\"$PWD/other/.git\" GIT_PREFIX=x "
                 "GIT_INDEX_FILE=/nowhere"),
            0)
      << stderr_;
  EXPECT_EQ(report()["history"]["operations"], 21);
}

TEST_F(Tour, ADifferenceFromTheOracleIsFoundAndNamed) {
  git("git init -q .; echo 1 > a; echo 2 > b; git add .; git commit -qm one");
  ASSERT_EQ(shell("mkdir bin; cat > bin/git <<END\n"
                  "#!/bin/sh\n"
                  "case \"\\$*\" in\n"
                  "*ls-tree*) '$(command -v git)' \"\\$@\" |"
                  " sed 's/blob 0cfbf08/blob 1111111/' ;;\n"
                  "*) exec '$(command -v git)' \"\\$@\" ;;\n"
                  "esac\n"
                  "END\n"
                  "chmod +x bin/git"),
            0);
  EXPECT_EQ(tour("--git repo", "PATH=\"$PWD/bin:$PATH\""), 1);
  expect_one_line_of_error();
  EXPECT_THAT(stderr_,
              HasSubstr("01_scan_log: the end state is not that of git ls-tree "
                        "-r HEAD: at 'b' the store has '0cfbf08"));
  expect_nothing_left();
}

TEST_F(Tour, WhatIsNoRepositoryIsRefused) {
  EXPECT_EQ(tour("--git repo"), 2);
  expect_one_line_of_error();
  EXPECT_THAT(stderr_, HasSubstr("not a git repository: repo"));
  expect_nothing_left();
  EXPECT_EQ(tour("--git nowhere"), 2);
  expect_one_line_of_error();
  expect_nothing_left();
}

TEST_F(Tour, ARepositoryWithoutCommitsIsRefused) {
  git("git init -q .");
  EXPECT_EQ(tour("--git repo"), 2);
  expect_one_line_of_error();
  EXPECT_THAT(stderr_, HasSubstr("no commits"));
  expect_nothing_left();
}

TEST_F(Tour, AHistoryThatLeavesNothingIsReplayedToo) {
  git("git init -q .; echo 1 > a; git add a; git commit -qm one; git rm -q a;"
      "git commit -qm two");
  ASSERT_EQ(tour("--git repo"), 0) << stderr_;
  expect_ghosts(report(), 1);
  EXPECT_EQ(report()["stages"][0]["newest"]["asked"], 0);
  EXPECT_GT(report()["stages"][0]["missing"]["asked"], 0);
}

TEST_F(Tour, AShallowCloneIsReplayedAndNotChecked) {
  git(std::string(kStory) +
      "git clone -q --depth 2 \"file://$PWD\" ../shallow");
  ASSERT_EQ(tour("--git shallow"), 0) << stderr_;
  EXPECT_THAT(stdout_, HasSubstr("shallow"));
  EXPECT_THAT(stdout_, HasSubstr("not checked"));
  EXPECT_THAT(stdout_, Not(HasSubstr("exact")));
  const std::string why = report()["history"]["unchecked"];
  EXPECT_THAT(why, HasSubstr("cannot be checked"));
}

TEST_F(Tour, WithoutGitItSaysSo) {
  EXPECT_EQ(tour("--git repo", "PATH=\"$PWD/tmp\""), 4);
  expect_one_line_of_error();
  EXPECT_THAT(stderr_, HasSubstr("cannot run: git"));
  expect_nothing_left();
}

TEST_F(Tour, HitsAreCountedAndMalformedLinesTold) {
  const std::string good =
      R"(10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET )";
  std::ofstream(log())
      << good << "/a HTTP/1.0\" 200 2326\n"
      << good << "/b,c HTTP/1.0\" 200 -\n"
      << "nonsense\n"
      << good << "/a HTTP/1.0\" 304 0 \"http://from\" \"Agent/1.0 \\\" x\"\r\n"
      << "\n"
      << good << "/q\\\"uote HTTP/1.0\" 200 1\n"
      << good << "/a HTTP/1.0\" two 1\n"
      << good << "/a\" 200 1\n";
  ASSERT_EQ(tour("--access-log access.log"), 0) << stderr_;
  EXPECT_THAT(stdout_, HasSubstr("3 of 8 lines malformed and passed over: the "
                                 "first is line 3"));
  const Json report = this->report();
  EXPECT_EQ(report["history"]["operations"], 5);
  EXPECT_EQ(report["history"]["malformed"], 3);
  EXPECT_EQ(report["history"]["first_malformed"], 3);
  EXPECT_EQ(report["history"]["keys"], 3);
  expect_ghosts(report, 0);
}

TEST_F(Tour, CountsAgreeWithACountMadeHere) {
  constexpr int kLines = 3000;
  std::map<std::string, int> hits;
  std::uint64_t bytes = 0;
  std::ofstream file(log());
  for (int i = 0; i < kLines; ++i) {
    const std::string url = "/page/" + std::to_string(i * i % 97);
    bytes += url.size() + std::to_string(++hits[url]).size();
    file << "h - - [d] \"POST " << url << " HTTP/1.1\" 200 5\n";
  }
  file.close();
  ASSERT_EQ(tour("--access-log access.log"), 0) << stderr_;
  const Json report = this->report();
  EXPECT_EQ(report["history"]["operations"], kLines);
  EXPECT_EQ(report["history"]["keys"], hits.size());
  for (const Json& stage : report["stages"]) {
    EXPECT_EQ(stage["writes"], kLines);
    EXPECT_EQ(stage["keys"], hits.size());
    EXPECT_EQ(stage["user_bytes"], bytes);
  }
}

TEST_F(Tour, WhatIsNoLogIsRefused) {
  std::ofstream(log()) << "one\ntwo\n";
  EXPECT_EQ(tour("--access-log access.log"), 2);
  expect_one_line_of_error();
  EXPECT_EQ(tour("--access-log nowhere"), 4);
  expect_one_line_of_error();
  EXPECT_EQ(tour("--access-log repo"), 4);
  expect_one_line_of_error();
  EXPECT_EQ(tour("--access-log access.log --git repo"), 2);
  expect_one_line_of_error();
  expect_nothing_left();
}

TEST_F(Tour, OnlyTheReportIsLeft) {
  write_log(100);
  ASSERT_EQ(tour("--access-log access.log"), 0) << stderr_;
  EXPECT_TRUE(fs::is_empty(temporary()));
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(out())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names,
              testing::UnorderedElementsAre("report.html", "report.json"));
}

TEST_F(Tour, APlaceThatCannotHoldTheReportIsKnownBeforeTheWorkBegins) {
  write_log(100);
  std::ofstream(out()) << "in the way";
  EXPECT_EQ(tour("--access-log access.log"), 4);
  expect_one_line_of_error();
  EXPECT_EQ(stdout_, "");
  EXPECT_EQ(contents_of(out()), "in the way");
}

TEST_F(Tour, WithoutRoomItSaysSoAndLeavesNothing) {
  write_log(2000);
  EXPECT_EQ(tour("--access-log access.log", "ulimit -f 20;"), 4);
  expect_one_line_of_error();
  EXPECT_THAT(stderr_, HasSubstr("01_scan_log: cannot write"));
  expect_nothing_left();
}

TEST_F(Tour, CtrlCInTheMiddleLeavesNothing) {
  write_log(100'000);
  for (const int signal : {SIGINT, SIGTERM}) {
    EXPECT_EQ(
        interrupt(signal, log(), [&] { return !fs::is_empty(temporary()); }),
        128 + signal);
    expect_one_line_of_error();
    expect_nothing_left();
  }
}

TEST_F(Tour, CtrlCWhileTheInputIsReadLeavesNothing) {
  const fs::path pipe = home_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::ofstream writer;  // opening it waits until the tour reads
  EXPECT_EQ(interrupt(SIGINT, pipe,
                      [&] {
                        writer.open(pipe);
                        return true;
                      }),
            128 + SIGINT);
  expect_nothing_left();
}

TEST_F(Tour, ThePageNeedsNothingElseAndTrustsNoName) {
  git("git init -q .; mkdir '<'; echo 1 > '</script><img src=x>'; echo 2 > b;"
      "git add .; git commit -qm one; git rm -qr '<'; git commit -qm two");
  ASSERT_EQ(tour("--git repo"), 0) << stderr_;
  const std::string page = contents_of(out() / "report.html");

  const std::string open = R"(<script type="application/json" id="report">)";
  const auto begin = page.find(open);
  ASSERT_NE(begin, page.npos);
  const auto end = page.find("</script>", begin);
  const std::string data =
      page.substr(begin + open.size(), end - begin - open.size());
  EXPECT_EQ(Json::parse(data), report());
  EXPECT_EQ(report()["stages"][0]["ghost_names"][0], "</script><img src=x>");
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, Not(HasSubstr("{{")));

  const std::regex loads(
      R"((src|href)\s*=\s*["']?(https?:)?//|@import|url\(\s*["']?(https?:)?//)");
  EXPECT_FALSE(std::regex_search(page.substr(0, 30'000), loads));
  EXPECT_THAT(page, Not(HasSubstr("<script src")));
  EXPECT_THAT(page, Not(HasSubstr("sourceMappingURL")));
}

TEST_F(Tour, SaysWhoseWritesAreAcknowledgedInMemory) {
  git(kStory);
  ASSERT_EQ(tour("--git repo"), 0) << stderr_;
  for (const Stage* stage : all_stages()) {
    const auto said =
        HasSubstr(std::string(stage->name) +
                  " acknowledges a write that is in its memory only");
    if (stage->logs) {
      EXPECT_THAT(stdout_, Not(said));
    } else {
      EXPECT_THAT(stdout_, said);
    }
  }
}

TEST_F(Tour, TheTablesFitAHundredColumns) {
  git(kStory);
  ASSERT_EQ(tour("--git repo"), 0) << stderr_;
  std::istringstream lines(stdout_);
  for (std::string line; std::getline(lines, line);) {
    const auto columns = std::count_if(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    });
    EXPECT_LE(columns, 100) << line;
  }
  for (const Stage* stage : all_stages()) {
    EXPECT_THAT(stdout_, HasSubstr(std::string(stage->name)));
  }
}

TEST_F(Tour, BadUsageIsOneLine) {
  EXPECT_EQ(tour("--nonsense"), 2);
  expect_one_line_of_error();
  EXPECT_EQ(tour("--git ''"), 2);
  expect_one_line_of_error();
  EXPECT_EQ(tour("--help"), 0);
  EXPECT_THAT(stdout_, HasSubstr("--access-log"));
  expect_nothing_left();
}

}  // namespace
}  // namespace strata
