// 06_compaction: roll-over, deletion, and what a merge keeps, leaves out and
// leaves behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "common/os/fault_os.h"
#include "tests/stages/compaction_fixture.h"
#include "tests/stages/few_descriptors.h"

namespace strata {
namespace {

using compaction_tests::CompactionTest;
using compaction_tests::Model;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST_F(CompactionTest, ASegmentThatIsFullIsFrozenBeforeTheNextRecord) {
  const auto store = writer();
  store->set("a", "1");
  store->set("b", "1");
  EXPECT_THAT(files(), ElementsAre("1.log"));
  store->set("c", "1");
  EXPECT_THAT(files(), ElementsAre("1.log", "2.log"));
  EXPECT_EQ(disk.files().at("db/1.log").size(), 32U);
  EXPECT_EQ(disk.files().at("db/2.log").size(), 16U);
}

TEST_F(CompactionTest, ADeletedKeyIsGoneAndStaysGone) {
  {
    const auto store = writer();
    store->set("a", "1");
    store->set("b", "2");
    store->del("a");
    EXPECT_EQ(answer(*store, "a"), std::nullopt);
    EXPECT_THAT(contents(*store), ElementsAre(Pair("b", "2")));
    EXPECT_EQ(store->stats().keys, 1U);
  }
  EXPECT_EQ(answer(*reader(), "a"), std::nullopt);
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("b", "2")));
  const auto store = writer();
  store->set("a", "3");
  EXPECT_EQ(answer(*store, "a"), "3");
}

TEST_F(CompactionTest, DeletingAKeyThatIsNotThereWritesNothing) {
  const auto store = writer();
  store->set("a", "1");
  store->del("a");
  const Image before = disk.image();
  store->del("a");
  store->del("never written");
  EXPECT_EQ(disk.image(), before);
}

TEST_F(CompactionTest, CompactLeavesTheNewestRecordsAndNoTombstone) {
  const auto store = writer();
  for (const char* key : {"a", "b", "c", "a", "b", "a"}) store->set(key, "1");
  store->set("a", "2");
  store->del("c");
  EXPECT_EQ(store->stats().dead_bytes, 5U * 16 + 32);
  store->compact();
  EXPECT_EQ(store->stats().dead_bytes, 0U);
  EXPECT_EQ(store->stats().live_bytes, 2U * 16);
  EXPECT_EQ(store->stats().disk_bytes, 2U * 16);
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "2"), Pair("b", "1")));
  store->verify([](const DamagedPlace&) { FAIL() << "nothing is damaged"; });
}

TEST_F(CompactionTest, WhatIsDeadTakesMemoryUntilItIsMerged) {
  segment_bytes = 1 << 20;
  const auto store = writer();
  for (int i = 0; i < 4096; ++i) store->set("a", "1");
  EXPECT_GT(store->stats().index_bytes, 4095U * sizeof(std::uint64_t));
  store->compact();
  EXPECT_LT(store->stats().index_bytes, 1000U);
}

TEST_F(CompactionTest, CompactAgainHasNothingToDoAndUsesNoId) {
  const auto store = writer();
  for (int i = 0; i < 20; ++i) store->set("a", "1");
  store->compact();
  const Image once = disk.image();
  store->compact();
  EXPECT_EQ(disk.image(), once);
}

TEST_F(CompactionTest, CompactOfAnEmptyStoreChangesNothing) {
  const auto store = writer();
  const Image before = disk.image();
  store->compact();
  EXPECT_EQ(disk.image(), before);
}

TEST_F(CompactionTest, AReaderMayNeitherDeleteNorCompact) {
  writer()->set("a", "1");
  EXPECT_THROW(reader()->del("a"), InvalidInput);
  EXPECT_THROW(reader()->compact(), InvalidInput);
}

TEST_F(CompactionTest, OutputsAreCutIntoSegmentsToo) {
  const auto store = writer();
  for (int round = 0; round < 2; ++round) {
    for (const char* key : {"a", "b", "c", "d", "e"}) store->set(key, "1");
  }
  store->compact();
  EXPECT_EQ(files().size(), 4U) << "two full ones, a third, and the active";
  for (const auto& [path, bytes] : disk.files()) EXPECT_LE(bytes.size(), 32U);
  EXPECT_EQ(contents(*reader()).size(), 5U);
}

