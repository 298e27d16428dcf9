// 09_lsm_tree: what becomes of a write: log, memtable and table, with many
// writers, when the process ends, and when calls fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
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
#include "stages/09_lsm_tree/store.h"
#include "tests/stages/few_descriptors.h"
#include "tests/stages/lsm_fixture.h"
#include "tests/stages/many_threads.h"
#include "tests/support.h"

namespace strata {
namespace {

using lsm::Batch;
using testing::AnyOf;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class LsmWrites : public LsmTreeTest {
 protected:
  // The calls that change something, each "write db/1.log", "sync db", …
  static std::vector<std::string> changes_of(const Ledger& ledger) {
    const std::set<Call> kinds = {Call::kWrite, Call::kSync, Call::kRename,
                                  Call::kRemove, Call::kTruncate};
    std::vector<std::string> changes;
    for (const LedgerEntry& entry : ledger.entries()) {
      if (kinds.count(entry.call) == 0) continue;
      changes.push_back(std::string(name_of(entry.call)) + " " + entry.path);
    }
    return changes;
  }

  static void add_pairs(Batch& batch, const Pairs& pairs) {
    for (const auto& [key, value] : pairs) batch.set(key, value);
  }
};

// ---- Log, memtable, table

TEST_F(LsmWrites, AWriteIsInTheLogWhenItIsAcknowledged) {
  const auto store = writer();
  EXPECT_THAT(files(), IsEmpty());
  store->set("a", "1");
  EXPECT_THAT(files(), ElementsAre("1.log"));
  EXPECT_EQ(answer(*store, "a"), "1");
  EXPECT_EQ(answer(*reader(), "a"), "1") << "of another process";
  MemoryOs killed(disk.image());
  EXPECT_EQ(answer(*open(Mode::kWrite, killed), "a"), "1");
  store->del("a");
  EXPECT_EQ(answer(*reader(), "a"), std::nullopt);
}

TEST_F(LsmWrites, ACleanEndLeavesTheLogAndTheNextOpenGoesOnBehindIt) {
  writer()->set("a", "1");
  const std::string before = disk.files().at("db/1.log");
  writer()->set("b", "2");
  EXPECT_THAT(files(), ElementsAre("1.log"));
  EXPECT_EQ(disk.files().at("db/1.log").substr(0, before.size()), before);
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("a", "1"), Pair("b", "2")));
}

TEST_F(LsmWrites, AMemtableBecomesATableAndItsLogGoes) {
  const auto store = writer();
  store->write_memtable();
  EXPECT_THAT(files(), IsEmpty()) << "there is nothing to write";
  write_table(*store, {{"a", "1"}});
  EXPECT_THAT(files(), UnorderedElementsAre("2.log", "3.sst", "MANIFEST"));
  EXPECT_EQ(answer(*store, "a"), "1");
  EXPECT_EQ(answer(*reader(), "a"), "1");
  write_table(*store, {{"b", "1"}});
  EXPECT_THAT(files(),
              UnorderedElementsAre("3.sst", "4.log", "5.sst", "MANIFEST"));
  EXPECT_EQ(contents(*reader()).size(), 2U);
}

// The next log is there before the memtable is frozen; the old one goes when
// the manifest that no longer needs it is durable, and not before.
TEST_F(LsmWrites, ALogIsRemovedOnlyWhenItsTableIsDurableAndNamed) {
  Ledger ledger(disk);
  const auto store = open(Mode::kWrite, ledger);
  store->set("a", "1");
  ledger.clear();
  store->write_memtable();
  EXPECT_THAT(
      changes_of(ledger),
      ElementsAre("write db/3.sst", "sync db/3.sst",
                  "write db/MANIFEST.writing", "sync db/MANIFEST.writing",
                  "sync db", "rename db/MANIFEST.writing", "sync db",
                  "unlink db/1.log"));
}

TEST_F(LsmWrites, WithSyncAlwaysANewLogsNameIsDurableBeforeItIsWritten) {
  sync = Sync::kAlways;
  Ledger ledger(disk);
  const auto store = open(Mode::kWrite, ledger);
  ledger.clear();
  store->set("a", "1");
  EXPECT_THAT(changes_of(ledger),
              ElementsAre("sync db", "write db/1.log", "sync db/1.log"));
}

