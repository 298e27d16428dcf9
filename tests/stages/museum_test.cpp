// The museum: bugs that real stores have had, each as a test that its return
// would fail (tests/mutations brings some of them back). These are the ones of
// stages with many files, of merging and of Bitcask. Those below have a test
// elsewhere that says more:
//
//   bitcask#171    hints cut at any byte             bitcask_hints_test.cpp
//   badger#613     damage in an older file           segments_test.cpp,
//                                                    faults/bit_flip_test.cpp
//   pogreb#63      a crash during recovery           faults/crash_states_test.cpp
//   leveldb#577    a full disk amid a record         faults/every_call_fails_test.cpp
//   leveldb#126    a second handle drops the lock    faults/locks_test.cpp
//   leveldb#1054   lengths that allocate gigabytes   faults/hostile_files_test.cpp
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/os/fault_os.h"
#include "common/os/file_window.h"
#include "common/os/memory_os.h"
#include "common/os/watched_os.h"
#include "common/record/binary_record.h"
#include "common/store/errors.h"
#include "stages/07_bitcask/store.h"
#include "tests/faults/scenario.h"
#include "tests/stages/few_descriptors.h"
#include "tests/support.h"

namespace strata {
namespace {

using faults::Model;

// A store in memory whose every record fills a file, unless a test says more.
// Nothing is merged by itself.
class Museum : public testing::TestWithParam<const Stage*> {
 protected:
  [[nodiscard]] virtual const Stage& stage() const { return *GetParam(); }

  [[nodiscard]] std::unique_ptr<Store> open(Mode mode, Os& os) {
    Options options =
        faults::options_for({&stage(), segment_bytes}, os, mode, sync);
    for (const auto& [name, number] : numbers) options.numbers[name] = number;
    options.note = [this](const std::string& line) { notes.push_back(line); };
    return stage().open(options);
  }

  [[nodiscard]] std::unique_ptr<Store> writer() {
    return open(Mode::kWrite, disk);
  }

  [[nodiscard]] std::unique_ptr<Store> reader() {
    return open(Mode::kRead, disk);
  }

  // Everything in a store that is opened for reading, and in one that goes on
  // from there.
  void expect_all(const Model& model) {
    EXPECT_EQ(contents(*reader()), model);
    EXPECT_EQ(contents(*writer()), model);
  }

  // The paths of the files with records, oldest first.
  [[nodiscard]] static std::vector<std::string> data_files(const MemoryOs& of) {
    std::vector<std::string> paths;
    for (const auto& [path, bytes] : of.files()) {
      if (holds_records(path)) paths.push_back(path);
    }
    std::sort(paths.begin(), paths.end(), [](const auto& a, const auto& b) {
      return number_of_file(a) < number_of_file(b);
    });
    return paths;
  }

  // Changes one byte of a file.
  static void flip(MemoryOs& of, const std::string& path, std::size_t offset) {
    std::string bytes = of.files().at(path);
    bytes.at(offset) = static_cast<char>(bytes[offset] ^ 0x55);
    of.put(path, bytes);
  }

  void remove_hints() {
    for (const auto& [path, bytes] : disk.files()) {
      if (path.find(".hint") != std::string::npos) {
        ASSERT_EQ(disk.remove(path, "test"), 0);
      }
    }
  }

  MemoryOs disk;
  std::vector<std::string> notes;
  std::map<std::string_view, std::uint64_t, std::less<>> numbers;
  std::uint64_t segment_bytes = 1;
  Sync sync = Sync::kNever;
};

// Stages that merge.
class MergeMuseum : public Museum {
 protected:
  enum class Moment : std::uint8_t {
    kBeforeReading,  // the first input
    kAfterCopying,   // into the first output, before anybody knows it
    kBeforeNaming,   // that one: everything has been copied
  };

  static constexpr Moment kMoments[] = {
      Moment::kBeforeReading, Moment::kAfterCopying, Moment::kBeforeNaming};

  // Merges, and once lets another thread do `work`.
  static void merge_beside(Store& store, WatchedOs& watched, Moment moment,
                           const std::function<void()>& work) {
    const auto merger = std::this_thread::get_id();
    constexpr std::string_view kCalls[] = {"read", "sync", "rename"};
    std::size_t seen = 0;  // of these calls, in this order
    bool done = false;
    watched.before = [&, merger](const Coming& coming) {
      if (std::this_thread::get_id() != merger || done) return 0;
      if (coming.call != kCalls[seen]) return 0;
      done = seen++ == static_cast<std::size_t>(moment);
      if (done) std::thread(work).join();
      return 0;
    };
    store.compact();
    watched.before = nullptr;
    EXPECT_TRUE(done) << "nothing was merged";
  }
};

class BitcaskMuseum : public MergeMuseum {
 protected:
  [[nodiscard]] const Stage& stage() const override {
    return stage_07_bitcask();
  }

