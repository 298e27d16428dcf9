// 08_sstables: memtables that are written out and tables that are merged, beside
// writes, reads, scans and other processes, and when calls fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/os/crash.h"
#include "common/os/fault_os.h"
#include "common/os/ledger.h"
#include "common/os/recording_os.h"
#include "common/os/watched_os.h"
#include "common/store/errors.h"
#include "stages/08_sstables/store.h"
#include "tests/stages/listing_os.h"
#include "tests/stages/many_threads.h"
#include "tests/stages/memory_store.h"
#include "tests/support.h"

namespace strata {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

using Model = std::map<std::string, std::string>;

constexpr std::uint64_t kNoMerges = 1'000'000;

// Tables are merged only when told to, unless `merge_tables` says otherwise.
class SsTablesTest : public MemoryStoreTest<SsTables> {
 protected:
  [[nodiscard]] Options options(Mode mode, Os& os) override {
    Options options = MemoryStoreTest::options(mode, os);
    options.numbers["--memtable-bytes"] = memtable_bytes;
    options.numbers["--merge-tables"] = merge_tables;
    options.numbers["--block-bytes"] = 64;
    return options;
  }

  // Writes a table with these pairs.
  static void write_table(Store& store, const Model& pairs) {
    for (const auto& [key, value] : pairs) store.set(key, value);
    store.flush();
  }

  // Whether a get of `key` throws Damage.
  static bool is_damaged(Store& store, const std::string& key) {
    try {
      static_cast<void>(answer(store, key));
    } catch (const Damage&) {
      return true;
    }
    return false;
  }

  std::uint64_t memtable_bytes = std::uint64_t{1} << 20;
  std::uint64_t merge_tables = kNoMerges;
};

TEST_F(SsTablesTest, AWriteIsInMemoryUntilItIsWrittenOut) {
  const auto store = writer();
  store->set("a", "1");
  EXPECT_THAT(files(), IsEmpty());
  EXPECT_EQ(answer(*store, "a"), "1");
  EXPECT_EQ(answer(*reader(), "a"), std::nullopt) << "of another process";
  store->flush();
  EXPECT_THAT(files(), ElementsAre("1-1.sst"));
  EXPECT_EQ(answer(*reader(), "a"), "1");
  store->flush();
  EXPECT_THAT(files(), ElementsAre("1-1.sst")) << "there is nothing to write";
}

TEST_F(SsTablesTest, AKillLosesTheMemtableAndNothingElse) {
  const auto store = writer();
  write_table(*store, {{"a", "1"}, {"b", "1"}});
  store->set("a", "2");
  store->set("c", "2");
  MemoryOs killed(disk.image());
  EXPECT_THAT(contents(*open(Mode::kWrite, killed)),
              ElementsAre(Pair("a", "1"), Pair("b", "1")));
}

TEST_F(SsTablesTest, ACleanEndWritesTheMemtableOut) {
  writer()->set("a", "1");
  EXPECT_THAT(files(), ElementsAre("1-1.sst"));
  writer()->del("a");
  EXPECT_THAT(files(), UnorderedElementsAre("1-1.sst", "2-2.sst"));
  EXPECT_THAT(contents(*reader()), IsEmpty());
}

TEST_F(SsTablesTest, AFullMemtableIsWrittenOutWhileTheNextTakesTheWrites) {
  memtable_bytes = 200'000;
  WatchedOs watched(disk);
  std::atomic<bool> writes{false};
  std::atomic<bool> may_go_on{false};
  watched.before = [&](const Coming& coming) {
    if (coming.call != "write" || may_go_on) return 0;
    writes = true;
    EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
    return 0;
  };
  const auto store = open(Mode::kWrite, watched);
  Model model;
  const auto set = [&](int i) {
    const std::string key = "k" + std::to_string(i);
    store->set(key, std::to_string(i));
    model[key] = std::to_string(i);
  };
  int count = 0;
  while (count < 3000) set(count++);  // one memtable and a half
  ASSERT_TRUE(eventually([&] { return writes.load(); }));
  EXPECT_EQ(contents(*store), model) << "of both memtables";
  store->set("k0", "new");
  store->del("k1");
  model["k0"] = "new";
  model.erase("k1");
  EXPECT_EQ(contents(*store), model);
  EXPECT_EQ(answer(*store, "k0"), "new");
  EXPECT_EQ(answer(*store, "k1"), std::nullopt);
  EXPECT_EQ(answer(*store, "k2"), "2");
  may_go_on = true;
  EXPECT_TRUE(eventually([&] { return files().count("1-1.sst") == 1; }));
  EXPECT_EQ(contents(*store), model);
}

TEST_F(SsTablesTest, AWriterWaitsWhenBothMemtablesAreFull) {
  memtable_bytes = 1000;
  WatchedOs watched(disk);
  std::atomic<bool> may_go_on{false};
  watched.before = [&](const Coming& coming) {
    if (coming.call == "write") {
      EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
    }
    return 0;
  };
  const auto store = open(Mode::kWrite, watched);
  std::atomic<int> written{0};
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) {
      store->set("k" + std::to_string(i), "1");
      ++written;
    }
  });
  int before = 0;
  EXPECT_TRUE(eventually([&] {  // it stands still for a while
    const bool rests = before > 0 && before == written;
    before = written;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return rests;
  }));
  EXPECT_LT(written, 50) << "two memtables of ten keys or so";
  may_go_on = true;
  other.join();
  EXPECT_EQ(contents(*store).size(), 100U);
}