TEST_F(LsmWrites, ATombstoneThatNothingIsOlderThanIsNotWrittenIntoATable) {
  const auto store = writer();
  store->set("a", "1");
  store->del("b");
  store->write_memtable();
  EXPECT_EQ(store->version()->tables().at(0)->info().entries, 1U);
  store->del("a");
  store->del("z");
  store->write_memtable();
  EXPECT_EQ(store->version()->tables().at(0)->info().tombstones, 1U)
      << "of a, and not of z";
  EXPECT_THAT(contents(*reader()), IsEmpty());
}

TEST_F(LsmWrites, AMemtableOfNothingButNeedlessTombstonesBecomesNoTable) {
  const auto store = writer();
  store->del("a");
  store->write_memtable();
  EXPECT_THAT(files(), UnorderedElementsAre("2.log", "MANIFEST"));
  store->set("a", "1");
  EXPECT_EQ(answer(*reader(), "a"), "1");
}

TEST_F(LsmWrites, AFullMemtableIsWrittenOutWhileTheNextTakesTheWrites) {
  numbers["--memtable-bytes"] = kSmallMemtable;
  WatchedOs watched(disk);
  std::atomic<bool> writes{false};
  std::atomic<bool> may_go_on{false};
  watched.before = [&](const Coming& coming) {
    if (coming.call != "write" || !is_table(coming.path) || may_go_on) return 0;
    writes = true;
    EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
    return 0;
  };
  const auto store = open(Mode::kWrite, watched);
  Pairs model;
  for (int i = 0; !writes; ++i) {
    const std::string key = "k" + std::to_string(i);
    store->set(key, std::string(500, 'v'));
    model[key] = std::string(500, 'v');
    if (files().size() > 1) {  // the next log was begun
      ASSERT_TRUE(eventually([&] { return writes.load(); }));
    }
  }
  EXPECT_EQ(contents(*store), model) << "of both memtables";
  store->set("k0", "new");
  store->del("k1");
  model["k0"] = "new";
  model.erase("k1");
  EXPECT_EQ(contents(*store), model);
  EXPECT_EQ(answer(*store, "k0"), "new");
  EXPECT_EQ(answer(*store, "k1"), std::nullopt);
  EXPECT_EQ(answer(*store, "k2"), model["k2"]);
  EXPECT_EQ(contents(*reader()), model) << "of both logs";
  EXPECT_EQ(store->stalls().count, 0U);
  may_go_on = true;
  EXPECT_TRUE(eventually([&] { return files().count("1.log") == 0; }));
  EXPECT_EQ(contents(*store), model);
}

// ---- Batches

TEST_F(LsmWrites, ABatchIsWrittenAsOneAndOfOneKeyTheLastEntryCounts) {
  Ledger ledger(disk);
  const auto store = open(Mode::kWrite, ledger);
  store->set("gone", "1");
  ledger.clear();
  Batch batch;
  store->write(batch);
  EXPECT_THAT(ledger.entries(), IsEmpty()) << "there is nothing in it";
  batch.set("a", "1");
  batch.set("a", "2");
  batch.del("gone");
  batch.set("b", "1");
  batch.del("b");
  store->write(batch);
  EXPECT_EQ(ledger.totals().writes.calls, 1U);
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "2")));
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("a", "2")));
}

TEST_F(LsmWrites, OfABatchAKillLeavesAllOrNothing) {
  RecordingOs recorder(disk);
  const Pairs old = {{"a", "1"}, {"b", "1"}};
  const Pairs all = {{"a", "2"}, {"b", "2"}, {"c", "2"}};
  {
    const auto store = open(Mode::kWrite, recorder);
    Batch batch;
    add_pairs(batch, old);
    store->write(batch);
    recorder.mark(1);
    batch.clear();
    add_pairs(batch, all);
    store->write(batch);
    recorder.mark(2);
  }
  int states = 0;
  for_each_kill(recorder.trace(), [&](const CrashState& state) {
    SCOPED_TRACE(state.what);
    MemoryOs left(state.image);
    const Pairs found = contents(*open(Mode::kRead, left));
    const std::vector<Pairs> in_order = {{}, old, all};
    const auto at = static_cast<std::size_t>(state.acknowledged);
    EXPECT_THAT(
        found, AnyOf(in_order[at], in_order[std::min<std::size_t>(at + 1, 2)]));
    ++states;
  });
  EXPECT_GT(states, 4);
}

