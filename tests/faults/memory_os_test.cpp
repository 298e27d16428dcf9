// The file system in memory must answer as the real one does: what a store
// survives here, it must survive there. The same questions are put to both.

#include "common/os/memory_os.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "common/os/posix_os.h"
#include "tests/faults/scenario.h"

namespace strata {
namespace {

constexpr const char* kWhy = "test";

enum class Kind : std::uint8_t { kMemory, kReal };

// An empty directory in memory or in the system's directory for such things.
class BothOs : public testing::TestWithParam<Kind> {
 protected:
  Os& os() {
    if (GetParam() == Kind::kMemory) return memory_;
    return posix_os();
  }

  std::string path(const std::string& name) {
    return GetParam() == Kind::kMemory ? name : directory_.path(name);
  }

  OsResult open(const std::string& name, OpenMode mode) {
    return os().open(path(name), mode, kWhy);
  }

  int create(const std::string& name, std::string_view bytes = "") {
    const int fd = static_cast<int>(open(name, OpenMode::kCreate));
    EXPECT_GE(fd, 0);
    EXPECT_EQ(os().write_at(fd, 0, bytes, kWhy),
              static_cast<OsResult>(bytes.size()));
    return fd;
  }

  std::string content(int fd) {
    std::string out(100, '?');
    const OsResult got = os().read_at(fd, 0, out.data(), out.size(), kWhy);
    return got < 0 ? "error" : out.substr(0, static_cast<std::size_t>(got));
  }

