// The crash tool itself: for short runs, all the states are known by hand.

#include "common/os/crash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/os/fault_os.h"

namespace strata {
namespace {

constexpr const char* kWhy = "test";
using Files = std::map<std::string, std::string>;
// A disk's files, and what had been acknowledged.
using State = std::pair<std::uint64_t, Files>;

class CrashTest : public testing::Test {
 protected:
  CrashTest() {
    disk_.put("old", "1234");
    recorder_.emplace(disk_, disk_.image());
  }

  Os& os() { return *recorder_; }

  int open(const std::string& path, OpenMode mode = OpenMode::kCreate) {
    return static_cast<int>(os().open(path, mode, kWhy));
  }

  void write(int fd, std::uint64_t offset, std::string_view bytes) {
    ASSERT_GT(os().write_at(fd, offset, bytes, kWhy), 0);
  }

  void sync(int fd) { ASSERT_EQ(os().sync(fd, kWhy), 0); }

  void sync_directory(const std::string& path) {
    sync(open(path, OpenMode::kDirectory));
  }

  std::set<State> power_cuts() {
    std::set<State> states;
    for_each_power_cut(recorder_->trace(), [&](const CrashState& state) {
      EXPECT_TRUE(
          states.insert({state.acknowledged, state.image.files}).second ||
          !state.image.directories.empty())
          << "seen before: " << state.what;
    });
    return states;
  }

  // The bytes that the file may have in any state.
  std::set<std::string> power_cuts_of(const std::string& path) {
    std::set<std::string> contents;
    for (const auto& [acknowledged, files] : power_cuts()) {
      const auto found = files.find(path);
      contents.insert(found == files.end() ? "(none)" : found->second);
    }
    return contents;
  }