TEST_F(SsTablesTest, AFullDiskIsToldToTheWriterOnceMemoryIsFullToo) {
  memtable_bytes = 1000;
  FaultOs full(disk);
  full.add({.calls = {Call::kWrite}, .for_ever = true, .error = ENOSPC});
  const auto store = open(Mode::kWrite, full);
  Model model;
  int i = 0;
  bool refused = false;
  for (; i < 100 && !refused; ++i) {
    try {
      store->set("k" + std::to_string(i), "1");
      model["k" + std::to_string(i)] = "1";
    } catch (const IoError& error) {
      EXPECT_EQ(error.code().value(), ENOSPC);
      refused = true;
    }
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(contents(*store), model) << "reads go on";
  EXPECT_THROW(store->flush(), IoError);
  EXPECT_EQ(contents(*store), model);
  EXPECT_THAT(files(), IsEmpty());
  full.clear();
  store->set("more", "2");
  model["more"] = "2";
  store->flush();
  EXPECT_EQ(contents(*store), model);
  EXPECT_EQ(contents(*reader()), model);
}

TEST_F(SsTablesTest, WhatCannotBeWrittenOutAtTheEndIsToldAsLost) {
  FaultOs full(disk);
  {
    const auto store = open(Mode::kWrite, full);
    store->set("a", "1");
    full.add({.calls = {Call::kWrite}, .for_ever = true, .error = ENOSPC});
  }
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes[0], HasSubstr("lost"));
  EXPECT_THAT(notes[0], HasSubstr("No space left"));
}

TEST_F(SsTablesTest, WithSyncAlwaysEachWriteIsATableAndThoseAreMerged) {
  sync = Sync::kAlways;
  merge_tables = 4;
  const auto store = writer();
  for (int i = 0; i < 100; ++i) {
    store->set("k" + std::to_string(i % 10), std::to_string(i));
  }
  EXPECT_TRUE(eventually([&] { return files().size() < 20; }));
  EXPECT_EQ(contents(*store).size(), 10U);
  EXPECT_EQ(answer(*reader(), "k9"), "99");
}

TEST_F(SsTablesTest, CompactLeavesOneTableWithoutTombstonesOrOldValues) {
  const auto store = writer();
  write_table(*store, {{"a", "1"}, {"b", "1"}, {"c", "1"}});
  write_table(*store, {{"a", "2"}});
  store->del("b");
  store->compact();
  EXPECT_THAT(files(), ElementsAre("1-3.sst"));
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "2"), Pair("c", "1")));
  const Stats stats = store->stats();
  EXPECT_EQ(stats.keys, 2U);
  EXPECT_EQ(stats.dead_bytes, 0U);
  EXPECT_EQ(stats.files, 1U);
  store->compact();
  EXPECT_THAT(files(), ElementsAre("1-3.sst"));
  store->set("d", "1");
  store->flush();
  EXPECT_THAT(files(), UnorderedElementsAre("1-3.sst", "4-4.sst"));
}

TEST_F(SsTablesTest, OfWhatIsAllDeletedAnEmptyTableKeepsTheNumbers) {
  const auto store = writer();
  write_table(*store, {{"a", "1"}});
  store->del("a");
  store->compact();
  EXPECT_THAT(files(), ElementsAre("1-2.sst"));
  EXPECT_THAT(contents(*store), IsEmpty());
  write_table(*store, {{"a", "2"}});
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("a", "2")));
}