 private:
  MemoryOs memory_;
  faults::TemporaryDirectory directory_;
};

TEST_P(BothOs, AFileIsMadeWrittenAndReadBack) {
  EXPECT_EQ(open("f", OpenMode::kRead), -ENOENT);
  EXPECT_EQ(open("f", OpenMode::kWrite), -ENOENT);
  const int fd = create("f", "hello");
  EXPECT_EQ(content(fd), "hello");
  EXPECT_EQ(os().size(fd, kWhy), 5);
  char byte = 0;
  EXPECT_EQ(os().read_at(fd, 4, &byte, 1, kWhy), 1);
  EXPECT_EQ(byte, 'o');
  EXPECT_EQ(os().read_at(fd, 5, &byte, 1, kWhy), 0);
  EXPECT_EQ(os().read_at(fd, 500, &byte, 1, kWhy), 0);
  os().close(fd);
}

TEST_P(BothOs, CreateNewWantsAFreshName) {
  os().close(create("f", "old"));
  EXPECT_EQ(open("f", OpenMode::kCreateNew), -EEXIST);
  const OsResult again = open("f", OpenMode::kCreate);
  ASSERT_GE(again, 0);
  EXPECT_EQ(content(static_cast<int>(again)), "old");
  os().close(static_cast<int>(again));
}

TEST_P(BothOs, AGapReadsAsZeros) {
  const int fd = create("f", "ab");
  EXPECT_EQ(os().write_at(fd, 4, "c", kWhy), 1);
  EXPECT_EQ(content(fd), std::string("ab\0\0c", 5));
  EXPECT_EQ(os().truncate(fd, 1, kWhy), 0);
  EXPECT_EQ(os().truncate(fd, 3, kWhy), 0);
  EXPECT_EQ(content(fd), std::string("a\0\0", 3));
  os().close(fd);
}

TEST_P(BothOs, AnEmptyWriteBeyondTheEndChangesNothing) {
  const int fd = create("f", "ab");
  EXPECT_EQ(os().write_at(fd, 9, "", kWhy), 0);
  EXPECT_EQ(os().size(fd, kWhy), 2);
  os().close(fd);
}

TEST_P(BothOs, AFileOpenedForReadingCannotBeChanged) {
  os().close(create("f", "ab"));
  const int fd = static_cast<int>(open("f", OpenMode::kRead));
  EXPECT_EQ(os().write_at(fd, 0, "x", kWhy), -EBADF);
  EXPECT_LT(os().truncate(fd, 0, kWhy), 0);  // Linux answers EINVAL
  EXPECT_EQ(content(fd), "ab");
  os().close(fd);
}

TEST_P(BothOs, ARemovedFileStaysReadableWhileItIsOpen) {
  const int fd = create("f", "still here");
  EXPECT_EQ(os().remove(path("f"), kWhy), 0);
  EXPECT_EQ(open("f", OpenMode::kRead), -ENOENT);
  EXPECT_EQ(content(fd), "still here");
  os().close(fd);
  EXPECT_EQ(os().remove(path("f"), kWhy), -ENOENT);
}

TEST_P(BothOs, RenameReplacesAtOnceAndKeepsOpenFiles) {
  const int old_file = create("old", "1");
  const int new_file = create("new", "2");
  EXPECT_EQ(os().rename(path("old"), path("new"), kWhy), 0);
  EXPECT_EQ(open("old", OpenMode::kRead), -ENOENT);
  EXPECT_EQ(content(old_file), "1");
  EXPECT_EQ(content(new_file), "2");
  const int fd = static_cast<int>(open("new", OpenMode::kRead));
  EXPECT_EQ(content(fd), "1");
  EXPECT_EQ(os().rename(path("none"), path("new"), kWhy), -ENOENT);
  EXPECT_EQ(os().rename(path("new"), path("no/where"), kWhy), -ENOENT);
  for (const int each : {old_file, new_file, fd}) os().close(each);
}

TEST_P(BothOs, ADirectoryNeedsItsParent) {
  EXPECT_EQ(os().make_dir(path("a/b"), kWhy), -ENOENT);
  EXPECT_EQ(os().make_dir(path("a"), kWhy), 0);
  EXPECT_EQ(os().make_dir(path("a/b"), kWhy), 0);
  EXPECT_EQ(os().make_dir(path("a"), kWhy), -EEXIST);
  os().close(create("f"));
  EXPECT_EQ(os().make_dir(path("f"), kWhy), -EEXIST);
  EXPECT_EQ(os().make_dir(path("f/d"), kWhy), -ENOTDIR);
  EXPECT_EQ(open("x/y/f", OpenMode::kCreate), -ENOENT);
  EXPECT_EQ(open("f/g", OpenMode::kCreate), -ENOTDIR);
  EXPECT_EQ(os().make_dir(path("."), kWhy), -EEXIST);
}

TEST_P(BothOs, ADirectoryIsNoFileAndAFileNoDirectory) {
  EXPECT_EQ(os().make_dir(path("d"), kWhy), 0);
  os().close(create("f"));
  EXPECT_EQ(open("d", OpenMode::kRead), -EISDIR);
  EXPECT_EQ(open("d", OpenMode::kWrite), -EISDIR);
  EXPECT_EQ(open("d", OpenMode::kCreate), -EISDIR);
  EXPECT_EQ(open("f", OpenMode::kDirectory), -ENOTDIR);
  EXPECT_EQ(open("none", OpenMode::kDirectory), -ENOENT);
  EXPECT_EQ(os().remove(path("d"), kWhy), -EISDIR);
  EXPECT_EQ(os().rename(path("f"), path("d"), kWhy), -EISDIR);
}

TEST_P(BothOs, AListHoldsTheNamesOfOneDirectory) {
  EXPECT_EQ(os().make_dir(path("d"), kWhy), 0);
  EXPECT_EQ(os().make_dir(path("d/e"), kWhy), 0);
  os().close(create("d/f"));
  os().close(create("d/e/deep"));
  os().close(create("d.txt"));
  std::vector<std::string> names = {"left over"};
  EXPECT_EQ(os().list(path("d"), names, kWhy), 0);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()),
            (std::set<std::string>{"e", "f"}));
  EXPECT_EQ(os().list(path("none"), names, kWhy), -ENOENT);
  EXPECT_EQ(os().list(path("d/f"), names, kWhy), -ENOTDIR);
}

TEST_P(BothOs, ALockBelongsToItsDescriptor) {
  EXPECT_EQ(os().make_dir(path("d"), kWhy), 0);
  const int first = static_cast<int>(open("d", OpenMode::kDirectory));
  const int second = static_cast<int>(open("d", OpenMode::kDirectory));
  EXPECT_EQ(os().lock(first, kWhy), 0);
  EXPECT_EQ(os().lock(first, kWhy), 0);
  EXPECT_EQ(os().lock(second, kWhy), -EWOULDBLOCK);
  os().close(second);
  const int third = static_cast<int>(open("d", OpenMode::kDirectory));
  EXPECT_EQ(os().lock(third, kWhy), -EWOULDBLOCK);
  os().close(first);
  EXPECT_EQ(os().lock(third, kWhy), 0);
  os().close(third);
}

