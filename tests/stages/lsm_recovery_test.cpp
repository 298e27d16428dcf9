// 09_lsm_tree: what is made of the files that are found: after a crash, with a
// file missing, with damage in one, and with files that are nobody's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/os/crash.h"
#include "common/os/fault_os.h"
#include "common/os/recording_os.h"
#include "common/os/watched_os.h"
#include "common/store/errors.h"
#include "stages/09_lsm_tree/log.h"
#include "stages/09_lsm_tree/store.h"
#include "tests/stages/lsm_fixture.h"
#include "tests/support.h"

namespace strata {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class LsmRecovery : public LsmTreeTest {
 protected:
  void remove(const std::string& name) {
    ASSERT_EQ(disk.remove("db/" + name, "test"), 0);
  }

  [[nodiscard]] std::string bytes_of(const std::string& name) const {
    return disk.files().at("db/" + name);
  }

  void put(const std::string& name, const std::string& bytes) {
    disk.put("db/" + name, bytes);
  }

  // Cuts the last record off a log that has several.
  void cut_last_record(const std::string& name) {
    const std::string bytes = bytes_of(name);
    std::string last;
    lsm::Batch batch;
    batch.set("b", "1");
    lsm::append_log_record(lsm::LogKind::kBatch, batch.body(), last);
    ASSERT_EQ(bytes.substr(bytes.size() - last.size()), last);
    put(name, bytes.substr(0, bytes.size() - last.size()));
  }

  // What a run did, one acknowledged step after the other.
  struct Steps {
    RecordingOs recorder;
    std::vector<Pairs> models = {{}};

    explicit Steps(Os& os) : recorder(os) {}

    void acknowledge(const Pairs& model) {
      models.push_back(model);
      recorder.mark(models.size() - 1);
    }
  };

  // Sets and deletes, writes memtables out and merges.
  void run(Steps& steps, int rounds) {
    const auto store = open(Mode::kWrite, steps.recorder);
    Pairs model;
    for (int round = 0; round < rounds; ++round) {
      for (int i = 0; i < 3; ++i) {
        const std::string key = "k" + std::to_string(i * (round + 1) % 5);
        if (i == 2) {
          store->del(key);
          model.erase(key);
        } else {
          store->set(key, std::to_string(round));
          model[key] = std::to_string(round);
        }
        steps.acknowledge(model);
      }
      store->write_memtable();
      if (round % 3 == 2) store->compact();
    }
  }

  // That a crash left what was acknowledged, or one write more, and that this
  // stays so however the store is opened and merged.
  void expect_kept(const Steps& steps, const CrashState& state) {
    const auto at = static_cast<std::size_t>(state.acknowledged);
    const std::size_t next = std::min(at + 1, steps.models.size() - 1);
    MemoryOs left(state.image);
    const Pairs found = contents(*open(Mode::kRead, left));
    EXPECT_THAT(found, AnyOf(steps.models[at], steps.models[next]));
    {
      const auto store = open(Mode::kWrite, left);
      EXPECT_EQ(contents(*store), found);
      store->set("more", "1");
      store->compact();
      store->del("more");
      EXPECT_EQ(contents(*store), found);
    }
    EXPECT_EQ(contents(*open(Mode::kRead, left)), found);
  }
};

// ---- Crashes

TEST_F(LsmRecovery, AKillAtAnyPointLosesNothingThatWasAcknowledged) {
  Steps steps(disk);
  run(steps, kSanitized ? 3 : 6);
  std::uint64_t states = 0;
  for_each_kill(steps.recorder.trace(), [&](const CrashState& state) {
    if (HasFailure()) return;
    SCOPED_TRACE(state.what);
    expect_kept(steps, state);
    ++states;
  });
  EXPECT_GT(states, 50U);
}

TEST_F(LsmRecovery, WithSyncAlwaysAPowerCutLosesNothingThatWasAcknowledged) {
  sync = Sync::kAlways;
  Steps steps(disk);
  run(steps, 3);
  std::uint64_t states = 0;
  for_each_power_cut(steps.recorder.trace(), [&](const CrashState& state) {
    if (HasFailure() || ++states % thinned(10) != 0) return;
    SCOPED_TRACE(state.what);
    expect_kept(steps, state);
  });
  EXPECT_GT(states, 100U);
}

TEST_F(LsmRecovery, ATornEndOfTheNewestLogIsToldAndCutOffByAWriter) {
  {
    const auto store = writer();
    store->set("a", "1");
    store->set("b", "1");
  }
  const std::string whole = bytes_of("1.log");
  put("1.log", whole.substr(0, whole.size() - 1));
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("a", "1")));
  ASSERT_THAT(notes, SizeIs(1));
  EXPECT_THAT(notes[0], HasSubstr("torn tail: db/1.log"));
  EXPECT_EQ(bytes_of("1.log").size(), whole.size() - 1) << "by a reader";
  writer()->set("b", "1");
  EXPECT_EQ(bytes_of("1.log"), whole);
  EXPECT_THAT(notes, SizeIs(2));
  EXPECT_EQ(contents(*reader()).size(), 2U);
  EXPECT_THAT(notes, SizeIs(2)) << "it is whole now";
}