TEST_F(SsTablesTest, ATombstoneThatNothingIsOlderThanIsNotWritten) {
  const auto store = writer();
  store->del("a");
  store->flush();
  EXPECT_THAT(files(), IsEmpty());
  store->set("a", "1");
  store->del("b");
  store->flush();
  std::vector<std::string> keys;
  store->dump("", [&](const DumpRecord& record) {
    EXPECT_EQ(record.state, DumpRecord::State::kLive);
    keys.emplace_back(record.fields[2].second);
  });
  EXPECT_THAT(keys, ElementsAre("a"));
}

// The oldest table is not merged: what its keys hide must stay hidden.
TEST_F(SsTablesTest, AMergeKeepsTombstonesWhileAnOlderTableIsLeft) {
  Model many;
  for (int i = 0; i < 200; ++i) many["k" + std::to_string(i)] = "1";
  merge_tables = 3;
  const auto store = writer();
  write_table(*store, many);
  for (const char* key : {"k0", "k1", "k2"}) {
    store->del(key);
    store->flush();
  }
  EXPECT_TRUE(eventually([&] { return files().count("2-4.sst") == 1; }));
  EXPECT_EQ(contents(*store).size(), 197U);
  EXPECT_EQ(contents(*reader()).size(), 197U);
  std::size_t tombstones = 0;
  store->dump("2-4.sst", [&](const DumpRecord& record) {
    tombstones += record.state == DumpRecord::State::kTombstone ? 1 : 0;
  });
  EXPECT_EQ(tombstones, 3U);
}

// A table is taken along once the newer ones weigh as much as it does, so that
// there are few and none is copied often.
TEST_F(SsTablesTest, MergesCopyAnEntryAsOftenAsTheLogarithmOfAll) {
  merge_tables = 4;
  Ledger ledger(disk);
  const auto store = open(Mode::kWrite, ledger);
  std::uint64_t flushed = 0;
  constexpr int kTables = 128;
  for (int table = 0; table < kTables; ++table) {
    const std::uint64_t before = ledger.totals().writes.bytes;
    Model pairs;
    for (int i = 0; i < 20; ++i) {
      pairs["k" + std::to_string(table * 20 + i)] = std::string(20, 'v');
    }
    for (const auto& [key, value] : pairs) store->set(key, value);
    store->flush();
    if (table == 0) flushed = ledger.totals().writes.bytes - before;
    // Soon, however far behind the writer the thread is.
    ASSERT_TRUE(eventually([&] { return files().size() < 16; }));
  }
  EXPECT_LT(ledger.totals().writes.bytes, flushed * kTables * 8);
  EXPECT_EQ(contents(*store).size(), 20U * kTables);
}

TEST_F(SsTablesTest, AScanSeesOneMomentWhateverIsWrittenAndMerged) {
  const auto store = writer();
  write_table(*store, {{"a", "1"}, {"b", "1"}, {"c", "1"}});
  write_table(*store, {{"b", "2"}, {"d", "2"}});
  store->set("e", "3");
  const Model before = contents(*store);
  const auto old_files = files();
  Model seen;
  store->scan("", "", [&](std::string_view key, std::string_view value) {
    if (seen.empty()) {
      for (const char* changed : {"b", "c", "new"}) store->set(changed, "9");
      store->del("d");
      store->compact();
      store->set("e", "9");
      store->compact();
      for (const std::string& name : old_files) {
        EXPECT_THAT(files(), Contains(name)) << "the scan still reads it";
      }
    }
    seen.emplace(key, value);
  });
  EXPECT_EQ(seen, before);
  for (const std::string& name : old_files) {
    EXPECT_THAT(files(), Not(Contains(name))) << "nobody reads it any more";
  }
  EXPECT_EQ(contents(*store).at("e"), "9");
  EXPECT_EQ(contents(*reader()), contents(*store));
}

