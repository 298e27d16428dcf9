// Directories and files as nobody should leave them: lengths that lie, foreign
// files, links and folders in place of the store's own files, no permission.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "common/os/fault_os.h"
#include "common/os/posix_os.h"
#include "tests/faults/scenario.h"

namespace strata {
namespace {

using faults::Answer;
using faults::ask;
using faults::peak_memory;

class HostileFiles : public testing::TestWithParam<faults::Setting> {
 protected:
  [[nodiscard]] faults::Written written(std::size_t sets) const {
    return faults::write_history(GetParam(),
                                 faults::history(*GetParam().stage, sets));
  }

  // Does all that reads; whatever the file holds, it ends in answers or
  // Damage.
  static void read_everything(Store& store) {
    const std::vector<std::function<void()>> all = {
        [&] { static_cast<void>(ask(store, "apple")); },
        [&] { store.keys([](std::string_view) {}); },
        [&] { store.scan("", "", [](auto, auto) {}); },
        [&] { static_cast<void>(store.stats()); },
        [&] { store.dump("", [](const DumpRecord&) {}); },
    };
    for (const auto& read : all) {
      try {
        read();
      } catch (const Damage&) {
      }
    }
  }

  void expect_little_memory(const Image& image) const {
    constexpr std::uint64_t kLittle = 200'000'000;
    const std::uint64_t before = peak_memory();
    for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
      MemoryOs disk(image);
      read_everything(*faults::open(GetParam(), disk, mode));
    }
    EXPECT_LT(peak_memory() - before, kLittle);
  }
};

TEST_P(HostileFiles, NoLengthIsBelievedBeyondTheEndOfTheFile) {
  const faults::Written good = written(8);
  for (const std::string& lie :
       {std::string(2, '\xff'), std::string(4, '\xff'), std::string(8, '\xff'),
        std::string("\x7f\xff\xff\xff"), std::string("\x80\0\0\0", 4),
        std::string(2, '\0'), std::string(4, '\0'), std::string(8, '\0')}) {
    for (std::size_t at = 0; at + lie.size() <= good.bytes().size();
         at += thinned(2)) {
      SCOPED_TRACE(testing::PrintToString(lie) + " at " + std::to_string(at));
      std::string bytes = good.bytes();
      bytes.replace(at, lie.size(), lie);
      expect_little_memory(good.with(bytes));
      if (HasFailure()) return;
    }
  }
}

TEST_P(HostileFiles, AFileOfOneByteOverAndOverIsNoRecord) {
  const faults::Written good = written(1);
  for (const char byte : {'\0', '\1', '\x7f', '\x80', '\xff', 'x', ','}) {
    for (const std::size_t size :
         {1U, 2U, 13U, 14U, 15U, 16U, 31U, 4096U, 70'000U}) {
      SCOPED_TRACE(std::to_string(size) + " bytes " +
                   std::to_string(static_cast<unsigned char>(byte)));
      const Image image = good.with(std::string(size, byte));
      expect_little_memory(image);
      MemoryOs disk(image);
      const auto store = faults::open(GetParam(), disk, Mode::kRead);
      const Answer answer = ask(*store, "apple");
      EXPECT_TRUE(answer == Answer() || answer == faults::damage()) << answer;
    }
  }
}

// A table is never empty: whatever was in it is lost.
TEST_P(HostileFiles, AnEmptyFileIsAnEmptyStoreUnlessItShouldBeATable) {
  const faults::Written good = written(1);
  MemoryOs disk(good.with(""));
  if (!GetParam().stage->logs) {
    for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
      const auto store = faults::open(GetParam(), disk, mode);
      EXPECT_EQ(ask(*store, "apple"), faults::damage());
    }
    return;
  }
  std::vector<std::string> notes;
  for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
    const auto store =
        faults::open(GetParam(), disk, mode, Sync::kNever, &notes);
    faults::expect_model(*store, faults::history(*GetParam().stage, 1), {});
    EXPECT_EQ(store->stats().keys, 0U);
  }
  EXPECT_TRUE(notes.empty()) << notes[0];
}

TEST_P(HostileFiles, AnEmptyDirectoryIsAnEmptyStoreAndAReaderMakesNoFile) {
  MemoryOs disk;
  disk.put_directory(faults::kDirectory);
  const Image before = disk.image();
  faults::expect_model(*faults::open(GetParam(), disk, Mode::kRead),
                       faults::history(*GetParam().stage, 3), {});
  EXPECT_EQ(disk.image(), before);
}

TEST_P(HostileFiles, AStoreThatDoesNotExistIsEmptyAndAReaderMakesNothing) {
  MemoryOs disk;
  faults::expect_model(*faults::open(GetParam(), disk, Mode::kRead),
                       faults::history(*GetParam().stage, 3), {});
  EXPECT_EQ(disk.image(), Image());
}

