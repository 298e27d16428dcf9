// The fault tool itself: it must hit the call it is told to hit, and no other.

#include "common/os/fault_os.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "common/os/file.h"
#include "common/os/memory_os.h"
#include "common/store/errors.h"

namespace strata {
namespace {

class FaultOsTest : public testing::Test {
 protected:
  FaultOsTest() { disk_.put("f", ""); }

  int open() {
    return static_cast<int>(faults_.open("f", OpenMode::kWrite, "test"));
  }

  OsResult write(int fd, std::string_view bytes) {
    return faults_.write_at(fd, 0, bytes, "test");
  }

  OsResult read(int fd, std::size_t size) {
    std::string out(size, '\0');
    return faults_.read_at(fd, 0, out.data(), size, "test");
  }

  MemoryOs disk_;
  FaultOs faults_{disk_};
};

TEST_F(FaultOsTest, WithoutFaultsEveryCallReachesTheDisk) {
  const int fd = open();
  EXPECT_EQ(write(fd, "abc"), 3);
  EXPECT_EQ(read(fd, 9), 3);
  EXPECT_EQ(disk_.files().at("f"), "abc");
  EXPECT_EQ(faults_.calls(), 3U);
  EXPECT_EQ(faults_.calls(Call::kWrite), 1U);
}

TEST_F(FaultOsTest, OnlyTheNthMatchingCallFails) {
  const int fd = open();
  faults_.add({.calls = {Call::kWrite}, .nth = 2, .error = ENOSPC});
  EXPECT_EQ(write(fd, "1"), 1);
  EXPECT_EQ(read(fd, 1), 1);
  EXPECT_EQ(write(fd, "2"), -ENOSPC);
  EXPECT_EQ(write(fd, "3"), 1);
  EXPECT_EQ(disk_.files().at("f"), "3");
}

TEST_F(FaultOsTest, AFailedCallDoesNotReachTheDisk) {
  const int fd = open();
  faults_.add({.calls = {Call::kWrite, Call::kTruncate}, .error = EIO});
  EXPECT_EQ(write(fd, "1"), -EIO);
  EXPECT_EQ(disk_.files().at("f"), "");
}

TEST_F(FaultOsTest, AFaultForEverStaysUntilItIsCleared) {
  const int fd = open();
  faults_.add(
      {.calls = {Call::kRead}, .nth = 2, .for_ever = true, .error = EIO});
  EXPECT_EQ(read(fd, 1), 0);
  EXPECT_EQ(read(fd, 1), -EIO);
  EXPECT_EQ(read(fd, 1), -EIO);
  faults_.clear();
  EXPECT_EQ(read(fd, 1), 0);
  EXPECT_EQ(faults_.calls(), 1U);
}

TEST_F(FaultOsTest, AFaultCountsFromWhenItWasAdded) {
  const int fd = open();
  EXPECT_EQ(write(fd, "1"), 1);
  faults_.add({.calls = {Call::kWrite}, .error = EIO});
  EXPECT_EQ(write(fd, "2"), -EIO);
}

TEST_F(FaultOsTest, AShortWriteMovesSomeBytesAndNeverNone) {
  const int fd = open();
  faults_.add({.calls = {Call::kWrite}, .for_ever = true, .at_most = 2});
  EXPECT_EQ(write(fd, "abcd"), 2);
  EXPECT_EQ(disk_.files().at("f"), "ab");
  faults_.clear();
  faults_.add(
      {.calls = {Call::kWrite}, .for_ever = true, .at_most = Fault::kHalf});
  EXPECT_EQ(write(fd, "wxyz"), 2);
  EXPECT_EQ(write(fd, "w"), 1);
}

TEST_F(FaultOsTest, AShortReadMovesSomeBytesAndNeverNone) {
  const int fd = open();
  disk_.put("f", "abcdef");
  faults_.add(
      {.calls = {Call::kRead}, .for_ever = true, .at_most = Fault::kHalf});
  EXPECT_EQ(read(fd, 6), 3);
  EXPECT_EQ(read(fd, 1), 1);
}

TEST_F(FaultOsTest, AFullDiskTakesAPartOfTheBytesAndThenNone) {
  File file = File::open(faults_, "f", OpenMode::kWrite, "test");
  faults_.add({.calls = {Call::kWrite}, .nth = 1, .at_most = Fault::kHalf});
  faults_.add({.calls = {Call::kWrite}, .nth = 2, .error = ENOSPC});
  EXPECT_THROW(file.write_at(0, "abcd", "test"), IoError);
  EXPECT_EQ(disk_.files().at("f"), "ab");
  file.write_at(0, "wxyz", "test");
  EXPECT_EQ(disk_.files().at("f"), "wxyz");
}

TEST_F(FaultOsTest, InterruptedAndShortCallsAreInvisibleThroughAFile) {
  File file = File::open(faults_, "f", OpenMode::kWrite, "test");
  faults_.add({.nth = 2, .error = EINTR});
  faults_.add({.for_ever = true, .at_most = 1});
  file.write_at(0, "abcd", "test");
  std::string out(4, '\0');
  EXPECT_EQ(file.read_at(0, out.data(), 4, "test"), 4U);
  EXPECT_EQ(out, "abcd");
}

TEST_F(FaultOsTest, AfterACrashNothingReachesTheDisk) {
  const int fd = open();
  faults_.add(Fault::crash_at(2));
  EXPECT_EQ(write(fd, "1"), 1);
  EXPECT_LT(write(fd, "2"), 0);
  EXPECT_LT(faults_.rename("f", "g", "test"), 0);
  EXPECT_LT(faults_.remove("f", "test"), 0);
  EXPECT_LT(faults_.make_dir("d", "test"), 0);
  EXPECT_LT(faults_.truncate(fd, 0, "test"), 0);
  EXPECT_LT(faults_.sync(fd, "test"), 0);
  EXPECT_LT(faults_.open("new", OpenMode::kCreate, "test"), 0);
  EXPECT_EQ(disk_.files(), (std::map<std::string, std::string>{{"f", "1"}}));
}

TEST_F(FaultOsTest, AReadOnlyFileSystemReadsAndDoesNotWrite) {
  disk_.put("f", "abc");
  faults_.add({.changes_only = true, .for_ever = true, .error = EROFS});
  EXPECT_EQ(faults_.open("f", OpenMode::kWrite, "test"), -EROFS);
  EXPECT_EQ(faults_.open("f", OpenMode::kCreate, "test"), -EROFS);
  EXPECT_EQ(faults_.make_dir("d", "test"), -EROFS);
  EXPECT_EQ(faults_.remove("f", "test"), -EROFS);
  const OsResult fd = faults_.open("f", OpenMode::kRead, "test");
  ASSERT_GE(fd, 0);
  EXPECT_EQ(read(static_cast<int>(fd), 3), 3);
  std::vector<std::string> names;
  EXPECT_EQ(faults_.list(".", names, "test"), 0);
}

TEST_F(FaultOsTest, EveryKindOfCallCanFail) {
  const int fd = open();
  faults_.add({.for_ever = true, .error = EIO});
  const char* mapped = nullptr;
  std::vector<std::string> names;
  EXPECT_EQ(faults_.open("f", OpenMode::kRead, "test"), -EIO);
  EXPECT_EQ(read(fd, 1), -EIO);
  EXPECT_EQ(write(fd, "1"), -EIO);
  EXPECT_EQ(faults_.sync(fd, "test"), -EIO);
  EXPECT_EQ(faults_.truncate(fd, 1, "test"), -EIO);
  EXPECT_EQ(faults_.size(fd, "test"), -EIO);
  EXPECT_EQ(faults_.lock(fd, "test"), -EIO);
  EXPECT_EQ(faults_.rename("f", "g", "test"), -EIO);
  EXPECT_EQ(faults_.remove("f", "test"), -EIO);
  EXPECT_EQ(faults_.make_dir("d", "test"), -EIO);
  EXPECT_EQ(faults_.list(".", names, "test"), -EIO);
  EXPECT_EQ(faults_.map(fd, 1, &mapped, "test"), -EIO);
}

}  // namespace
}  // namespace strata