TEST_F(CompactionTest, ManySmallSegmentsBecomeAFewFullOnes) {
  for (const char* key : {"a", "b", "c", "d", "e", "f"})
    writer()->set(key, "1");
  segment_bytes = 1;
  for (const char* key : {"g", "h", "i", "j", "k", "l"})
    writer()->set(key, "1");
  EXPECT_GE(files().size(), 8U);
  segment_bytes = 1 << 20;
  writer()->compact();
  EXPECT_EQ(files().size(), 2U) << "one, and the active";
  EXPECT_EQ(contents(*reader()).size(), 12U);
}

TEST_F(CompactionTest, AnIdIsNeverUsedAgain) {
  std::set<std::string> ever;
  std::set<std::string> before;
  for (int round = 0; round < 5; ++round) {
    const auto store = writer();
    for (int i = 0; i < 5; ++i) store->set("a", std::to_string(i));
    store->compact();
    for (const std::string& name : files()) {
      if (before.count(name) == 0) {
        EXPECT_TRUE(ever.insert(name).second) << name;
      }
    }
    before = files();
  }
}

TEST_F(CompactionTest, WhenIdsHaveRunOutNothingIsLost) {
  disk.put("db/4294967294.log", "");
  const auto store = writer();
  store->set("a", "1");
  store->set("b", "1");
  store->set("c", "1");
  store->set("d", "1");
  EXPECT_THAT(files(),
              UnorderedElementsAre("4294967294.log", "4294967295.log"));
  EXPECT_THAT([&] { store->set("e", "1"); },
              testing::ThrowsMessage<InvalidInput>(HasSubstr("4294967295")));
  EXPECT_THROW(store->set("a", "2"), InvalidInput);
  EXPECT_EQ(answer(*store, "a"), "1");
  EXPECT_EQ(contents(*reader()).size(), 4U);
}

TEST_F(CompactionTest, TheLastIdsAreForWritingAndNotForMerging) {
  disk.put("db/4294967294.log", "");
  dead_percent = 0;
  const auto store = writer();
  for (int i = 0; i < 4; ++i) store->set("a", std::to_string(i));
  EXPECT_THROW(store->set("a", "4"), InvalidInput);
  EXPECT_THROW(store->compact(), InvalidInput);
  EXPECT_EQ(answer(*store, "a"), "3");
}

TEST_F(CompactionTest, ASalvagedStoreHasAllIdsBeforeItAgain) {
  disk.put("db/4294967295.log", "");
  const auto store = writer();
  for (const char* key : {"a", "b"}) store->set(key, "1");
  EXPECT_THROW(store->set("c", "1"), InvalidInput);
  store->salvage("copy", [](const DamagedPlace&) { FAIL(); });
  Options copy = options(Mode::kWrite, disk);
  copy.directory = "copy";
  Compaction copied(copy);
  copied.set("c", "1");
  EXPECT_EQ(contents(copied).size(), 3U);
  EXPECT_EQ(disk.files().count("copy/2.log"), 1U);
}

// After a failed sync the system may have forgotten the name: whatever were
// acknowledged in a file of that name could be gone, and asking again says
// nothing about it.
TEST_F(CompactionTest, AfterAFailedSyncOfTheDirectoryNoFurtherSegmentIsBegun) {
  sync = Sync::kAlways;
  WatchedOs watched(disk);
  const auto store = open(Mode::kWrite, watched);
  for (const char* key : {"a", "a"}) store->set(key, "1");
  bool fails = true;
  int syncs = 0;
  watched.before = [&](const Coming& coming) {
    if (coming.call != "sync" || coming.path != "db") return 0;
    ++syncs;
    return fails ? EIO : 0;
  };
  EXPECT_THROW(store->set("c", "1"), IoError);
  fails = false;
  const auto left = files();
  for (int i = 0; i < 3; ++i) EXPECT_THROW(store->set("c", "1"), IoError);
  EXPECT_THROW(store->compact(), IoError);
  EXPECT_EQ(files(), left);
  EXPECT_EQ(syncs, 1) << "a failed sync is never asked for again";
  EXPECT_EQ(contents(*store).size(), 1U);
  EXPECT_EQ(contents(*reader()).size(), 1U);
}