TEST_F(SsTablesTest, AReaderOfAnotherProcessFollowsMerges) {
  const auto store = writer();
  for (int i = 0; i < 50; ++i) {
    write_table(*store, {{"k" + std::to_string(i), "1"}});
  }
  const auto other = reader();
  const Model before = contents(*other);
  Model seen;
  other->scan("", "", [&](std::string_view key, std::string_view value) {
    seen.emplace(key, value);
    if (seen.size() % 7 != 3) return;
    store->set("k0", "1");
    store->compact();
  });
  EXPECT_EQ(seen, before);
  store->set("k1", "2");
  store->compact();
  EXPECT_THAT(answer(*other, "k1"), testing::AnyOf("1", "2"));
  EXPECT_EQ(answer(*other, "k2"), "1");
  EXPECT_EQ(answer(*other, "nothing"), std::nullopt);
}

TEST_F(SsTablesTest, AReaderThatListsInTheMiddleOfASwitchOverListsAgain) {
  const auto store = writer();
  for (const char* key : {"a", "b", "c"}) write_table(*store, {{key, "1"}});
  for (const int torn : {1, 2}) {
    ListingOs listing(disk);
    listing.after = [&](int nth, auto& names) {
      if (nth == torn) leave_out(names, "3-3.sst");
    };
    EXPECT_EQ(contents(*open(Mode::kRead, listing)).size(), 3U);
    EXPECT_EQ(listing.lists, torn == 1 ? 2 : 4);
  }
}

TEST_F(SsTablesTest, WhatAMergeLeftBehindIsPassedOverAndRemovedByAWriter) {
  const auto store = writer();
  write_table(*store, {{"a", "1"}});
  write_table(*store, {{"a", "2"}});
  const Image before = disk.image();
  store->compact();
  Image image = disk.image();
  image.files.insert(before.files.begin(), before.files.end());
  image.files["db/3-3.sst.writing"] = "half a table";
  image.files["db/notes.writing"] = "mine";
  MemoryOs left(image);
  EXPECT_EQ(answer(*open(Mode::kRead, left), "a"), "2");
  EXPECT_EQ(left.image(), image) << "a reader changed the disk";
  const auto other = open(Mode::kWrite, left);
  EXPECT_EQ(answer(*other, "a"), "2");
  EXPECT_EQ(left.files().size(), 2U);
  EXPECT_EQ(left.files().count("db/notes.writing"), 1U);
}