TEST_F(LsmRecovery, BehindATornRecordWithAWrongByteNoWriteIsLost) {
  std::size_t begin = 0;
  {
    const auto store = writer();
    store->set("a", "1");
    begin = bytes_of("1.log").size();
    store->set("b", std::string(300, 'v'));
  }
  const std::string torn = bytes_of("1.log").substr(0, begin + 100);
  for (std::size_t i = 0; i < lsm::kLogHeaderBytes; ++i) {
    std::string wrong = torn;
    wrong[begin + i] ^= 1;
    put("1.log", wrong);
    writer()->set("c", std::string(300, 'v'));
    EXPECT_EQ(answer(*reader(), "c"), std::string(300, 'v')) << i;
  }
}

TEST_F(LsmRecovery, ALogOfWhichNotEvenTheBeginningIsWholeIsBegunAnew) {
  writer()->set("a", "1");
  put("1.log", bytes_of("1.log").substr(0, 10));
  writer()->set("b", "1");
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("b", "1")));
}

TEST_F(LsmRecovery, ALogInWhichNothingWasWrittenGoesAndTheOneBeforeGoesOn) {
  leave_two_logs();
  {
    std::string begin;
    lsm::append_begin({2, bytes_of("2.log").size()}, begin);
    put("7.log", begin);
  }
  writer()->set("c", "1");
  EXPECT_THAT(files(), UnorderedElementsAre("1.log", "2.log"));
  EXPECT_THAT(contents(*reader()),
              ElementsAre(Pair("a", "2"), Pair("b", "1"), Pair("c", "1")));
}

TEST_F(LsmRecovery, FilesThatNoVersionNamesAreRemovedByAWriterAndNoOthers) {
  {
    const auto store = writer();
    write_table(*store, {{"a", "1"}});
  }
  const auto needed = files();
  for (const char* name : {"1.log", "9.sst", "MANIFEST.writing"}) {
    put(name, "half a file");
  }
  const std::vector<std::string> foreign = {"notes.txt", "9.sst.old", "LOCK",
                                            "x.log", "12.sst.writing"};
  for (const std::string& name : foreign) put(name, "mine");
  const Image before = disk.image();
  EXPECT_EQ(answer(*reader(), "a"), "1");
  EXPECT_EQ(disk.image(), before) << "a reader changed the disk";
  const auto store = writer();
  auto expected = needed;
  expected.insert(foreign.begin(), foreign.end());
  EXPECT_EQ(files(), expected);
  write_table(*store, {{"b", "1"}});
  EXPECT_EQ(files().count("11.sst"), 1U) << "no number is used again";
}

