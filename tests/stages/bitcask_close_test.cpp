// 07_bitcask: when writes are durable, and the end of a store.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/os/fault_os.h"
#include "common/os/ledger.h"
#include "tests/stages/bitcask_fixture.h"

namespace strata::bitcask_tests {
namespace {

class BitcaskSync : public BitcaskTest {
 protected:
  // How often data files have been synced, and the directory.
  struct Syncs {
    int data = 0;
    int directory = 0;
  };

  [[nodiscard]] Syncs syncs() const {
    Syncs syncs;
    for (const LedgerEntry& entry : ledger.entries()) {
      if (entry.call != Call::kSync || entry.error != 0) continue;
      if (entry.path == "db") ++syncs.directory;
      if (entry.path.find(".data") != std::string::npos) ++syncs.data;
    }
    return syncs;
  }

  Ledger ledger{disk};
};

TEST_F(BitcaskSync, WithNoneNothingIsSyncedByASetARollOverOrAClose) {
  numbers["--segment-bytes"] = 1;
  const auto store = open(Mode::kWrite, ledger);
  ledger.clear();
  for (int i = 0; i < 5; ++i) store->set(std::to_string(i), "v");
  store->del("1");
  store->close();
  EXPECT_EQ(syncs().data, 0);
  EXPECT_EQ(syncs().directory, 0);
}

TEST_F(BitcaskSync, WithAlwaysEverySetAndDeleteIsSyncedBeforeItReturns) {
  sync = Sync::kAlways;
  const auto store = open(Mode::kWrite, ledger);
  ledger.clear();
  store->set("a", "1");
  EXPECT_EQ(syncs().data, 1);
  EXPECT_GE(syncs().directory, 1) << "its name, too";
  store->set("b", "2");
  EXPECT_EQ(syncs().data, 2);
  store->del("a");
  EXPECT_EQ(syncs().data, 3);
}

TEST_F(BitcaskSync, ASyncMakesEveryFileDurableAndTheNextOneHasNothingToDo) {
  numbers["--segment-bytes"] = 1;
  const auto store = open(Mode::kWrite, ledger);
  for (int i = 0; i < 5; ++i) store->set(std::to_string(i), "v");
  ledger.clear();
  store->sync();
  EXPECT_EQ(syncs().data, 5) << "the closed ones, too";
  EXPECT_EQ(syncs().directory, 1);
  ledger.clear();
  store->sync();
  EXPECT_EQ(syncs().data, 0);
  store->set("more", "v");
  store->sync();
  EXPECT_EQ(syncs().data, 1);
}

TEST_F(BitcaskSync, EverySoManySecondsTheStoreSyncsByItself) {
  numbers["--sync-seconds"] = 1;
  const auto store = open(Mode::kWrite, ledger);
  ledger.clear();
  store->set("a", "1");
  EXPECT_EQ(syncs().data, 0) << "a set does not wait for it";
  EXPECT_TRUE(eventually([&] { return syncs().data == 1; }));
}

TEST_F(BitcaskSync, ItSyncsAFileThatHasBeenClosedToo) {
  numbers["--sync-seconds"] = 1;
  const auto store = open(Mode::kWrite, ledger);
  ledger.clear();
  store->set("a", "1");
  store->compact();  // closes the file, and finds nothing to merge
  EXPECT_EQ(syncs().data, 0);
  EXPECT_TRUE(eventually([&] { return syncs().data == 1; }));
}

TEST_F(BitcaskSync, AClosedFileThatCannotBeOpenedNowIsNoFailedSync) {
  numbers["--segment-bytes"] = 1;
  FaultOs faults(disk);
  const auto store = open(Mode::kWrite, faults);
  store->set("a", "1");
  store->set("b", "2");
  faults.add({.calls = {Call::kOpen}, .error = EMFILE});
  EXPECT_THROW(store->sync(), IoError);
  store->set("c", "3");
  store->sync();
  EXPECT_EQ(answer(*store, "c"), "3");
}

// For 136 years nothing but the close would wake it.
TEST_F(BitcaskSync, ACloseDoesNotWaitForTheNextSyncButSyncs) {
  numbers["--sync-seconds"] = 0xFFFFFFFF;
  const auto store = open(Mode::kWrite, ledger);
  store->set("a", "1");
  ledger.clear();
  store->close();
  EXPECT_EQ(syncs().data, 1);
  EXPECT_EQ(contents(*reader()), (Pairs{{"a", "1"}}));
}

TEST_F(BitcaskSync, AfterASyncThatFailedNoWriteIsTakenUntilTheNextOpen) {
  FaultOs faults(disk);
  {
    const auto store = open(Mode::kWrite, faults);
    store->set("a", "1");
    faults.add({.calls = {Call::kSync}, .error = EIO});
    EXPECT_THROW(store->sync(), IoError);
    EXPECT_THROW(store->set("b", "2"), IoError);
    EXPECT_THROW(store->del("a"), IoError);
    EXPECT_THROW(store->sync(), IoError);
    EXPECT_THROW(store->compact(), IoError);
    EXPECT_EQ(answer(*store, "a"), "1") << "reading goes on";
  }
  const auto store = writer();
  store->set("b", "2");
  EXPECT_EQ(contents(*store), (Pairs{{"a", "1"}, {"b", "2"}}));
}

TEST_F(BitcaskSync, ASyncByItselfThatFailsIsToldAndStopsTheWrites) {
  numbers["--sync-seconds"] = 1;
  FaultOs faults(disk);
  const auto store = open(Mode::kWrite, faults);
  store->set("a", "1");
  faults.add({.calls = {Call::kSync}, .for_ever = true, .error = EIO});
  EXPECT_TRUE(eventually([&] {
    try {
      store->set("a", "2");
    } catch (const IoError&) {
      return true;
    }
    return false;
  }));
  store->close();
  ASSERT_FALSE(notes.empty());
  EXPECT_NE(notes.back().find("cannot sync"), std::string::npos);
}

// ---- Closing

class BitcaskClose : public BitcaskTest {};

TEST_F(BitcaskClose, LetsOthersInEvenIfItFails) {
  sync = Sync::kAlways;
  FaultOs faults(disk);
  const auto store = open(Mode::kWrite, faults);
  store->set("city", "Rome");
  faults.add({.calls = {Call::kSync}, .for_ever = true, .error = EIO});
  EXPECT_THROW(store->close(), IoError);
  EXPECT_EQ(answer(*writer(), "city"), "Rome");
}

TEST_F(BitcaskClose, ACloseLeavesDataAndHintsAndNothingElse) {
  const auto store = writer();
  store->set("city", "Rome");
  store->close();
  EXPECT_EQ(files(),
            (std::set<std::string>{"1.bitcask.data", "1.bitcask.hint"}));
}

TEST_F(BitcaskClose, ACloseLetsTheNextWriterInWhileTheObjectIsStillThere) {
  const auto store = writer();
  store->set("city", "Rome");
  store->close();
  const auto next = writer();
  next->set("city", "Oslo");
  const auto before = disk.image();
  store->close();
  EXPECT_TRUE(disk.image() == before) << "the next one's lock file is its own";
  EXPECT_EQ(answer(*next, "city"), "Oslo");
}

TEST_F(BitcaskClose, TheSecondCloseDoesNothing) {
  for (const Mode mode : {Mode::kWrite, Mode::kRead}) {
    const auto store = open(mode, disk);
    store->close();
    const auto before = disk.image();
    store->close();
    EXPECT_TRUE(disk.image() == before);
  }
}

TEST_F(BitcaskClose, AStoreThatWroteNothingLeavesNoFile) {
  writer()->close();
  EXPECT_EQ(files(), std::set<std::string>());
}

TEST_F(BitcaskClose, EveryUseOfAClosedStoreIsRefused) {
  write_file_of({{"city", "Rome"}});
  for (const Mode mode : {Mode::kWrite, Mode::kRead}) {
    const auto store = open(mode, disk);
    store->close();
    const auto before = disk.image();
    std::string value;
    EXPECT_THROW((void)store->get("city", value), InvalidInput);
    EXPECT_THROW(store->set("a", "1"), InvalidInput);
    EXPECT_THROW(store->del("city"), InvalidInput);
    EXPECT_THROW(contents(*store), InvalidInput);
    EXPECT_THROW(listed(*store), InvalidInput);
    EXPECT_THROW(folded(*store), InvalidInput);
    EXPECT_THROW((void)store->iterator(), InvalidInput);
    EXPECT_THROW(store->compact(), InvalidInput);
    EXPECT_THROW(store->merge({1}), InvalidInput);
    EXPECT_THROW((void)store->needs_merge(), InvalidInput);
    EXPECT_THROW((void)store->status(), InvalidInput);
    EXPECT_THROW((void)store->stats(), InvalidInput);
    EXPECT_THROW((void)store->file_stats(), InvalidInput);
    EXPECT_THROW((void)store->is_empty_estimate(), InvalidInput);
    EXPECT_THROW(store->sync(), InvalidInput);
    EXPECT_THROW((void)store->refresh(), InvalidInput);
    EXPECT_THROW(store->dump("", [](const DumpRecord&) {}), InvalidInput);
    EXPECT_THROW(store->verify([](const DamagedPlace&) {}), InvalidInput);
    EXPECT_THROW(store->salvage("copy", [](const DamagedPlace&) {}),
                 InvalidInput);
    EXPECT_TRUE(disk.image() == before);
  }
}

// Whether the close comes in time to end the merge or after it.
TEST_F(BitcaskClose, ACloseEndsAMergeThatIsRunningAndLosesNothing) {
  Pairs pairs;
  for (int i = 0; i < 100; ++i) pairs["key" + std::to_string(i)] = "v";
  write_file_of(pairs);
  write_file_of({{"key0", "v"}});
  CallsBack os(disk);
  const auto store = open(Mode::kWrite, os);
  std::thread closes;
  os.once_before("read what to copy", [&] {
    closes = std::thread([&] { store->close(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  try {
    store->merge({1, 2});
  } catch (const InvalidInput& error) {
    EXPECT_STREQ(error.what(), "the store is being closed");
  }
  closes.join();
  EXPECT_EQ(contents(*reader()), pairs);
}

TEST_F(BitcaskClose, ManyMayCloseAtOnce) {
  numbers["--sync-seconds"] = 1;
  for (int round = 0; round < 50; ++round) {
    const auto store = writer();
    store->set("round", std::to_string(round));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { store->close(); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(files().count("bitcask.write.lock"), 0U);
  }
  EXPECT_EQ(answer(*reader(), "round"), "49");
}

TEST_F(BitcaskClose, TheEstimateIsThatOfKeysInMemory) {
  const auto store = writer();
  EXPECT_TRUE(store->is_empty_estimate());
  store->set("city", "Rome");
  EXPECT_FALSE(store->is_empty_estimate());
  store->del("city");
  EXPECT_TRUE(store->is_empty_estimate());
  store->set("city", "Oslo");
  store->close();
  EXPECT_FALSE(reader()->is_empty_estimate());
}

}  // namespace
}  // namespace strata::bitcask_tests