  MemoryOs disk_;
  std::optional<RecordingOs> recorder_;
};

TEST_F(CrashTest, ARunWithoutChangesHasOneState) {
  open("old", OpenMode::kRead);
  EXPECT_EQ(power_cuts(), (std::set<State>{{0, {{"old", "1234"}}}}));
}

TEST_F(CrashTest, AWriteThatIsNotSyncedMayBeDroppedCutOrZeroed) {
  write(open("old"), 4, "abcd");
  EXPECT_EQ(power_cuts_of("old"),
            (std::set<std::string>{"1234", "1234a", "1234ab", "1234abc",
                                   "1234abcd", std::string("1234\0\0\0\0", 8),
                                   std::string("1234ab\0\0", 8)}));
}

TEST_F(CrashTest, AWriteThatIsSyncedStays) {
  const int fd = open("old");
  write(fd, 4, "ab");
  sync(fd);
  recorder_->mark(1);
  for (const auto& [acknowledged, files] : power_cuts()) {
    if (acknowledged == 1) {
      EXPECT_EQ(files.at("old"), "1234ab");
    }
  }
}

TEST_F(CrashTest, AStateTellsHowManyChangesCameBeforeIt) {
  const int fd = open("old");
  write(fd, 4, "a");
  sync(fd);
  write(fd, 5, "b");
  std::map<std::string, std::size_t> first_seen;
  for_each_power_cut(recorder_->trace(), [&](const CrashState& state) {
    first_seen.emplace(state.image.files.at("old"), state.changes);
  });
  EXPECT_EQ(first_seen, (std::map<std::string, std::size_t>{
                            {"1234", 0},
                            {"1234a", 1},
                            {std::string("1234\0", 5), 1},
                            {"1234ab", 3},
                            {std::string("1234a\0", 6), 3}}));
}

TEST_F(CrashTest, ASyncDoesNotCoverTheWritesBehindIt) {
  const int fd = open("old");
  write(fd, 4, "a");
  sync(fd);
  recorder_->mark(1);
  write(fd, 5, "b");
  const auto states = power_cuts();
  EXPECT_EQ(states.count({1, {{"old", "1234a"}}}), 1U);
  EXPECT_EQ(states.count({1, {{"old", "1234"}}}), 0U);
}

TEST_F(CrashTest, OneOfTwoWritesMayBeMissingOrBoth) {
  const int fd = open("old");
  write(fd, 4, "a");
  write(fd, 5, "b");
  EXPECT_EQ(power_cuts_of("old"),
            (std::set<std::string>{
                "1234", "1234a", "1234ab", std::string("1234\0", 5),
                std::string("1234\0b", 6), std::string("1234a\0", 6)}));
}

TEST_F(CrashTest, ATruncateMayBeDroppedUntilItsFileIsSynced) {
  const int fd = open("old");
  ASSERT_EQ(os().truncate(fd, 1, kWhy), 0);
  EXPECT_EQ(power_cuts_of("old"), (std::set<std::string>{"1234", "1"}));
  recorder_->mark(1);
  sync(fd);
  recorder_->mark(2);
  EXPECT_EQ(power_cuts().count({2, {{"old", "1234"}}}), 0U);
}

TEST_F(CrashTest, ASyncedFileIsGoneWithoutItsEntry) {
  const int fd = open("new");
  write(fd, 0, "x");
  sync(fd);
  recorder_->mark(1);
  sync_directory(".");
  recorder_->mark(2);
  const auto states = power_cuts();
  EXPECT_EQ(states.count({1, {{"old", "1234"}}}), 1U);
  EXPECT_EQ(states.count({1, {{"new", "x"}, {"old", "1234"}}}), 1U);
  EXPECT_EQ(states.count({2, {{"old", "1234"}}}), 0U);
  EXPECT_EQ(states.count({2, {{"new", "x"}, {"old", "1234"}}}), 1U);
}

TEST_F(CrashTest, ASyncedDirectoryMayHoldAnEmptyFile) {
  write(open("new"), 0, "x");
  sync_directory(".");
  recorder_->mark(1);
  const auto states = power_cuts();
  EXPECT_EQ(states.count({1, {{"new", ""}, {"old", "1234"}}}), 1U);
  EXPECT_EQ(states.count({1, {{"old", "1234"}}}), 0U);
}

TEST_F(CrashTest, AFileIsGoneWithTheDirectoryItIsIn) {
  ASSERT_EQ(os().make_dir("d", kWhy), 0);
  const int fd = open("d/f");
  write(fd, 0, "x");
  sync(fd);
  sync_directory("d");
  recorder_->mark(1);
  sync_directory(".");
  recorder_->mark(2);
  const auto states = power_cuts();
  EXPECT_EQ(states.count({1, {{"old", "1234"}}}), 1U);
  EXPECT_EQ(states.count({2, {{"old", "1234"}}}), 0U);
}

TEST_F(CrashTest, ARenameIsThereOrNotButNeverHalf) {
  const int fd = open("new");
  write(fd, 0, "x");
  sync(fd);
  sync_directory(".");
  recorder_->mark(1);
  ASSERT_EQ(os().rename("new", "old", kWhy), 0);
  const auto states = power_cuts();
  EXPECT_EQ(states.count({1, {{"new", "x"}, {"old", "1234"}}}), 1U);
  EXPECT_EQ(states.count({1, {{"old", "x"}}}), 1U);
  EXPECT_EQ(states.count({1, {{"old", "1234"}}}), 0U);
  EXPECT_EQ(states.count({1, {}}), 0U);
}

TEST_F(CrashTest, ARenameBeforeItsBytesAreSyncedMayLeaveAnEmptyFile) {
  write(open("new"), 0, "x");
  ASSERT_EQ(os().rename("new", "old", kWhy), 0);
  sync_directory(".");
  recorder_->mark(1);
  EXPECT_EQ(power_cuts().count({1, {{"old", ""}}}), 1U);
}

TEST_F(CrashTest, ARemovedFileMayComeBackUntilTheDirectoryIsSynced) {
  ASSERT_EQ(os().remove("old", kWhy), 0);
  recorder_->mark(1);
  sync_directory(".");
  recorder_->mark(2);
  const auto states = power_cuts();
  EXPECT_EQ(states.count({1, {{"old", "1234"}}}), 1U);
  EXPECT_EQ(states.count({1, {}}), 1U);
  EXPECT_EQ(states.count({2, {{"old", "1234"}}}), 0U);
}

TEST_F(CrashTest, AWriteAfterARenameGoesToTheSameFile) {
  const int fd = open("new");
  ASSERT_EQ(os().rename("new", "newer", kWhy), 0);
  write(fd, 0, "x");
  sync(fd);
  sync_directory(".");
  recorder_->mark(1);
  EXPECT_EQ(power_cuts().count({1, {{"newer", "x"}, {"old", "1234"}}}), 1U);
}

TEST_F(CrashTest, AKillLosesNothingButTheEndOfTheWriteUnderWay) {
  const int fd = open("old");
  write(fd, 4, "ab");
  recorder_->mark(1);
  write(fd, 6, "cdef");
  std::set<State> states;
  for_each_kill(recorder_->trace(), [&](const CrashState& state) {
    EXPECT_TRUE(states.insert({state.acknowledged, state.image.files}).second);
  });
  EXPECT_EQ(states, (std::set<State>{{0, {{"old", "1234"}}},
                                     {0, {{"old", "1234a"}}},
                                     {0, {{"old", "1234ab"}}},
                                     {1, {{"old", "1234ab"}}},
                                     {1, {{"old", "1234abc"}}},
                                     {1, {{"old", "1234abcd"}}},
                                     {1, {{"old", "1234abcde"}}},
                                     {1, {{"old", "1234abcdef"}}}}));
}

TEST_F(CrashTest, CallsThatFailedChangedNothing) {
  FaultOs faults(disk_);
  recorder_.emplace(faults, disk_.image());
  const int fd = open("old");
  faults.add({.for_ever = true, .error = EIO});
  EXPECT_LT(os().write_at(fd, 0, "x", kWhy), 0);
  EXPECT_LT(os().sync(fd, kWhy), 0);
  EXPECT_LT(os().truncate(fd, 0, kWhy), 0);
  EXPECT_LT(os().remove("old", kWhy), 0);
  EXPECT_LT(os().rename("old", "new", kWhy), 0);
  EXPECT_LT(os().make_dir("d", kWhy), 0);
  EXPECT_TRUE(recorder_->trace().changes.empty());
}

TEST_F(CrashTest, AShortWriteIsAsLongAsTheSystemSaid) {
  FaultOs faults(disk_);
  recorder_.emplace(faults, disk_.image());
  const int fd = open("old");
  faults.add({.calls = {Call::kWrite}, .at_most = 2});
  write(fd, 0, "wxyz");
  ASSERT_EQ(recorder_->trace().changes.size(), 1U);
  EXPECT_EQ(recorder_->trace().changes[0].bytes, "wx");
}

TEST_F(CrashTest, OpeningAFileThatIsThereIsNoChange) {
  open("old", OpenMode::kCreate);
  EXPECT_TRUE(recorder_->trace().changes.empty());
}

}  // namespace
}  // namespace strata