TEST_F(LsmWrites, ABatchThatCannotBeWrittenLeavesNothingOfItself) {
  FaultOs full(disk);
  const auto store = open(Mode::kWrite, full);
  store->set("a", "1");
  Batch batch;
  add_pairs(batch, {{"a", "2"}, {"b", "2"}});
  full.add({.calls = {Call::kWrite}, .at_most = Fault::kHalf});
  full.add({.calls = {Call::kWrite}, .nth = 2, .error = ENOSPC});
  EXPECT_THROW(store->write(batch), IoError);
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "1")));
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("a", "1")));
  store->write(batch);
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "2"), Pair("b", "2")));
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("a", "2"), Pair("b", "2")));
}

TEST_F(LsmWrites, NoReaderEverSeesAPartOfABatch) {
  numbers["--memtable-bytes"] = kSmallMemtable;
  numbers["--level-runs"] = 2;
  const auto store = writer();
  constexpr int kRounds = kSanitized ? 200 : 1000;
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      const auto moment = store->snapshot();
      const auto each = store->iterator({}, moment);
      std::set<std::string> values;
      for (bool has = each->seek_first(); has; has = each->next()) {
        values.emplace(each->value());
      }
      EXPECT_LE(values.size(), 1U);
      std::string a;
      std::string z;
      EXPECT_EQ(store->get("a", a, moment), store->get("z", z, moment));
      EXPECT_EQ(a, z);
      // A get is of its own moment: the one behind may see a later batch.
      const auto round_of = [&](const char* key, std::string& value) {
        return store->get(key, value) ? std::stoi(value) : -1;
      };
      const int before = round_of("a", a);
      EXPECT_GE(round_of("z", z), before);
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    Batch batch;
    const std::string value = std::to_string(round) + std::string(100, 'v');
    batch.set("a", value);
    for (int i = 100; i < 200; ++i) batch.set("m" + std::to_string(i), value);
    batch.set("z", value);
    if (round % 3 == 0) batch.del("m150");
    store->write(batch);
  }
  done = true;
  other.join();
}

// ---- Many writers

// Those who come while another one writes are written with one call. They wait
// in a queue which nobody can see from here, so it may take a few tries.
TEST_F(LsmWrites, WritersThatWaitAreWrittenInOneGoWithOneSync) {
  constexpr int kWriters = 5;
  sync = Sync::kAlways;
  int round = 0;
  EXPECT_TRUE(eventually([&] {
    WatchedOs watched(disk);
    Ledger ledger(watched);
    std::atomic<bool> is_writing{false};
    std::atomic<bool> may_go_on{true};
    watched.before = [&](const Coming& coming) {
      if (coming.call != "write") return 0;
      is_writing = true;
      EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
      return 0;
    };
    const auto store = open(Mode::kWrite, ledger);
    store->set("first", "1");
    ledger.clear();
    is_writing = may_go_on = false;
    const std::string value = std::to_string(++round);
    std::atomic<int> come{0};
    std::vector<std::thread> threads;
    for (int i = 0; i <= kWriters; ++i) {
      threads.emplace_back([&, i] {
        ++come;
        store->set("k" + std::to_string(i), value);
      });
      if (i > 0) continue;
      EXPECT_TRUE(eventually([&] { return is_writing.load(); }));
    }
    EXPECT_TRUE(eventually([&] { return come == kWriters + 1; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    may_go_on = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(contents(*store).size(), kWriters + 2U);
    EXPECT_EQ(contents(*reader()), contents(*store));
    const Totals totals = ledger.totals();
    EXPECT_EQ(totals.writes.calls, totals.syncs.calls);
    return totals.writes.calls == 2;
  }));
}

TEST_F(LsmWrites, AGroupThatCannotBeWrittenIsRefusedToEachOfItsWriters) {
  WatchedOs watched(disk);
  std::atomic<bool> is_writing{false};
  std::atomic<bool> is_full{false};
  std::atomic<bool> may_go_on{true};
  watched.before = [&](const Coming& coming) {
    if (coming.call != "write") return 0;
    is_writing = true;
    EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
    return is_full ? ENOSPC : 0;
  };
  const auto store = open(Mode::kWrite, watched);
  store->set("first", "1");
  is_writing = may_go_on = false;
  is_full = true;
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&, i] {
      EXPECT_THROW(store->set("k" + std::to_string(i), "1"), IoError);
      ++refused;
    });
  }
  EXPECT_TRUE(eventually([&] { return is_writing.load(); }));
  may_go_on = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 5);
  EXPECT_THAT(contents(*store), ElementsAre(Pair("first", "1")));
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("first", "1")));
  is_full = false;
  store->set("last", "1");
  EXPECT_EQ(contents(*reader()).size(), 2U);
}