TEST_F(SsTablesTest, AMergeThatFailsKeepsEveryTableAndIsTriedLessAndLessOften) {
  merge_tables = 2;
  WatchedOs watched(disk);
  std::atomic<bool> is_full{true};
  std::atomic<int> tried{0};
  watched.before = [&](const Coming& coming) {
    const bool hit = is_full && coming.call == "write" &&
                     coming.path.find("db/1-") == 0 &&
                     coming.path != "db/1-1.sst.writing";
    if (hit) ++tried;
    return hit ? ENOSPC : 0;
  };
  const auto store = open(Mode::kWrite, watched);
  constexpr int kTables = 100;
  for (int i = 0; i < kTables; ++i) {
    write_table(*store, {{"k" + std::to_string(i), "1"}});
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  EXPECT_TRUE(eventually([&] { return tried > 0; }));
  EXPECT_LE(tried, 10) << "1 + 2 + 4 + ... + 64 tables";
  store->set("more", "1");
  ASSERT_THAT(notes_so_far(), Not(IsEmpty()));
  EXPECT_THAT(notes_so_far()[0], HasSubstr("No space left"));
  EXPECT_EQ(contents(*store).size(), kTables + 1U);
  is_full = false;
  store->compact();
  // The thread may be looking at the old tables at just this moment.
  EXPECT_TRUE(eventually([&] { return files().size() == 1; }));
  EXPECT_EQ(contents(*reader()).size(), kTables + 1U);
}

TEST_F(SsTablesTest, ADamagedTableIsNotMergedAndNotTriedForEver) {
  {
    const auto store = writer();
    for (const char* key : {"a", "b", "c"}) write_table(*store, {{key, "1"}});
  }
  std::string rotten = disk.files().at("db/2-2.sst");
  rotten[20] ^= 1;
  disk.put("db/2-2.sst", rotten);
  merge_tables = 2;
  Ledger ledger(disk);
  const auto store = open(Mode::kWrite, ledger);
  for (int i = 0; i < 50; ++i) {
    write_table(*store, {{"d" + std::to_string(i), "1"}});
  }
  EXPECT_TRUE(eventually([&] { return files().size() < 10; }))
      << "the others are merged";
  EXPECT_EQ(disk.files().at("db/2-2.sst"), rotten);
  EXPECT_TRUE(is_damaged(*store, "b"));
  EXPECT_EQ(answer(*store, "a"), "1");
  EXPECT_EQ(answer(*store, "d49"), "1");
}

// What a table holds that could not be given up is not known before it is
// opened again: the key that was deleted meanwhile would come back.
TEST_F(SsTablesTest, AWriteThatMayBeOnDiskAfterAllLetsNoDeleteBeForgotten) {
  sync = Sync::kAlways;
  FaultOs broken(disk);
  auto store = open(Mode::kWrite, broken);
  broken.add(
      {.calls = {Call::kRead, Call::kRemove}, .for_ever = true, .error = EIO});
  EXPECT_THROW(store->set("a", "1"), IoError);
  EXPECT_THROW(store->del("a"), IoError) << "it may be there";
  broken.clear();
  EXPECT_THROW(store->del("a"), IoError);
  store.reset();
  store = open(Mode::kWrite, broken);
  store->del("a");
  store.reset();
  EXPECT_EQ(answer(*reader(), "a"), std::nullopt);
}

// Nobody is older than that table: the delete would not be written, since there
// is nothing that it could hide.
TEST_F(SsTablesTest, AWriteThatFailsOnceItsTableHasItsNameLeavesNoTable) {
  sync = Sync::kAlways;
  FaultOs broken(disk);
  auto store = open(Mode::kWrite, broken);
  broken.add({.calls = {Call::kRead}, .error = EIO});
  EXPECT_THROW(store->set("a", "1"), IoError);
  EXPECT_THAT(files(), IsEmpty());
  store->del("a");
  store.reset();
  EXPECT_EQ(answer(*reader(), "a"), std::nullopt);
}

// With --sync never, what a kill may take is what was not written out.
TEST_F(SsTablesTest, AKillAtAnyPointOfAFlushOrMergeChangesNoAnswer) {
  RecordingOs recorder(disk);
  std::vector<Model> models = {{}};
  {
    const auto store = open(Mode::kWrite, recorder);
    Model model;
    const auto acknowledge = [&] {
      models.push_back(model);
      recorder.mark(models.size() - 1);
    };
    for (int round = 0; round < 6; ++round) {
      for (int i = 0; i < 4; ++i) {
        const std::string key = "k" + std::to_string(i * (round + 1) % 7);
        if (i == 3) {
          store->del(key);
          model.erase(key);
        } else {
          store->set(key, std::to_string(round));
          model[key] = std::to_string(round);
        }
      }
      store->flush();
      acknowledge();
      if (round % 3 != 2) continue;
      store->compact();
      acknowledge();
    }
  }
  std::uint64_t states = 0;
  for_each_kill(recorder.trace(), [&](const CrashState& state) {
    if (HasFailure()) return;
    SCOPED_TRACE(state.what);
    const auto at = static_cast<std::size_t>(state.acknowledged);
    MemoryOs left(state.image);
    const Model found = contents(*open(Mode::kRead, left));
    EXPECT_THAT(found,
                testing::AnyOf(models[at],
                               models[std::min(at + 1, models.size() - 1)]));
    const auto store = open(Mode::kWrite, left);
    EXPECT_EQ(contents(*store), found);
    store->compact();
    EXPECT_EQ(contents(*store), found);
    ++states;
  });
  EXPECT_GT(states, 50U);
}

TEST_F(SsTablesTest, ManyThreadsAtOnceSeeNothingStaleAndNothingTorn) {
  memtable_bytes = 2000;
  merge_tables = 2;
  const auto store = writer();
  const Model left = overwrite_while_read_and_merged(*store, 300);
  EXPECT_EQ(contents(*reader()), left);
}

// As small as the store may be, as large: the memory of a merge and a scan is
// that of their buffers.
TEST_F(SsTablesTest, TheSparseIndexHoldsAKeyABlock) {
  const auto store = writer();
  Model model;
  for (int i = 0; i < 1000; ++i) {
    model["key" + std::to_string(1000 + i)] = std::string(30, 'v');
  }
  write_table(*store, model);
  const std::uint64_t blocks = disk.files().at("db/1-1.sst").size() / 120;
  EXPECT_LT(store->stats().index_bytes, blocks * 120);
  EXPECT_GT(store->stats().index_bytes, blocks * 24);
}

}  // namespace
}  // namespace strata
