// The museum: bugs that real stores have had, each as a test that its return
// would fail (tests/mutations brings some of them back). These are the ones of
// stages with many files, of merging, of Bitcask and of sorted tables; those of
// a log in front of tables are in lsm_museum_test.cpp. Those below have a test
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
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/os/crash.h"
#include "common/os/fault_os.h"
#include "common/os/file_window.h"
#include "common/os/memory_os.h"
#include "common/os/recording_os.h"
#include "common/os/watched_os.h"
#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "common/store/errors.h"
#include "common/table/varint.h"
#include "stages/07_bitcask/store.h"
#include "stages/08_sstables/store.h"
#include "stages/08_sstables/table_file.h"
#include "tests/faults/scenario.h"
#include "tests/stages/few_descriptors.h"
#include "tests/stages/memory_store.h"
#include "tests/support.h"

namespace strata {
namespace {

using faults::Model;

// A store in memory whose every record fills a file, unless a test says more;
// where there is no log, each write is synced into one. Nothing is merged by
// itself.
class Museum : public testing::TestWithParam<const Stage*> {
 protected:
  [[nodiscard]] virtual const Stage& stage() const { return *GetParam(); }

  [[nodiscard]] std::unique_ptr<Store> open(Mode mode, Os& os) {
    Options options =
        faults::options_for({&stage(), segment_bytes}, os, mode,
                            sync.value_or(faults::sync_into_files(stage())));
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

  // Of these, those that a merge reads: where there are sorted files, no logs.
  [[nodiscard]] std::vector<std::string> files_to_merge(
      const MemoryOs& of) const {
    std::vector<std::string> paths = data_files(of);
    if (!stage().sorts) return paths;
    paths.erase(std::remove_if(paths.begin(), paths.end(),
                               [](const std::string& path) {
                                 return path.find(".sst") == std::string::npos;
                               }),
                paths.end());
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
  std::optional<Sync> sync{};  // unless given, what brings a write into a file
};

// Stages whose files are logs.
class LogMuseum : public Museum {};

// Stages that merge.
class MergeMuseum : public Museum {
 protected:
  // With a manifest, whoever has to write out a memtable waits for the merge to
  // have named its output: no memtable may be full then.
  void SetUp() override {
    if (stage().sorts && stage().logs) segment_bytes = std::uint64_t{1} << 20;
  }

  enum class Moment : std::uint8_t {
    kBeforeReading,  // the first input
    kAfterCopying,   // into the first output, before anybody knows it
    kBeforeNaming,   // that one: everything has been copied
  };

  static constexpr Moment kMoments[] = {
      Moment::kBeforeReading, Moment::kAfterCopying, Moment::kBeforeNaming};

  // Merges, and once lets another thread do `work`. The store may have a thread
  // of its own that looks at `watched` until the store is closed: so what
  // watches stays, and does nothing more.
  static void merge_beside(Store& store, WatchedOs& watched, Moment moment,
                           const std::function<void()>& work) {
    const auto merger = std::this_thread::get_id();
    static constexpr std::string_view kCalls[] = {"read", "sync", "rename"};

    struct State {
      std::size_t seen = 0;  // of these calls, in this order
      bool done = false;
    };

    const auto state = std::make_shared<State>();
    faults::write_memtable(store);
    watched.before = [=](const Coming& coming) {
      if (std::this_thread::get_id() != merger || state->done) return 0;
      if (coming.call != kCalls[state->seen]) return 0;
      state->done = state->seen++ == static_cast<std::size_t>(moment);
      if (state->done) std::thread(work).join();
      return 0;
    };
    store.compact();
    EXPECT_TRUE(state->done) << "nothing was merged";
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

// Stages whose files are sorted tables: here of many records each, written out
// when a test says so.
class TableMuseum : public MergeMuseum {
 protected:
  TableMuseum() {
    sync = Sync::kNever;
    segment_bytes = faults::kOneFile;
  }

  static void write_table(Store& store, const Model& pairs,
                          const std::vector<std::string>& deleted = {}) {
    for (const auto& [key, value] : pairs) store.set(key, value);
    for (const std::string& key : deleted) store.del(key);
    faults::write_memtable(store);
  }
};

// 08: its tables are all that there is, and their names say which they are.
class SsTablesMuseum : public TableMuseum {
 protected:
  [[nodiscard]] const Stage& stage() const override {
    return stage_08_sstables();
  }

  // Keys that no other table has, in so many bytes that it is not merged with
  // a few small ones.
  [[nodiscard]] static Model many() {
    Model pairs;
    for (int i = 100; i < 300; ++i) {
      pairs["many" + std::to_string(i)] = std::to_string(i * i);
    }
    return pairs;
  }

  [[nodiscard]] bool becomes_tables(std::size_t count) const {
    return eventually([&] { return data_files(disk).size() <= count; });
  }

  // Does all that reads; it ends in answers or Damage.
  static void read_everything(Store& store) {
    const std::vector<std::function<void()>> all = {
        [&] { static_cast<void>(answer(store, "apple")); },
        [&] { static_cast<void>(answer(store, "zebra")); },
        [&] { static_cast<void>(contents(store)); },
        [&] { static_cast<void>(store.stats()); },
        [&] { store.dump("", [](const DumpRecord&) {}); },
        [&] { store.verify([](const DamagedPlace&) {}); },
    };
    for (const auto& read : all) {
      try {
        read();
      } catch (const Damage&) {
      }
    }
  }

  // Whatever the file of a store's only table holds, little memory is taken.
  void expect_little_memory(const std::string& table) {
    constexpr std::uint64_t kLittle = 64'000'000;
    const std::uint64_t before = faults::peak_memory();
    MemoryOs hostile;
    hostile.put("db/1-1.sst", table);
    read_everything(*open(Mode::kRead, hostile));
    EXPECT_LT(faults::peak_memory() - before, kLittle);
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
  std::mutex one_call;  // the store's own thread removes files, too
  std::vector<Image> left;
  {
    const auto store = open(Mode::kWrite, watched);
    for (int i = 0; i < 12; ++i) {
      const std::string key(1, static_cast<char>('a' + i % 5));
      store->set(key, model[key] = std::to_string(i));
      faults::write_memtable(*store);
    }
    store->del("a");
    model.erase("a");
    watched.before = [&](const Coming& coming) {
      const std::scoped_lock hold(one_call);
      if (coming.call == "rename" || coming.call == "remove") {
        left.push_back(disk.image());
      }
      return 0;
    };
    store->compact();
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
      faults::write_memtable(*store);
    }
    const auto before = files_to_merge(fresh);
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
      const bool of_hints = coming.path.find(".hint") != std::string::npos;
      if (coming.call == "rename" && !of_hints && !killed) {
        killed = disk.image();
        unfinished = coming.path;
      }
      return 0;
    };
    store->compact();
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

// leveldb#189 and rocksdb#4990, and leveldb#195 for the names: inputs go only
// when the outputs would survive a power cut, name and all.
TEST_P(MergeMuseum, BeforeAnInputGoesTheOutputsAndTheirNamesAreOnDisk) {
  std::mutex one_call;  // the store's own thread removes files, too
  std::set<std::string> not_synced;
  bool names_synced = true;
  int removed = 0;
  WatchedOs watched(disk);
  auto store = open(Mode::kWrite, watched);
  for (const char* value : {"1", "2", "3"}) store->set("k", value);
  watched.before = [&](const Coming& coming) {
    const std::scoped_lock hold(one_call);
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
  store.reset();
  EXPECT_GE(removed, 2);
}

// leveldb#184: a compaction of a range took a newer table with the deletions
// and not the older one, which overlaps it.
TEST_F(SsTablesMuseum,
       ADeletedKeyStaysGoneWhenItsTombstoneIsMergedAndNotItsValue) {
  numbers["--merge-tables"] = 3;
  Model model = many();
  {
    const auto store = writer();
    model["k"] = "1";
    write_table(*store, model);
    write_table(*store, {}, {"k"});
    model.erase("k");
    for (const char* key : {"a", "z"}) {
      write_table(*store, {{key, "1"}});
      model[key] = "1";
    }
    ASSERT_TRUE(becomes_tables(2)) << "all but the oldest";
    EXPECT_EQ(answer(*store, "k"), std::nullopt);
  }
  expect_all(model);
  writer()->compact();
  expect_all(model);
}

// leveldb 36a5f8e: where a table widens what is merged, those that this touches
// have to come along. Here it is the range of a name that a merge widens: all
// tables that it holds have to be in it.
TEST_F(SsTablesMuseum, AMergeLeavesOutNoTableBetweenItsInputs) {
  numbers["--merge-tables"] = 3;
  Model model = many();
  {
    const auto store = writer();
    write_table(*store, {{"gone", "1"}, {"k", "1"}});
    model["k"] = "2";
    write_table(*store, model, {"gone"});  // too heavy for those around it
    for (const char* key : {"a", "b", "c"}) {
      write_table(*store, {{key, "1"}});
      model[key] = "1";
    }
    ASSERT_TRUE(becomes_tables(3));
    EXPECT_EQ(contents(*store), model);
  }
  expect_all(model);
}

// leveldb#320: of a key with versions in two tables the newer version was moved
// on alone, and the older one was found first.
TEST_P(TableMuseum, OfAKeyInManyTablesTheNewestVersionIsFoundWhateverIsMerged) {
  numbers[stage().logs ? "--level-runs" : "--merge-tables"] = 2;
  const auto store = writer();
  Model model;
  for (int i = 0; i < 40; ++i) {
    const std::string version = std::to_string(i);
    model["k"] = version;
    model["k" + version] = version;
    write_table(*store, {{"k", version}, {"k" + version, version}});
    ASSERT_EQ(answer(*store, "k"), version);
    ASSERT_EQ(answer(*reader(), "k"), version);
  }
  EXPECT_EQ(contents(*store), model);
  store->compact();
  EXPECT_EQ(contents(*store), model);
  EXPECT_EQ(store->stats().dead_bytes, 0U) << "one version is left";
}

// rocksdb#4990: a sync of the manifest failed, the tables that it had begun to
// tell of were deleted, and after a crash it told of them all the same. Here
// the directory is what tells of tables.
TEST_F(SsTablesMuseum,
       WhenTheDirectoryCannotBeSyncedEitherOutcomeOfAMergeIsRight) {
  sync = Sync::kAlways;
  RecordingOs recorder(disk);
  FaultOs broken(recorder);
  std::vector<Model> models = {{}};
  {
    const auto store = open(Mode::kWrite, broken);
    Model model;
    for (const char* key : {"k", "l", "k", "z"}) {
      model[key] = std::to_string(models.size());
      store->set(key, model[key]);
      models.push_back(model);
      recorder.mark(models.size() - 1);
    }
    broken.add({.calls = {Call::kSync}, .nth = 2, .error = EIO});
    EXPECT_THROW(store->compact(), IoError);  // its file was synced
    EXPECT_EQ(data_files(disk).size(), 4U) << "no input is gone";
    EXPECT_THROW(store->set("k", "never"), IoError);
    EXPECT_EQ(contents(*store), model);
  }
  int outcomes = 0;
  for_each_power_cut(recorder.trace(), [&](const CrashState& state) {
    if (HasFailure()) return;
    SCOPED_TRACE(state.what);
    const auto done = static_cast<std::size_t>(state.acknowledged);
    MemoryOs left(state.image);
    const Model found = contents(*open(Mode::kRead, left));
    EXPECT_TRUE(found == models[done] ||
                found == models[std::min(done + 1, models.size() - 1)]);
    const auto store = open(Mode::kWrite, left);
    EXPECT_EQ(contents(*store), found);
    store->compact();
    EXPECT_EQ(contents(*store), found);
    if (left.files().count("db/1-4.sst") == 1) ++outcomes;
  });
  EXPECT_GT(outcomes, 1);
}

// ---- Readers and time

// mini-lsm#180: the upper bound was looked at on the way to the next key, and
// never at the key where the scan began.
TEST_P(TableMuseum, AScanTellsNoKeyOutsideOfItsBoundsNotEvenTheFirst) {
  const Model model = {{"key00", "1"}, {"key05", "1"}, {"key11", "1"}};
  const std::vector<std::string> bounds = {"",      "key00", "key01", "key05",
                                           "key06", "key11", "key12"};
  const auto store = writer();
  const auto expect_within = [&](const char* where) {
    for (const std::string& from : bounds) {
      for (const std::string& to : bounds) {
        Model expected;
        for (const auto& [key, value] : model) {
          const bool is_in = key >= from && (to.empty() || key < to);
          if (is_in) expected[key] = value;
        }
        Model told;
        store->scan(from, to,
                    [&](std::string_view key, std::string_view value) {
                      told.emplace(key, value);
                    });
        EXPECT_EQ(told, expected) << where << ": from " << from << " to " << to;
      }
    }
  };
  for (const auto& [key, value] : model) store->set(key, value);
  expect_within("in memory");
  faults::write_memtable(*store);
  expect_within("in a table");
  store->set("key05", "1");
  store->del("key01");
  expect_within("in both");
  write_table(*store, {{"key11", "1"}});
  expect_within("in several tables");
}

// basho/bitcask#174
TEST_P(MergeMuseum, AFoldReadsOnWhatAMergeHasReplaced) {
  const auto store = writer();  // 10 files: a reader can hold them open
  Model model;
  for (int i = 0; i < 5; ++i) {
    store->set("k" + std::to_string(i), model["k" + std::to_string(i)] = "1");
    store->set("dead", std::to_string(i));
    faults::write_memtable(*store);
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
TEST_P(LogMuseum, AFileOfExactlySoManyReadBlocksLosesNoRecord) {
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
TEST_P(LogMuseum, AnEmptyNewestFileStopsNoWrite) {
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
    for (const char* key : {"key", "z"}) {
      store->set(key, "1");
      faults::write_memtable(*store);
    }
  }
  remove_hints();
  flip(disk, files_to_merge(disk).front(), kHeaderBytes + 1);
  const auto store = reader();
  EXPECT_THROW((void)answer(*store, "key"), Damage);
  EXPECT_EQ(answer(*store, "z"), "1");
}

// leveldb#1287; leveldb#74 where zeros follow
TEST_P(LogMuseum, WhatIsAppendedBehindATornTailIsThereAfterReopening) {
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
    for (int i = 0; i < 150; ++i) {
      store->set("k" + std::to_string(i), "1");
      faults::write_memtable(*store);
    }
    store->set("z", "1");
    faults::write_memtable(*store);
  }
  remove_hints();
  auto files = files_to_merge(disk);
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
TEST_P(LogMuseum, ALengthInMidLogThatIsTooLongCutsNothingOff) {
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
TEST_P(LogMuseum, ALostTailOfAnOlderFileIsAHoleAndNoEndOfTheStore) {
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

// PostgreSQL 2018, in a merge: what its inputs hold is safe, unless they go.
TEST_P(TableMuseum, AMergeWhoseOutputCannotBeSyncedIsNotTriedAgain) {
  const auto before = writer();
  for (const char* value : {"1", "2", "3"})
    write_table(*before, {{"k", value}});
  const auto tables = data_files(disk);
  MemoryOs other(disk.image());
  WatchedOs watched(other);
  int syncs = 0;
  {
    const auto store = open(Mode::kWrite, watched);
    watched.before = [&](const Coming& coming) {
      return coming.call == "sync" && ++syncs == 1 ? EIO : 0;
    };
    EXPECT_THROW(store->compact(), IoError);
    EXPECT_THROW(store->compact(), IoError);
    EXPECT_THROW(store->set("k", "4"), IoError);
    EXPECT_EQ(syncs, 1);
    EXPECT_THAT(data_files(other), testing::IsSupersetOf(tables));
    EXPECT_EQ(answer(*store, "k"), "3");
    watched.before = nullptr;
  }
  const auto store = open(Mode::kWrite, other);
  store->set("k", "4");
  store->compact();
  EXPECT_EQ(answer(*store, "k"), "4");
}

// leveldb#189, and leveldb#195 for the name
TEST_F(SsTablesMuseum, AWriteIsAcknowledgedOnceItsTableAndItsNameAreOnDisk) {
  sync = Sync::kAlways;
  WatchedOs watched(disk);
  const auto store = open(Mode::kWrite, watched);
  std::vector<std::string> calls;
  watched.before = [&](const Coming& coming) {
    if (coming.call == "write" || coming.call == "sync" ||
        coming.call == "rename") {
      calls.push_back(std::string(coming.call) + " " + coming.path);
    }
    return 0;
  };
  store->set("k", "1");
  watched.before = nullptr;
  EXPECT_THAT(calls, testing::ElementsAre(
                         "write db/1-1.sst.writing", "sync db/1-1.sst.writing",
                         "rename db/1-1.sst.writing", "sync db"));
}

// ---- Locks and hostile files

// leveldb#1054: the place and the length of a block were believed. Whoever
// wrote the lie has made the checksums fit.
TEST_F(SsTablesMuseum, ALengthThatIsCraftedAllocatesNoMoreThanTheFileIsLong) {
  write_table(*writer(), {{"apple", std::string(300, 'x')}, {"zebra", "1"}});
  const std::string good = disk.files().at("db/1-1.sst");
  const std::size_t end = good.size() - sstables::kFooterBytes;
  std::vector<std::pair<std::size_t, std::size_t>> parts;  // with a checksum
  for (std::size_t at = 0; at < end; at += parts.back().second) {
    sstables::BlockHeader header;
    ASSERT_TRUE(decode_block_header(good.substr(at), header));
    parts.emplace_back(at, sstables::kBlockHeaderBytes + header.size);
  }
  parts.emplace_back(end, sstables::kFooterBytes);
  EXPECT_GE(parts.size(), 4U);
  for (const std::string& lie :
       {std::string(8, '\xff'), std::string("\x7f\xff\xff\xff\xff\xff\xff\xff"),
        std::string("\0\0\0\0\x7f\xff\xff\xff", 8),
        std::string("\0\0\0\0\x40\0\0\0", 8), std::string(4, '\xff'),
        std::string("\x40\0\0\0", 4), std::string(4, '\0')}) {
    for (std::size_t at = 0; at + lie.size() <= good.size(); ++at) {
      SCOPED_TRACE(testing::PrintToString(lie) + " at " + std::to_string(at));
      std::string bytes = good;
      bytes.replace(at, lie.size(), lie);
      for (const auto& [begin, size] : parts) {
        put_big_endian(
            crc32(std::string_view(bytes).substr(begin + 4, size - 4)),
            bytes.data() + begin);
      }
      expect_little_memory(bytes);
      if (HasFailure()) return;
    }
  }
}

// The same without a lie: entries of an index that share nearly all of a long
// key take a few bytes each on disk, and would take 64 KiB each in memory.
TEST_F(SsTablesMuseum, AnIndexThatIsCraftedTakesNoMoreMemoryThanOneThatIsNot) {
  constexpr std::size_t kShared = 65'533;
  constexpr std::size_t kBlocks = 8000;
  constexpr std::size_t kBlockBytes = 15;
  std::string table(kBlocks * kBlockBytes, '\0');
  std::string index(14, '\0');
  for (std::size_t i = 0; i < kBlocks; ++i) {
    sst::append_varint(i == 0 ? 0 : kShared, index);
    sst::append_varint(i == 0 ? kShared + 2 : 2, index);
    sst::append_varint(17, index);
    if (i == 0) index.append(kShared, 'k');
    append_big_endian(static_cast<std::uint16_t>(i), index);
    append_big_endian(std::uint64_t{i * kBlockBytes}, index);
    append_big_endian(std::uint64_t{kBlockBytes}, index);
  }
  index += std::string("\0\0\0\0\0\0\0\1", 8);  // one restart
  index[4] = '\1';                              // its kind
  put_big_endian(std::uint64_t{index.size() - 14}, index.data() + 6);
  put_big_endian(crc32(std::string_view(index).substr(4)), index.data());
  std::string footer(4, '\0');
  append_big_endian(std::uint32_t{1}, footer);
  append_big_endian(std::uint64_t{table.size()}, footer);
  append_big_endian(std::uint64_t{index.size()}, footer);
  append_big_endian(std::uint64_t{kBlocks}, footer);
  footer += "sstable\n";
  put_big_endian(crc32(std::string_view(footer).substr(4)), footer.data());
  expect_little_memory(table + index + footer);
}

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

std::vector<const Stage*> stages_that(bool (*are)(const Stage&)) {
  std::vector<const Stage*> chosen;
  for (const Stage* stage : all_stages()) {
    if (are(*stage)) chosen.push_back(stage);
  }
  return chosen;
}

bool has_many_files(const Stage& stage) {
  return has_option(stage, "--segment-bytes");
}

bool has_many_logs(const Stage& stage) {
  return has_many_files(stage) && !stage.sorts;
}

bool merges(const Stage& stage) {
  return stage.has("compact");
}

bool sorts(const Stage& stage) {
  return stage.sorts;
}

INSTANTIATE_TEST_SUITE_P(Stages, Museum,
                         testing::ValuesIn(stages_that(has_many_files)),
                         faults::name_of_stage);
INSTANTIATE_TEST_SUITE_P(Stages, LogMuseum,
                         testing::ValuesIn(stages_that(has_many_logs)),
                         faults::name_of_stage);
INSTANTIATE_TEST_SUITE_P(Stages, MergeMuseum,
                         testing::ValuesIn(stages_that(merges)),
                         faults::name_of_stage);
INSTANTIATE_TEST_SUITE_P(Stages, TableMuseum,
                         testing::ValuesIn(stages_that(sorts)),
                         faults::name_of_stage);

}  // namespace
}  // namespace strata