  [[nodiscard]] static Bitcask& bitcask(Store& store) {
    return dynamic_cast<Bitcask&>(store);
  }
};

// ---- Tombstones and merging

// basho/bitcask#82: set, delete, merge the file of the tombstone alone. 06 has
// its own test in compaction_test.cpp.
TEST_F(BitcaskMuseum, ADeletedKeyStaysGoneWhenOnlyItsTombstoneIsMerged) {
  {
    const auto store = writer();
    store->set("k", "1");
    store->del("k");
    store->set("z", "1");
    bitcask(*store).merge({2});
    EXPECT_EQ(answer(*store, "k"), std::nullopt);
  }
  expect_all({{"z", "1"}});
  remove_hints();
  expect_all({{"z", "1"}});
}

// basho/bitcask#148
TEST_P(MergeMuseum, AKeyThatIsDeletedWhileItIsCopiedStaysGone) {
  for (const Moment moment : kMoments) {
    {
      WatchedOs watched(disk);
      const auto store = open(Mode::kWrite, watched);
      for (const char* key : {"k", "k", "y", "z"}) store->set(key, "1");
      merge_beside(*store, watched, moment, [&] { store->del("k"); });
      EXPECT_EQ(answer(*store, "k"), std::nullopt);
    }
    expect_all({{"y", "1"}, {"z", "1"}});
    writer()->compact();
    expect_all({{"y", "1"}, {"z", "1"}});
  }
}

// nutsdb#392
TEST_P(MergeMuseum, AKeyThatIsSetWhileItIsCopiedKeepsItsNewValue) {
  for (const Moment moment : kMoments) {
    {
      WatchedOs watched(disk);
      const auto store = open(Mode::kWrite, watched);
      for (const char* key : {"k", "k", "z"}) store->set(key, "old");
      merge_beside(*store, watched, moment, [&] {
        store->set("k", "new");
        store->set("other", "new");
      });
      EXPECT_EQ(answer(*store, "k"), "new");
    }
    expect_all({{"k", "new"}, {"other", "new"}, {"z", "old"}});
    writer()->compact();
    expect_all({{"k", "new"}, {"other", "new"}, {"z", "old"}});
  }
}

// rosedb#258
TEST_P(MergeMuseum, WhatIsDeletedAfterAMergeIsGoneAfterTheNextOne) {
  for (int i = 0; i < 10; ++i) writer()->set("k" + std::to_string(i), "1");
  writer()->compact();
  EXPECT_EQ(contents(*reader()).size(), 10U);
  for (int i = 0; i < 10; ++i) writer()->del("k" + std::to_string(i));
  writer()->compact();
  expect_all({});
  EXPECT_EQ(writer()->stats().dead_bytes, 0U);
}

// rosedb#242
TEST_P(MergeMuseum, AStoreThatWasMergedManyTimesOpens) {
  Model model;
  for (int i = 0; i < 6; ++i) {
    const std::string key = i % 2 == 0 ? "even" : "odd";
    writer()->set(key, model[key] = std::to_string(i));
    writer()->compact();
    writer()->compact();
    expect_all(model);
  }
}

// rosedb#342: hints of before the merge beside data of after it.
TEST_P(MergeMuseum, AKillBetweenTheRenamesOfAMergeLeavesNoStaleIndex) {
  WatchedOs watched(disk);
  Model model;
  std::vector<Image> left;
  {
    const auto store = open(Mode::kWrite, watched);
    for (int i = 0; i < 12; ++i) {
      const std::string key(1, static_cast<char>('a' + i % 5));
      store->set(key, model[key] = std::to_string(i));
    }
    store->del("a");
    model.erase("a");
    watched.before = [&](const Coming& coming) {
      if (coming.call == "rename" || coming.call == "remove") {
        left.push_back(disk.image());
      }
      return 0;
    };
    store->compact();
    watched.before = nullptr;
  }
  EXPECT_GT(left.size(), 5U);
  for (const Image& image : left) {
    MemoryOs killed(image);
    EXPECT_EQ(contents(*open(Mode::kRead, killed)), model);
    const auto store = open(Mode::kWrite, killed);
    EXPECT_EQ(contents(*store), model);
    store->verify([](const DamagedPlace& place) {
      ADD_FAILURE() << place.file << ": " << place.why;
    });
    store->compact();
    EXPECT_EQ(contents(*store), model);
  }
}

// basho/bitcask 956cec0
TEST_P(MergeMuseum, AnInputThatCannotBeReadIsKept) {
  for (const bool rots : {false, true}) {
    MemoryOs fresh;
    FaultOs faulty(fresh);
    const auto store = open(Mode::kWrite, faulty);
    for (const char* value : {"1", "2", "3"}) {
      store->set("k", value);
      store->set("l", value);
    }
    const auto before = data_files(fresh);
    if (rots) {
      flip(fresh, before[0], kHeaderBytes);
    } else {
      faulty.add({.calls = {Call::kRead}, .error = EIO});
    }
    EXPECT_ANY_THROW(store->compact());
    faulty.clear();
    const auto after = data_files(fresh);
    for (const std::string& path : before) {
      EXPECT_THAT(after, testing::Contains(path));
    }
    EXPECT_EQ(answer(*store, "l"), "3");
  }
}

// basho/bitcask 694480f: the merge took a list that the roll-over had changed.
TEST_P(MergeMuseum, ARollOverAmidAMergeMakesNoInputOfTheActiveFile) {
  for (const Moment moment : kMoments) {
    Model model = {{"k", "1"}, {"z", "1"}};
    MemoryOs fresh;
    {
      WatchedOs watched(fresh);
      const auto store = open(Mode::kWrite, watched);
      for (const char* key : {"k", "k", "z"}) store->set(key, "1");
      merge_beside(*store, watched, moment, [&] {
        for (int i = 0; i < 9; ++i) {
          const std::string key = "n" + std::to_string(i);
          store->set(key, model[key] = std::to_string(i));
        }
      });
      store->set("last", model["last"] = "1");
      EXPECT_EQ(contents(*store), model);
    }
    EXPECT_EQ(contents(*open(Mode::kRead, fresh)), model);
    EXPECT_EQ(contents(*open(Mode::kWrite, fresh)), model);
  }
}

// weaviate#1697
TEST_P(MergeMuseum, WhatAKilledMergeLeftOverStopsNoLaterOne) {
  WatchedOs watched(disk);
  std::optional<Image> killed;
  std::string unfinished;
  {
    const auto store = open(Mode::kWrite, watched);
    for (const char* value : {"1", "2", "3"}) store->set("k", value);
    watched.before = [&](const Coming& coming) {
      const bool of_data =
          coming.call == "rename" && holds_records(coming.path);
      if (of_data && !killed) {
        killed = disk.image();
        unfinished = coming.path;
      }
      return 0;
    };
    store->compact();
    watched.before = nullptr;
  }
  ASSERT_TRUE(killed);
  ASSERT_EQ(killed->files.count(unfinished), 1U);
  MemoryOs left(*killed);
  const auto store = open(Mode::kWrite, left);
  EXPECT_EQ(left.files().count(unfinished), 0U);
  store->compact();
  EXPECT_EQ(contents(*store), (Model{{"k", "3"}}));
  EXPECT_EQ(store->stats().dead_bytes, 0U);
}

// leveldb#189 and rocksdb#4990, and leveldb#195 for the names: inputs go only when the outputs
// would survive a power cut, name and all.
TEST_P(MergeMuseum, BeforeAnInputGoesTheOutputsAndTheirNamesAreOnDisk) {
  WatchedOs watched(disk);
  const auto store = open(Mode::kWrite, watched);
  for (const char* value : {"1", "2", "3"}) store->set("k", value);
  std::set<std::string> not_synced;
  bool names_synced = true;
  int removed = 0;
  watched.before = [&](const Coming& coming) {
    if (!holds_records(coming.path)) return 0;
    if (coming.call == "write") not_synced.insert(coming.path);
    if (coming.call == "rename") {
      EXPECT_EQ(not_synced.count(coming.path), 0U) << coming.path;
      names_synced = false;
    }
    if (coming.call == "sync" && coming.path == "db") names_synced = true;
    if (coming.call == "sync") not_synced.erase(coming.path);
    if (coming.call == "remove") {
      ++removed;
      EXPECT_TRUE(names_synced) << "before " << coming.path << " goes";
    }
    return 0;
  };
  store->compact();
  EXPECT_GE(removed, 2);
}

// ---- Readers and time

// basho/bitcask#174
TEST_P(MergeMuseum, AFoldReadsOnWhatAMergeHasReplaced) {
  const auto store = writer();  // 10 files: a reader can hold them open
  Model model;
  for (int i = 0; i < 5; ++i) {
    store->set("k" + std::to_string(i), model["k" + std::to_string(i)] = "1");
    store->set("dead", std::to_string(i));
  }
  model["dead"] = "4";
  const auto other = reader();
  for (Store* folds : {store.get(), other.get()}) {
    Model seen;
    folds->scan("", "", [&](std::string_view key, std::string_view value) {
      if (seen.empty()) {
        store->set("dead", "4");
        store->compact();
      }
      seen.emplace(key, value);
    });
    EXPECT_EQ(seen, model);
  }
}

// basho/bitcask e3ae214
TEST_P(Museum, AFileOfExactlySoManyReadBlocksLosesNoRecord) {
  segment_bytes = std::uint64_t{1} << 40;
  for (const std::size_t blocks : {1U, 2U}) {
    MemoryOs fresh;
    const auto store = open(Mode::kWrite, fresh);
    const std::size_t size = blocks * FileWindow::kCapacity;
    store->set("first", "1");
    const std::size_t others = 3 * kHeaderBytes + 5 + 1 + 6 + 4;
    store->set("filler", std::string(size - others, 'x'));
    store->set("last", "");
    const std::string file = data_files(fresh).back();
    ASSERT_EQ(fresh.files().at(file).size(), size);
    MemoryOs killed(fresh.image());
    EXPECT_EQ(answer(*open(Mode::kRead, killed), "last"), "");
    EXPECT_EQ(contents(*open(Mode::kWrite, killed)).size(), 3U);
    EXPECT_EQ(killed.files().at(file).size(), size);
  }
}

// basho/bitcask 860eb0d
TEST_F(BitcaskMuseum, ASetWhileItsExpiredRecordIsMergedAwayIsKept) {
  numbers["--expiry-seconds"] = 100;
  WatchedOs watched(disk);
  {
    const auto store = open(Mode::kWrite, watched);
    for (const char* key : {"k", "l", "z"}) store->set(key, "old");
    disk.set_now(disk.now_seconds() + 200);
    merge_beside(*store, watched, Moment::kBeforeReading,
                 [&] { store->set("k", "new"); });
    EXPECT_EQ(answer(*store, "k"), "new");
  }
  expect_all({{"k", "new"}});
}

// basho/bitcask#20: files were ordered by the second in which they were made.
TEST_P(Museum, ManyRollOversWithinASecondKeepTheOrderOfWriting) {
  {
    const auto store = writer();
    for (int i = 0; i < 25; ++i) store->set("k", std::to_string(i));
    disk.set_now(disk.now_seconds() - 1000);
    store->set("l", "1");
    store->set("k", "last");
  }
  expect_all({{"k", "last"}, {"l", "1"}});
}

// basho/bitcask#136
TEST_P(Museum, AnEmptyNewestFileStopsNoWrite) {
  writer()->set("k", "1");
  const std::string newest = data_files(disk).back();
  const std::uint64_t number = number_of_file(newest);
  const std::string behind = newest.substr(newest.find('.'));
  disk.put("db/" + std::to_string(number + 1) + behind, "");
  for (const char* value : {"2", "3"}) {
    writer()->set("k", value);
    expect_all({{"k", value}});
  }
}

// ---- Recovery

// basho/bitcask#100
TEST_P(Museum, AKeyWithAFlippedByteIsDamagedAndNotUnknown) {
  {
    const auto store = writer();
    store->set("key", "1");
    store->set("z", "1");
  }
  remove_hints();
  flip(disk, data_files(disk).front(), kHeaderBytes + 1);
  const auto store = reader();
  EXPECT_THROW((void)answer(*store, "key"), Damage);
  EXPECT_EQ(answer(*store, "z"), "1");
}

// leveldb#1287; leveldb#74 where zeros follow
TEST_P(Museum, WhatIsAppendedBehindATornTailIsThereAfterReopening) {
  segment_bytes = faults::kOneFile;
  const auto store = writer();
  store->set("a", "1");
  store->set("b", "2");
  const std::string file = data_files(disk).back();
  const std::string bytes = disk.files().at(file);
  for (std::size_t size = bytes.size() / 2; size < bytes.size(); ++size) {
    for (const std::size_t zeros : {0U, 1U, 14U, 70'000U}) {
      MemoryOs torn;
      torn.put_directory("db");
      torn.put(file, bytes.substr(0, size) + std::string(zeros, '\0'));
      open(Mode::kWrite, torn)->set("c", "3");
      const Model expected = {{"a", "1"}, {"c", "3"}};
      ASSERT_EQ(contents(*open(Mode::kRead, torn)), expected)
          << size << " bytes and " << zeros << " zeros";
      ASSERT_EQ(contents(*open(Mode::kWrite, torn)), expected);
    }
  }
}

// basho/bitcask c174af6
TEST_P(Museum, ManyDamagedFilesLeakNoDescriptors) {
  {
    const auto store = writer();
    for (int i = 0; i < 150; ++i) store->set("k" + std::to_string(i), "1");
    store->set("z", "1");
  }
  remove_hints();
  auto files = data_files(disk);
  files.pop_back();
  for (const std::string& file : files) flip(disk, file, kHeaderBytes);
  FewDescriptors few(disk, 60);
  for (int opens = 0; opens < 3; ++opens) {
    const auto store = open(Mode::kRead, few);
    EXPECT_EQ(answer(*store, "z"), "1");
    for (int i = 0; i < 150; ++i) {
      EXPECT_THROW((void)answer(*store, "k" + std::to_string(i)), Damage);
    }
  }
}

// badger#434
TEST_P(Museum, ALengthInMidLogThatIsTooLongCutsNothingOff) {
  segment_bytes = faults::kOneFile;
  {
    const auto store = writer();
    for (const char* key : {"a", "b", "c"}) store->set(key, "1");
  }
  remove_hints();
  const std::string file = data_files(disk).back();
  constexpr std::size_t kValueSize = 10;  // of the first record, 4 bytes
  flip(disk, file, kValueSize + 2);
  const std::string bytes = disk.files().at(file);
  {
    const auto store = writer();
    EXPECT_THROW((void)answer(*store, "a"), Damage);
    EXPECT_EQ(answer(*store, "c"), "1");
    store->set("d", "1");
  }
  EXPECT_EQ(disk.files().at(file).substr(0, bytes.size()), bytes);
}

// leveldb#193
TEST_P(Museum, ALostTailOfAnOlderFileIsAHoleAndNoEndOfTheStore) {
  {
    const auto store = writer();
    for (const char* key : {"a", "b", "c"}) store->set(key, "1");
  }
  remove_hints();
  const std::string file = data_files(disk)[1];
  const std::string bytes = disk.files().at(file);
  disk.put(file, bytes.substr(0, bytes.size() - 1));
  const auto store = writer();
  EXPECT_THROW((void)answer(*store, "b"), Damage);
  EXPECT_EQ(answer(*store, "c"), "1");
  EXPECT_EQ(disk.files().at(file).size(), bytes.size() - 1) << "none is cut";
}

// ---- The disk

// PostgreSQL 2018, redis#8347
TEST_P(Museum, AFailedSyncIsNotTriedAgainAndBelieved) {
  sync = Sync::kAlways;
  segment_bytes = faults::kOneFile;
  WatchedOs watched(disk);
  const auto store = open(Mode::kWrite, watched);
  store->set("k", "1");
  int syncs = 0;
  watched.before = [&](const Coming& coming) {
    return coming.call == "sync" && ++syncs == 1 ? EIO : 0;
  };
  EXPECT_THROW(store->set("k", "2"), IoError);
  EXPECT_THROW(store->set("k", "3"), IoError);
  EXPECT_EQ(syncs, 1);
  EXPECT_EQ(answer(*store, "k"), "1");
  watched.before = nullptr;
}

// ---- Locks and hostile files

// basho/bitcask#99 and #163
TEST_F(BitcaskMuseum, NeitherALiveStrangersNumberNorAnEmptyLockKeepsAnyoneOut) {
  writer()->set("k", "1");
  const std::string live = std::to_string(disk.process_id());
  for (const std::string& text : {live + " db/1.bitcask.data", live + " ",
                                  std::string(), std::string("?")}) {
    for (const char* lock : {"write", "merge", "create"}) {
      disk.put("db/bitcask." + std::string(lock) + ".lock", text);
    }
    const auto store = writer();
    store->set("k", text);
    store->compact();
    EXPECT_EQ(answer(*store, "k"), text);
  }
}

// mini-lsm#219
TEST_P(Museum, AKeyOf65536BytesIsRefusedAndDoesNotWrapAround) {
  const std::string longest(65'535, 'k');
  {
    const auto store = writer();
    store->set(longest, "1");
    const auto before = disk.files();
    EXPECT_THROW(store->set(longest + "k", "2"), InvalidInput);
    EXPECT_EQ(disk.files(), before);
  }
  expect_all({{longest, "1"}});
}

INSTANTIATE_TEST_SUITE_P(Stages, Museum,
                         testing::Values(find_stage("05_segments"),
                                         find_stage("06_compaction"),
                                         find_stage("07_bitcask")),
                         faults::name_of_stage);
INSTANTIATE_TEST_SUITE_P(Stages, MergeMuseum,
                         testing::Values(find_stage("06_compaction"),
                                         find_stage("07_bitcask")),
                         faults::name_of_stage);

}  // namespace
}  // namespace strata