TEST_F(LsmWrites, ManyThreadsAtOnceSeeNothingStaleAndNothingTorn) {
  numbers["--memtable-bytes"] = kSmallMemtable;
  numbers["--level-runs"] = 2;
  for (const std::uint64_t strategy : {0U, 1U}) {
    numbers["--compaction"] = strategy;
    disk.put_directory("db");
    MemoryOs own;
    const auto store = open(Mode::kWrite, own);
    const Pairs left = overwrite_while_read_and_merged(*store, 150);
    EXPECT_EQ(contents(*open(Mode::kRead, own)), left);
  }
}

// ---- Waiting

TEST_F(LsmWrites, AWriterWaitsWhenBothMemtablesAreFullAndThatIsCounted) {
  numbers["--memtable-bytes"] = 1;  // each has one key
  WatchedOs watched(disk);
  std::atomic<bool> may_go_on{false};
  watched.before = [&](const Coming& coming) {
    if (coming.call == "write" && is_table(coming.path)) {
      EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
    }
    return 0;
  };
  const auto store = open(Mode::kWrite, watched);
  store->set("a", "1");
  store->set("b", "1");
  EXPECT_EQ(store->stalls().count, 0U);
  std::atomic<bool> written{false};
  std::thread other([&] {
    store->set("c", "1");
    written = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(written);
  EXPECT_EQ(answer(*store, "a"), "1") << "readers wait for nobody";
  may_go_on = true;
  other.join();
  EXPECT_EQ(store->stalls().count, 1U);
  EXPECT_GT(store->stalls().total_ns, 0U);
  EXPECT_EQ(contents(*store).size(), 3U);
}

TEST_F(LsmWrites, AWriterWaitsForMergesWhenLevel0HasThreeTimesItsRuns) {
  numbers["--memtable-bytes"] = 1;
  numbers["--level-runs"] = 2;
  WatchedOs watched(disk);
  std::atomic<bool> may_go_on{false};
  watched.before = [&](const Coming& coming) {
    if (coming.call == "read" && coming.why == "merge") {
      EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
    }
    return 0;
  };
  const auto store = open(Mode::kWrite, watched);
  std::atomic<bool> written{false};
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) store->set("k", std::to_string(i));
    written = true;
  });
  EXPECT_TRUE(
      eventually([&] { return store->version()->levels[0].size() == 6; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(store->version()->levels[0].size(), 6U);
  EXPECT_FALSE(written);
  may_go_on = true;
  other.join();
  EXPECT_GE(store->stalls().count, 1U);
  EXPECT_EQ(answer(*store, "k"), "19");
}

// ---- Calls that fail

TEST_F(LsmWrites, AFirstLogThatCannotBeBegunIsNotMissed) {
  FaultOs full(disk);
  {
    const auto store = open(Mode::kWrite, full);
    full.add({.calls = {Call::kOpen}, .error = EMFILE});
    EXPECT_THROW(store->set("a", "1"), IoError);
    EXPECT_THAT(files(), IsEmpty());
    store->set("a", "2");
  }
  EXPECT_EQ(answer(*reader(), "a"), "2");
  EXPECT_EQ(answer(*writer(), "a"), "2");
}

TEST_F(LsmWrites, ANextLogThatCannotBeBegunLeavesTheOneBefore) {
  FaultOs full(disk);
  const auto store = open(Mode::kWrite, full);
  store->set("a", "1");
  full.add({.calls = {Call::kOpen}, .error = EMFILE});
  EXPECT_THROW(store->write_memtable(), IoError);
  EXPECT_THAT(files(), ElementsAre("1.log"));
  store->set("b", "2");
  store->write_memtable();
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_EQ(contents(*reader()), contents(*store));
}

TEST_F(LsmWrites, ATableThatCannotBeWrittenLeavesItsLogAndNothingElse) {
  leave_two_logs();
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("a", "2"), Pair("b", "1")));
  const auto store = writer();
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "2"), Pair("b", "1")));
  store->write_memtable();
  EXPECT_EQ(files().count("1.log") + files().count("2.log"), 0U);
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("a", "2"), Pair("b", "1")));
}