TEST_F(LsmRecovery, ANameThatNoFileHasIsDamageAndNotGuessedAt) {
  writer()->set("a", "1");
  for (const char* name : {"01.log", "0.sst", "007.sst"}) {
    put(name, "?");
    const Image before = disk.image();
    EXPECT_THROW((void)reader(), Damage) << name;
    EXPECT_THROW((void)writer(), Damage) << name;
    EXPECT_EQ(disk.image(), before);
    remove(name);
  }
}

// ---- A close

TEST_F(LsmRecovery, AMemtableThatIsHalfFullIsWrittenOutAtTheClose) {
  numbers["--memtable-bytes"] = 2000;
  writer()->set("a", std::string(500, 'v'));
  EXPECT_THAT(files(), ElementsAre("1.log")) << "it is less than half full";
  writer()->set("b", std::string(500, 'v'));
  EXPECT_THAT(files_that(is_table), SizeIs(1));
  EXPECT_EQ(bytes_of(files_that(is_log).at(0)), "");
  const auto before = files();
  (void)writer();
  EXPECT_EQ(files(), before) << "nothing is left to be written";
  EXPECT_EQ(contents(*reader()).size(), 2U);
}

TEST_F(LsmRecovery, ACloseThatCannotWriteTheMemtableOutLosesNothing) {
  numbers["--memtable-bytes"] = 2000;
  for (const int error : {ENOSPC, EIO}) {
    std::uint64_t calls = 1;
    for (std::uint64_t nth = 1; nth <= calls; ++nth) {
      MemoryOs own;
      FaultOs faults(own);
      {
        const auto store = open(Mode::kWrite, faults);
        store->set("a", std::string(2000, 'v'));
        store->set("b", "1");
        store->set("a", "2");
        store->set("c", std::string(1000, 'v'));
        store->settle();
        faults.clear();
        faults.add({.nth = nth, .for_ever = true, .error = error});
      }
      calls = std::max(calls, faults.calls());
      for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
        const auto store = open(mode, own);
        EXPECT_EQ(contents(*store).size(), 3U) << nth;
        EXPECT_EQ(answer(*store, "a"), "2") << nth;
      }
    }
    EXPECT_GT(calls, 10U);
  }
}

// However few merges they live to see: who finds level 0 too full waits.
TEST_F(LsmRecovery, ManyWhoWriteLittleAndCloseLeaveNoCrowdInLevel0) {
  numbers["--memtable-bytes"] = 2000;
  numbers["--level-runs"] = 3;
  for (int i = 0; i < 60; ++i) {
    writer()->set("k" + std::to_string(i % 50), std::string(1200, 'v'));
    EXPECT_LE(reader()->version()->levels[0].size(), 9U);
  }
  const auto store = writer();
  store->settle();
  EXPECT_LT(store->version()->levels[0].size(), 3U) << "what is due is done";
  EXPECT_EQ(contents(*store).size(), 50U);
}

// The merge that is due is not done here. What is in the log stays there; but a
// memtable that is full, and frozen, is written out all the same.
TEST_F(LsmRecovery, ACloseAddsNoRunWhereAMergeIsDue) {
  {
    const auto store = writer();
    for (const char* key : {"a", "b", "c"}) {
      write_table(*store, {{key, "1"}, {"z", "1"}});  // so that they overlap
    }
  }
  numbers["--memtable-bytes"] = 2000;
  numbers["--level-runs"] = 3;
  WatchedOs watched(disk);
  watched.before = [](const Coming& coming) {
    return coming.why == "merge" ? EIO : 0;
  };
  const auto before = files();
  open(Mode::kWrite, watched)->set("d", std::string(1500, 'v'));
  EXPECT_EQ(files(), before);
  {
    const auto store = open(Mode::kWrite, watched);
    store->set("e", std::string(1500, 'v'));
    store->set("f", "1");  // has d and e frozen
  }
  EXPECT_EQ(reader()->version()->levels[0].size(), 4U);
  EXPECT_THAT(files_that(is_log), SizeIs(1));
  EXPECT_EQ(contents(*reader()).size(), 7U);
}