// A client that tries again for hours must not use the numbers up.
TEST_F(CompactionTest, AFileThatWasNeverMadeUsesNoId) {
  for (const int error : {EMFILE, ENFILE, EACCES, EROFS, ENOSPC}) {
    MemoryOs fresh;
    WatchedOs watched(fresh);
    const auto store = open(Mode::kWrite, watched);
    for (const char* key : {"a", "a"}) store->set(key, "1");
    watched.before = [&](const Coming& coming) {
      return coming.call == "open" ? error : 0;
    };
    for (int i = 0; i < 3; ++i) EXPECT_THROW(store->set("c", "1"), IoError);
    EXPECT_THROW(store->compact(), IoError);
    watched.before = nullptr;
    store->set("c", "1");
    const bool may_be_made = error == ENOSPC;
    EXPECT_EQ(fresh.files().count("db/2.log"), may_be_made ? 0U : 1U) << error;
  }
}

TEST_F(CompactionTest, ASecondNameForAnIdIsRefused) {
  writer()->set("a", "1");
  disk.put("db/01.log", disk.files().at("db/1.log"));
  EXPECT_THROW(static_cast<void>(writer()), Damage);
  EXPECT_THROW(static_cast<void>(reader()), Damage);
}

// bitcask#136: an empty newest file stopped writes, or had its id used again.
TEST_F(CompactionTest, AnEmptyNewestFileIsGoneOnWith) {
  writer()->set("a", "1");
  disk.put("db/7.log", "");
  writer()->set("a", "2");
  EXPECT_THAT(files(), UnorderedElementsAre("1.log", "7.log"));
  EXPECT_EQ(answer(*reader(), "a"), "2");
}

// bitcask#20: roll-overs within one second reordered writes.
TEST_F(CompactionTest, NoClockDecidesWhichRecordIsNewer) {
  {
    const auto store = writer();
    for (int i = 0; i < 20; ++i) {
      disk.set_now(1'000'000 - static_cast<std::uint64_t>(i / 2));
      store->set("a", std::to_string(i % 10));
      if (i == 11) store->compact();
    }
    EXPECT_EQ(answer(*store, "a"), "9");
  }
  EXPECT_EQ(answer(*reader(), "a"), "9");
}

// basho/bitcask#82: a merge dropped the tombstone, the value in an older file
// came back.
TEST_F(CompactionTest, ATombstoneStaysAsLongAsAnOlderValueDoes) {
  dead_percent = 45;
  segment_bytes = 64;
  {
    const auto store = writer();
    for (const char* key : {"k", "a", "b", "c"}) store->set(key, "1");
    store->del("k");
    for (int i = 0; i < 6; ++i) store->set("d", "1");
    store->set("e", "1");  // now half of 2.log is dead, and more of 3.log
    ASSERT_TRUE(eventually([&] { return files().count("3.log") == 0; }));
    EXPECT_EQ(files().count("2.log"), 0U);
    EXPECT_EQ(files().count("1.log"), 1U) << "it was no input";
    EXPECT_EQ(answer(*store, "k"), std::nullopt);
  }
  EXPECT_EQ(answer(*reader(), "k"), std::nullopt) << "the deleted key is back";
  const auto store = writer();
  store->compact();
  EXPECT_EQ(answer(*store, "k"), std::nullopt);
  EXPECT_EQ(answer(*reader(), "k"), std::nullopt);
}

TEST_F(CompactionTest, ASegmentOfTombstonesIsNotMergedOverAndOver) {
  dead_percent = 10;
  {
    const auto store = writer();
    for (char key = 'a'; key < 'u'; ++key) store->set(std::string(1, key), "1");
  }
  const auto store = writer();
  for (char key = 'b'; key < 'k'; ++key) store->del(std::string(1, key));
  for (int i = 0; i < 40; ++i) store->set("z", "1");
  EXPECT_EQ(store->stats().keys, 12U);
  store->compact();
  EXPECT_EQ(store->stats().dead_bytes, 0U);
  EXPECT_EQ(contents(*reader()).size(), 12U);
}

// rosedb#258: put 10, merge, reopen, delete 10, merge, reopen: not empty.
TEST_F(CompactionTest, DeletingEverythingAfterAMergeLeavesNothing) {
  const std::string keys = "abcdefghij";
  for (const char key : keys) writer()->set(std::string(1, key), "1");
  writer()->compact();
  for (const char key : keys) writer()->del(std::string(1, key));
  writer()->compact();
  EXPECT_THAT(contents(*reader()), IsEmpty());
  EXPECT_EQ(writer()->stats().disk_bytes, 0U);
}