TEST_P(HostileFiles, ForeignFilesAndFoldersAreLeftAlone) {
  const faults::History history = faults::history(*GetParam().stage, 10);
  MemoryOs disk;
  const std::map<std::string, std::string> foreign = {
      {"db/README", "not yours"},     {"db/log.txt~", "a,1\n"},
      {"db/log.bin.old", "a"},        {"db/lock", "12345\n"},
      {"db/folder/log.txt", "b,2\n"}, {"db/.hidden", ""}};
  for (const auto& [path, bytes] : foreign) disk.put(path, bytes);
  for (int round = 0; round < 2; ++round) {
    const auto store = faults::open(GetParam(), disk, Mode::kWrite);
    for (const auto& step : history) faults::apply(*store, step);
    faults::expect_model(*store, history,
                         faults::model_after(history, history.size()));
  }
  for (const auto& [path, bytes] : foreign) {
    EXPECT_EQ(disk.files().at(path), bytes) << path;
  }
}

TEST_P(HostileFiles, AReadOnlyFileSystemCanBeReadAndNotWritten) {
  const faults::History history = faults::history(*GetParam().stage, 10);
  const faults::Written good = written(10);
  for (const int error : {EROFS, EACCES}) {
    MemoryOs disk(good.image);
    FaultOs read_only(disk);
    read_only.add({.changes_only = true, .for_ever = true, .error = error});
    const auto write = [&] {
      const auto store = faults::open(GetParam(), read_only, Mode::kWrite);
      store->set("a", "1");
      store->flush();
    };
    EXPECT_THROW(write(), IoError);
    const auto reader = faults::open(GetParam(), read_only, Mode::kRead);
    faults::expect_model(*reader, history, faults::model_after(history, 10));
    read_everything(*reader);
    EXPECT_EQ(disk.image(), good.image);
  }
}

TEST_P(HostileFiles, AFileInPlaceOfTheDirectoryIsAnError) {
  MemoryOs disk;
  disk.put(faults::kDirectory, "I am a file");
  for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
    EXPECT_THROW(static_cast<void>(faults::open(GetParam(), disk, mode)),
                 IoError);
  }
  EXPECT_EQ(disk.files().at(faults::kDirectory), "I am a file");
}

// On the real file system, whose links and folders are the ones that count.
class HostileNames : public HostileFiles {
 protected:
  HostileNames() {
    options_ = faults::options_for(GetParam(), posix_os(), Mode::kWrite);
    options_.directory = temporary_.path("store");
    open(Mode::kWrite)->set("apple", "green");
    // The name of the store's file: that of the newest one in memory.
    file_ = options_.path_of(
        std::filesystem::path(written(1).file()).filename().string());
    EXPECT_TRUE(std::filesystem::is_regular_file(file_)) << file_;
  }

  [[nodiscard]] std::unique_ptr<Store> open(Mode mode) {
    options_.mode = mode;
    return GetParam().stage->open(options_);
  }

  void expect_refused() {
    for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
      EXPECT_THROW(static_cast<void>(open(mode)), IoError);
    }
  }

  static std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  faults::TemporaryDirectory temporary_;
  Options options_;
  std::string file_;
};

TEST_P(HostileNames, ALinkInPlaceOfAFileIsRefusedAndItsTargetUnchanged) {
  const std::string target = temporary_.path("target");
  std::filesystem::rename(file_, target);
  const std::string before = content(target);
  std::filesystem::create_symlink(target, file_);
  expect_refused();
  EXPECT_EQ(content(target), before);
}

TEST_P(HostileNames, ALinkToNowhereIsRefusedAndMakesNoFile) {
  std::filesystem::remove(file_);
  std::filesystem::create_symlink(temporary_.path("nowhere"), file_);
  expect_refused();
  EXPECT_FALSE(std::filesystem::exists(temporary_.path("nowhere")));
}

TEST_P(HostileNames, ADirectoryInPlaceOfAFileIsRefused) {
  std::filesystem::remove(file_);
  std::filesystem::create_directory(file_);
  expect_refused();
  EXPECT_TRUE(std::filesystem::is_directory(file_));
}

TEST_P(HostileNames, APipeInPlaceOfAFileIsRefusedAtOnce) {
  std::filesystem::remove(file_);
  ASSERT_EQ(mkfifo(file_.c_str(), 0600), 0);
  expect_refused();
}

TEST_P(HostileNames, AFileWithoutPermissionIsAnErrorAndNoEmptyStore) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read every file";
  std::filesystem::permissions(file_, std::filesystem::perms::none);
  expect_refused();
}

TEST_P(HostileNames, ADirectoryWithoutPermissionToWriteCanBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  using std::filesystem::perms;
  std::filesystem::permissions(file_, perms::owner_read);
  std::filesystem::permissions(options_.directory,
                               perms::owner_read | perms::owner_exec);
  EXPECT_EQ(ask(*open(Mode::kRead), "apple"), faults::value("green"));
  EXPECT_THROW(static_cast<void>(open(Mode::kWrite)), IoError);
  std::filesystem::permissions(options_.directory, perms::owner_all);
}

INSTANTIATE_TEST_SUITE_P(Stages, HostileFiles,
                         testing::ValuesIn(faults::all_settings()),
                         faults::name_of_setting);
INSTANTIATE_TEST_SUITE_P(Stages, HostileNames,
                         testing::ValuesIn(faults::all_settings()),
                         faults::name_of_setting);

}  // namespace
}  // namespace strata