TEST_F(LsmRecovery, AnEmptyStoreIsClosedAsItWas) {
  numbers["--memtable-bytes"] = 1;
  (void)writer();
  EXPECT_THAT(files(), IsEmpty());
  writer()->set("a", "1");
  const auto before = files();
  for (int i = 0; i < 2; ++i) (void)writer();
  EXPECT_EQ(files(), before);
}

TEST_F(LsmRecovery, ACloseBehindASyncThatFailedWritesNothing) {
  numbers["--memtable-bytes"] = 2000;
  sync = Sync::kAlways;
  FaultOs faults(disk);
  std::set<std::string> before;
  {
    const auto store = open(Mode::kWrite, faults);
    store->set("a", std::string(1500, 'v'));
    faults.add({.calls = {Call::kSync}, .error = EIO});
    EXPECT_THROW(store->set("b", "1"), IoError);
    before = files();
    faults.clear();
  }
  EXPECT_EQ(faults.calls(Call::kWrite) + faults.calls(Call::kSync), 0U);
  EXPECT_EQ(files(), before);
}

TEST_F(LsmRecovery, AnOpenBeginsTheMergeThatIsDue) {
  {
    const auto store = writer();
    for (const char* key : {"a", "b", "c"}) write_table(*store, {{key, "1"}});
  }
  numbers["--level-runs"] = 2;
  const auto store = writer();
  EXPECT_TRUE(
      eventually([&] { return store->version()->levels[0].size() < 2; }));
  EXPECT_EQ(contents(*store).size(), 3U);
}

// ---- Logs that are missing or damaged

// LevelDB's issue 193: the newer log was on disk, the end of the older one was
// not, and nobody noticed.
TEST_F(LsmRecovery, WhatIsMissingBetweenTwoLogsIsNotTakenForNeverWritten) {
  leave_two_logs();
  cut_last_record("1.log");
  for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
    const auto store = open(mode, disk);
    EXPECT_EQ(answer(*store, "a"), "2") << "it is newer than what is lost";
    EXPECT_TRUE(is_damaged(*store, "b"));
    EXPECT_TRUE(is_damaged(*store, "never written"));
    EXPECT_THROW((void)contents(*store), Damage);
    EXPECT_THROW((void)store->iterator({}, store->snapshot()), Damage);
    std::vector<DamagedPlace> places;
    store->verify([&](const DamagedPlace& place) { places.push_back(place); });
    ASSERT_THAT(places, SizeIs(1));
    EXPECT_THAT(places[0].why, HasSubstr("its end is missing"));
  }
  EXPECT_THAT(files(), UnorderedElementsAre("1.log", "2.log"));
}

TEST_F(LsmRecovery, AfterWritesAreLostNewOnesGoOnAndStayInTheLogForEver) {
  {
    const auto store = writer();
    for (const char* key : {"t", "u"}) write_table(*store, {{key, "1"}});
  }
  {
    const auto store = writer();
    for (const char* key : {"apple", "b", "c"}) store->set(key, "1");
  }
  std::string rotten = bytes_of("4.log");
  rotten[rotten.find("apple")] ^= 1;
  put("4.log", rotten);
  numbers["--memtable-bytes"] = 1;
  const auto before = files();
  {
    const auto store = writer();
    EXPECT_EQ(answer(*store, "b"), "1") << "it is behind the damage";
    EXPECT_TRUE(is_damaged(*store, "apple"));
    EXPECT_TRUE(is_damaged(*store, "t")) << "it may have been overwritten";
    store->set("apple", "2");
    store->del("t");
    store->set("d", "2");
    EXPECT_EQ(answer(*store, "apple"), "2");
    EXPECT_EQ(answer(*store, "t"), std::nullopt);
    EXPECT_TRUE(is_damaged(*store, "u"));
    EXPECT_THROW(store->write_memtable(), Damage);
    EXPECT_THROW(store->compact(), Damage);
  }
  EXPECT_EQ(files(), before);
  EXPECT_EQ(bytes_of("4.log").substr(0, rotten.size()), rotten);
  const auto store = reader();
  EXPECT_EQ(answer(*store, "apple"), "2");
  EXPECT_EQ(answer(*store, "d"), "2");
  EXPECT_TRUE(is_damaged(*store, "u"));
}