// rosedb#242: after merging twice the store could not be opened.
TEST_F(CompactionTest, AfterEachOfManyMergesTheStoreOpens) {
  Model model;
  for (int round = 0; round < 12; ++round) {
    const auto store = writer();
    for (int i = 0; i < 7; ++i) {
      const std::string key(1, static_cast<char>('a' + (round * i) % 5));
      store->set(key, std::to_string(round));
      model[key] = std::to_string(round);
    }
    store->del("a");
    model.erase("a");
    store->compact();
    EXPECT_EQ(contents(*store), model);
    EXPECT_EQ(contents(*reader()), model);
  }
  EXPECT_THAT(notes, IsEmpty());
}

// weaviate#1697: a temporary file of a killed merge stopped the next one.
TEST_F(CompactionTest, LeftOversAreRemovedAndTheirIdsNotUsedAgain) {
  {
    const auto store = writer();
    for (int i = 0; i < 6; ++i) store->set("a", "1");
  }
  for (const char* name : {"4.log.merging", "5.log.merging", "9.log.merging"}) {
    disk.put(std::string("db/") + name, "half a rec");
  }
  EXPECT_EQ(answer(*reader(), "a"), "1");
  EXPECT_THAT(files(), Contains("9.log.merging")) << "a reader changes nothing";
  const auto store = writer();
  EXPECT_THAT(files(), ElementsAre("1.log", "2.log", "3.log"));
  store->set("a", "1");
  store->compact();
  EXPECT_EQ(contents(*reader()).size(), 1U);
  for (const std::string& name : files()) {
    EXPECT_GE(std::stoi(name), 10) << name;
  }
}

TEST_F(CompactionTest, AFolderInPlaceOfALeftOverIsInNobodysWay) {
  disk.put_directory("db/2.log.merging");
  {
    const auto store = writer();
    for (int i = 0; i < 6; ++i) store->set("a", "1");
    store->compact();
  }
  EXPECT_EQ(answer(*reader(), "a"), "1");
  EXPECT_EQ(disk.image().directories.count("db/2.log.merging"), 1U);
}

// bitcask 956cec0: an input that could not be read was deleted all the same.
TEST_F(CompactionTest, AnUnreadableInputIsKept) {
  WatchedOs watched(disk);
  const auto store = open(Mode::kWrite, watched);
  for (const char* key : {"a", "b", "c", "a", "b", "c"}) store->set(key, "1");
  const auto before = disk.files();
  watched.before = [](const Coming& coming) {
    const bool hit = coming.why == "merge" && coming.path == "db/2.log";
    return hit && coming.call == "read" ? EIO : 0;
  };
  EXPECT_THROW(store->compact(), IoError);
  for (const auto& [path, bytes] : before) {
    EXPECT_EQ(disk.files().at(path), bytes) << path;
  }
  EXPECT_THAT(files(), Not(Contains(HasSubstr("merging"))));
  EXPECT_EQ(contents(*store).size(), 3U);
  store->set("d", "1");
  watched.before = nullptr;
  store->compact();
  EXPECT_EQ(store->stats().dead_bytes, 0U);
  EXPECT_EQ(contents(*reader()).size(), 4U);
}

TEST_F(CompactionTest, AnInputThatRotsWhileTheStoreIsOpenIsKept) {
  const auto store = writer();
  for (const char* key : {"a", "b", "c", "a", "b", "c"}) store->set(key, "1");
  std::string rotten = disk.files().at("db/2.log");
  rotten[20] ^= 1;
  disk.put("db/2.log", rotten);
  EXPECT_THROW(store->compact(), Damage);
  EXPECT_EQ(disk.files().at("db/2.log"), rotten);
  EXPECT_THAT(files(), Not(Contains(HasSubstr("merging"))));
  EXPECT_EQ(answer(*store, "b"), "1");
}