TEST_P(BothOs, AMappingOutlivesItsDescriptor) {
  const int fd = create("f", "mapped");
  const char* start = nullptr;
  EXPECT_EQ(os().map(fd, 6, &start, kWhy), 0);
  os().close(fd);
  EXPECT_EQ(std::string_view(start, 6), "mapped");
  os().unmap(start, 6);
}

TEST_P(BothOs, FilesAndDirectoriesCanBeSynced) {
  const int fd = create("f", "x");
  const int directory = static_cast<int>(open(".", OpenMode::kDirectory));
  EXPECT_EQ(os().sync(fd, kWhy), 0);
  EXPECT_EQ(os().sync(directory, kWhy), 0);
  os().close(fd);
  os().close(directory);
  EXPECT_EQ(os().sync(fd, kWhy), -EBADF);
}

INSTANTIATE_TEST_SUITE_P(Systems, BothOs,
                         testing::Values(Kind::kMemory, Kind::kReal),
                         [](const auto& param) {
                           return param.param == Kind::kMemory ? "memory"
                                                               : "real";
                         });

TEST(MemoryOs, AnImageGoesInAndComesOut) {
  MemoryOs disk;
  disk.put("./db//log.txt", "a");
  disk.put("/top/f", "b");
  disk.put_directory("empty/inner/");
  const Image image = disk.image();
  EXPECT_EQ(image.files, (std::map<std::string, std::string>{
                             {"db/log.txt", "a"}, {"/top/f", "b"}}));
  EXPECT_EQ(image.directories,
            (std::set<std::string>{"db", "/top", "empty", "empty/inner"}));
  EXPECT_EQ(MemoryOs(image).image(), image);
}

TEST(MemoryOs, AnOpenFileSeesWhatATestPuts) {
  MemoryOs disk;
  disk.put("f", "old");
  const int fd = static_cast<int>(disk.open("f", OpenMode::kRead, kWhy));
  disk.put("f", "newer");
  EXPECT_EQ(disk.size(fd, kWhy), 5);
}

TEST(MemoryOs, AFileHasALongestLength) {
  MemoryOs disk;
  const int fd = static_cast<int>(disk.open("f", OpenMode::kCreate, kWhy));
  EXPECT_EQ(disk.write_at(fd, MemoryOs::kMaxFileBytes, "x", kWhy), -EFBIG);
  EXPECT_EQ(disk.write_at(fd, UINT64_MAX, "x", kWhy), -EFBIG);
  EXPECT_EQ(disk.truncate(fd, MemoryOs::kMaxFileBytes + 1, kWhy), -EFBIG);
}

TEST(MemoryOs, EveryRunIsTheSame) {
  MemoryOs one;
  MemoryOs two;
  EXPECT_EQ(one.now_seconds(), 1'700'000'000U);
  one.set_now(5);
  EXPECT_EQ(one.now_seconds(), 5U);
  const std::uint64_t before = one.ticks_ns();
  EXPECT_LT(before, one.ticks_ns());
  const std::uint64_t first = one.random();
  EXPECT_EQ(first, two.random());
  EXPECT_NE(first, one.random());
  one.set_seed(0);
  EXPECT_EQ(first, one.random());
}

TEST(MemoryOs, ManyThreadsMayUseIt) {
  MemoryOs disk;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&disk, thread] {
      const std::string name = "f" + std::to_string(thread);
      for (int round = 0; round < 200; ++round) {
        const int fd =
            static_cast<int>(disk.open(name, OpenMode::kCreate, kWhy));
        const OsResult end = disk.size(fd, kWhy);
        EXPECT_EQ(disk.write_at(fd, static_cast<std::uint64_t>(end), "x", kWhy),
                  1);
        disk.close(fd);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& [path, bytes] : disk.files()) EXPECT_EQ(bytes.size(), 200U);
  EXPECT_EQ(disk.files().size(), 4U);
}

}  // namespace
}  // namespace strata