TEST_F(LsmRecovery, ALogThatIsMissingIsToldAndNothingIsRemoved) {
  leave_two_logs();
  const std::string first = bytes_of("1.log");
  remove("1.log");
  for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
    EXPECT_THROW((void)open(mode, disk), Damage)
        << "without a manifest, and without the first log";
  }
  EXPECT_THAT(files(), ElementsAre("2.log"));
  put("1.log", first);
  const auto store = writer();
  store->write_memtable();
  store->set("c", "1");
  remove(files_that(is_log).at(0));
  const auto other = reader();
  EXPECT_TRUE(is_damaged(*other, "a"));
  EXPECT_TRUE(is_damaged(*other, "c"));
}

TEST_F(LsmRecovery, AWriterThatMissesItsLogGoesOnWithTheNextAndForgetsNothing) {
  {
    const auto store = writer();
    write_table(*store, {{"a", "1"}, {"b", "1"}});
    store->set("a", "2");
  }
  remove("2.log");
  {
    const auto store = writer();
    EXPECT_TRUE(is_damaged(*store, "a"));
    store->set("b", "3");
    EXPECT_EQ(answer(*store, "b"), "3");
  }
  for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
    const auto store = open(mode, disk);
    EXPECT_EQ(answer(*store, "b"), "3");
    EXPECT_TRUE(is_damaged(*store, "a"));
  }
}

// ---- The manifest, and tables that are missing

TEST_F(LsmRecovery, WithoutItsManifestNobodyKnowsWhatTheStoreIs) {
  {
    const auto store = writer();
    write_table(*store, {{"a", "1"}});
    store->set("b", "1");
  }
  const std::string good = bytes_of("MANIFEST");
  const auto expect_refused = [&] {
    const Image before = disk.image();
    EXPECT_THROW((void)reader(), Damage);
    EXPECT_THROW((void)writer(), Damage);
    EXPECT_EQ(disk.image(), before) << "nothing was removed";
  };
  remove("MANIFEST");
  expect_refused();
  std::string rotten = good;
  rotten[30] ^= 1;
  for (const std::string& bytes : {std::string(), rotten, good.substr(0, 40)}) {
    put("MANIFEST", bytes);
    expect_refused();
  }
  put("MANIFEST", good);
  EXPECT_EQ(contents(*writer()).size(), 2U);
}

TEST_F(LsmRecovery, ATableThatIsMissingCostsItsKeysAndThoseOnly) {
  {
    const auto store = writer();
    write_table(*store, {{"a", "1"}, {"c", "1"}});
    write_table(*store, {{"c", "2"}, {"e", "2"}});
  }
  remove("3.sst");
  const auto store = writer();
  EXPECT_TRUE(is_damaged(*store, "a"));
  EXPECT_TRUE(is_damaged(*store, "b")) << "it may have been there";
  EXPECT_EQ(answer(*store, "c"), "2") << "the newer table has it";
  EXPECT_EQ(answer(*store, "e"), "2");
  EXPECT_EQ(answer(*store, "f"), std::nullopt);
  EXPECT_THROW((void)contents(*store), Damage);
  EXPECT_THROW(store->compact(), Damage);
  store->set("a", "3");
  EXPECT_EQ(answer(*store, "a"), "3");
  std::vector<DamagedPlace> places;
  store->verify([&](const DamagedPlace& place) { places.push_back(place); });
  ASSERT_THAT(places, SizeIs(1));
  EXPECT_EQ(places[0].file, "db/3.sst");
}

// ---- Salvage