TEST_F(LsmWrites, AFullDiskIsToldToTheWriterOnceMemoryIsFullToo) {
  numbers["--memtable-bytes"] = 1;
  WatchedOs watched(disk);
  std::atomic<bool> is_full{true};
  watched.before = [&](const Coming& coming) {
    return is_full && coming.call == "write" && is_table(coming.path) ? ENOSPC
                                                                      : 0;
  };
  const auto store = open(Mode::kWrite, watched);
  store->set("a", "1");
  store->set("b", "1");
  EXPECT_THROW(store->set("c", "1"), IoError);
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "1"), Pair("b", "1")));
  EXPECT_EQ(contents(*reader()), contents(*store));
  is_full = false;
  store->set("c", "1");
  EXPECT_EQ(contents(*store).size(), 3U);
  EXPECT_EQ(contents(*reader()), contents(*store));
}

TEST_F(LsmWrites, AfterASyncThatFailedNothingIsWrittenBeforeTheNextOpen) {
  sync = Sync::kAlways;
  FaultOs broken(disk);
  auto store = open(Mode::kWrite, broken);
  store->set("a", "1");
  broken.add({.calls = {Call::kSync}, .error = EIO});
  EXPECT_THROW(store->set("b", "1"), IoError);
  EXPECT_THROW(store->set("c", "1"), IoError);
  EXPECT_THROW(store->del("a"), IoError);
  EXPECT_THROW(store->write_memtable(), IoError);
  EXPECT_THROW(store->compact(), IoError);
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "1")));
  store.reset();
  store = open(Mode::kWrite, broken);
  store->set("c", "1");
  EXPECT_EQ(answer(*reader(), "c"), "1");
}

TEST_F(LsmWrites, AManifestThatMayCountOrNotEndsTheWriting) {
  for (const Call call : {Call::kSync, Call::kRename}) {
    MemoryOs own;
    FaultOs broken(own);
    auto store = open(Mode::kWrite, broken);
    store->set("a", "1");
    broken.add(
        {.calls = {call}, .nth = call == Call::kSync ? 4U : 1U, .error = EIO});
    EXPECT_THROW(store->write_memtable(), IoError);
    EXPECT_EQ(answer(*store, "a"), "1");
    const bool goes_on = call == Call::kRename;
    if (goes_on) {
      store->set("b", "1");
    } else {
      EXPECT_THROW(store->set("b", "1"), IoError) << "the last sync failed";
    }
    store.reset();
    const auto again = open(Mode::kWrite, own);
    EXPECT_EQ(answer(*again, "a"), "1");
    EXPECT_EQ(answer(*again, "b").has_value(), goes_on);
  }
}

TEST_F(LsmWrites, AReaderWritesNothing) {
  const auto store = reader();
  EXPECT_THROW(store->set("a", "1"), InvalidInput);
  EXPECT_THROW(store->del("a"), InvalidInput);
  EXPECT_THROW(store->write_memtable(), InvalidInput);
  EXPECT_THROW(store->settle(), InvalidInput);
  EXPECT_THROW(store->compact(), InvalidInput);
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(LsmWrites, AStoreOfManyTablesNeedsFewDescriptors) {
  numbers["--open-tables"] = 4;
  FewDescriptors few(disk, 4 + 4);  // directory, log, table, manifest
  const auto store = open(Mode::kWrite, few);
  Pairs model;
  for (int i = 0; i < 40; ++i) {
    write_table(*store, {{"k" + std::to_string(i), "1"}, {"shared", "1"}});
    model["k" + std::to_string(i)] = "1";
  }
  model["shared"] = "1";
  EXPECT_EQ(contents(*store), model);
  for (const auto& pair : model) EXPECT_EQ(answer(*store, pair.first), "1");
  FewDescriptors fewer(disk, 4 + 2);
  EXPECT_EQ(contents(*open(Mode::kRead, fewer)), model);
  store->compact();
  EXPECT_EQ(contents(*store), model);
}

}  // namespace
}  // namespace strata