TEST_F(CompactionTest, CompactRefusesOverDamageBeforeAnythingChanges) {
  {
    const auto store = writer();
    for (const char* key : {"a", "b", "c", "a", "d", "c"}) store->set(key, "1");
  }
  std::string rotten = disk.files().at("db/1.log");
  rotten[20] ^= 1;
  disk.put("db/1.log", rotten);
  const auto store = writer();
  const Image before = disk.image();
  EXPECT_THROW(store->compact(), Damage);
  EXPECT_EQ(disk.image(), before);
  EXPECT_EQ(answer(*store, "a"), "1") << "it is newer than the damage";
  EXPECT_THROW(static_cast<void>(answer(*store, "b")), Damage);
  EXPECT_THROW(contents(*store), Damage);
}

// An old value that a merge moved to a higher id would seem to be newer than
// the damaged record, and be handed out.
TEST_F(CompactionTest, WhereAnythingIsDamagedNothingIsMergedInTheBackground) {
  {
    const auto store = writer();
    for (const char* key : {"k", "a", "k", "a", "b", "b"}) store->set(key, "1");
  }
  std::string rotten = disk.files().at("db/2.log");
  rotten[2] ^= 1;  // the newer k
  disk.put("db/2.log", rotten);
  dead_percent = 0;
  const auto store = writer();
  for (int i = 0; i < 20; ++i) store->set("b", "1");
  EXPECT_THROW(static_cast<void>(answer(*store, "k")), Damage);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(files().count("1.log"), 1U);
  EXPECT_THROW(static_cast<void>(answer(*store, "k")), Damage);
  store->del("k");
  EXPECT_EQ(answer(*store, "k"), std::nullopt) << "this is newer than damage";
}

TEST_F(CompactionTest, AKeyThatOnlyDamageMayHoldIsDeletedByATombstone) {
  {
    const auto store = writer();
    store->set("k", "1");
    store->set("a", "1");
  }
  std::string rotten = disk.files().at("db/1.log");
  rotten[2] ^= 1;
  disk.put("db/1.log", rotten);
  const auto store = writer();
  store->del("k");
  EXPECT_EQ(answer(*store, "k"), std::nullopt);
}

TEST_F(CompactionTest, RecordsLongerThanAnyBufferAreCopied) {
  segment_bytes = 1 << 20;
  std::string value;
  for (int i = 0; value.size() < 3'000'000; ++i) value += std::to_string(i);
  const auto store = writer();
  store->set("before", "1");
  for (int i = 0; i < 2; ++i) store->set("long", value);
  store->set("after", "1");
  store->compact();
  EXPECT_EQ(answer(*store, "long"), value);
  EXPECT_EQ(store->stats().dead_bytes, 0U);
  EXPECT_THAT(contents(*reader()),
              ElementsAre(Pair("after", "1"), Pair("before", "1"),
                          Pair("long", value)));
}

TEST_F(CompactionTest, SalvageCopiesSegmentsAndTombstones) {
  const auto store = writer();
  for (const char* key : {"a", "b", "c", "a"}) store->set(key, "1");
  store->del("b");
  store->salvage("copy", [](const DamagedPlace&) { FAIL(); });
  Options copy = options(Mode::kRead, disk);
  copy.directory = "copy";
  Compaction copied(copy);
  EXPECT_EQ(contents(copied), contents(*store));
  EXPECT_EQ(copied.stats().files, store->stats().files);
}

TEST_F(CompactionTest, ThousandsOfSegmentsNeedFewDescriptors) {
  constexpr int kSegments = 2000;
  // The cache's, the directory's, the writer's while it changes over, and an
  // input's and an output's.
  FewDescriptors few(disk, static_cast<int>(FileCache::kUsual) + 5);
  segment_bytes = 1;
  {
    const auto store = open(Mode::kWrite, few);
    for (int i = 0; i < kSegments; ++i) store->set("k" + std::to_string(i), "");
    EXPECT_GE(files().size(), std::size_t{kSegments});
    EXPECT_EQ(contents(*store).size(), std::size_t{kSegments});
  }
  EXPECT_EQ(contents(*open(Mode::kRead, few)).size(), std::size_t{kSegments});
  const auto store = open(Mode::kWrite, few);
  for (int i = 0; i < kSegments; i += 2) store->del("k" + std::to_string(i));
  store->compact();
  EXPECT_EQ(contents(*store).size(), std::size_t{kSegments} / 2);
  EXPECT_EQ(store->stats().dead_bytes, 0U);
}

}  // namespace
}  // namespace strata