TEST_F(LsmRecovery, ASalvagedCopyHasTheNewestReadableEntryOfEachKey) {
  {
    const auto store = writer();
    write_table(*store, {{"a", "1"}, {"b", "1"}, {"c", "1"}});
    write_table(*store, {{"a", "2"}});
    store->set("d", "3");
    store->del("b");
    store->set("lost", "3");
    store->set("e", "3");
  }
  std::string log = bytes_of("4.log");
  log[log.find("lost") + 1] ^= 1;
  put("4.log", log);
  std::string table = bytes_of("5.sst");
  table[20] ^= 1;
  put("5.sst", table);
  const Image before = disk.image();
  std::set<std::string> lost;
  reader()->salvage(
      "copy", [&](const DamagedPlace& place) { lost.insert(place.file); });
  EXPECT_THAT(lost, UnorderedElementsAre("db/4.log", "db/5.sst"));
  for (const auto& [path, bytes] : before.files) {
    EXPECT_EQ(disk.files().at(path), bytes) << path;
  }
  Options of_copy = options(Mode::kWrite, disk);
  of_copy.directory = "copy";
  LsmTree copy(of_copy);
  EXPECT_THAT(contents(copy), ElementsAre(Pair("a", "1"), Pair("c", "1"),
                                          Pair("d", "3"), Pair("e", "3")));
  copy.verify([](const DamagedPlace& place) { ADD_FAILURE() << place.why; });
  EXPECT_THROW(reader()->salvage("copy", [](const DamagedPlace&) {}),
               InvalidInput)
      << "it is not empty";
}

// ---- Merges that fail

TEST_F(LsmRecovery, AMergeThatFailsKeepsEveryTableAndIsTriedLessAndLessOften) {
  numbers["--level-runs"] = 2;
  WatchedOs watched(disk);
  std::atomic<bool> is_full{true};
  std::atomic<int> tried{0};
  watched.before = [&](const Coming& coming) {
    const bool hit = is_full && coming.call == "read" && coming.why == "merge";
    if (hit) ++tried;
    return hit ? EIO : 0;
  };
  const auto store = open(Mode::kWrite, watched);
  constexpr int kTables = 100;
  // Level 0 may have six runs before writers wait; they do not for what fails.
  for (int i = 0; i < kTables; ++i) {
    write_table(*store, {{"k" + std::to_string(i), "1"}, {"all", "1"}});
  }
  EXPECT_TRUE(eventually([&] { return tried > 0; }));
  EXPECT_LE(tried, 10) << "1 + 2 + 4 + ... + 64 tables";
  store->set("more", "1");
  ASSERT_THAT(notes_so_far(), Not(IsEmpty()));
  EXPECT_THAT(notes_so_far()[0], HasSubstr("every table is kept, but"));
  EXPECT_EQ(contents(*store).size(), kTables + 2U);
  is_full = false;
  store->compact();
  EXPECT_EQ(shape_of(*store), "1: 1 1");
  EXPECT_EQ(contents(*reader()).size(), kTables + 2U);
}

TEST_F(LsmRecovery, ADamagedTableIsNotMergedAndNotTriedForEver) {
  {
    const auto store = writer();
    for (const char* key : {"a", "b", "c"}) {
      write_table(*store, {{key, "1"}, {"z", "1"}});
    }
    store->compact();
  }
  const std::string path = files_that(is_table).at(0);
  std::string rotten = bytes_of(path);
  rotten[20] ^= 1;
  put(path, rotten);
  numbers["--level-runs"] = 2;
  const auto store = writer();
  for (int i = 0; i < 20; ++i) {
    write_table(*store, {{"d" + std::to_string(i), "1"}});
  }
  store->settle();
  EXPECT_EQ(bytes_of(path), rotten);
  EXPECT_TRUE(is_damaged(*store, "b"));
  EXPECT_EQ(answer(*store, "d0"), "1");
  EXPECT_EQ(answer(*store, "d19"), "1");
  EXPECT_THROW(store->compact(), Damage);
  EXPECT_EQ(bytes_of(path), rotten);
}

}  // namespace
}  // namespace strata
