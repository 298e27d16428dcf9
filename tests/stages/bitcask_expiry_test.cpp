// Expiry in 07_bitcask: what a get, keys, a scan, a fold and a merge make of
// records that are too old.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

#include "common/os/fault_os.h"
#include "tests/stages/bitcask_fixture.h"

namespace strata::bitcask_tests {
namespace {

constexpr std::uint64_t kExpiry = 60;

class BitcaskExpiry : public BitcaskTest {
 protected:
  BitcaskExpiry() { numbers["--expiry-seconds"] = kExpiry; }

  // Three ways to ask must agree on whether there is anything.
  static void expect_only(Bitcask& store, const Pairs& expected) {
    EXPECT_EQ(contents(store), expected);
    EXPECT_EQ(folded(store), expected);
    std::set<std::string> keys;
    for (const auto& [key, value] : expected) keys.insert(key);
    EXPECT_EQ(listed(store), keys);
    EXPECT_EQ(store.stats().keys, expected.size());
    for (const auto& [key, value] : expected) {
      EXPECT_EQ(answer(store, key), value);
    }
  }

  void pass(std::uint64_t seconds) {
    time_ += seconds;
    disk.set_now(time_);
  }

 private:
  std::uint64_t time_ = kNow;
};

TEST_F(BitcaskExpiry, ARecordIsThereUpToItsLastSecondAndGoneInTheNext) {
  const auto store = writer();
  store->set("city", "Rome");
  pass(kExpiry);
  expect_only(*store, {{"city", "Rome"}});
  pass(1);
  expect_only(*store, {});
  EXPECT_EQ(answer(*store, "city"), std::nullopt);
}

TEST_F(BitcaskExpiry, AnIteratorJudgesByTheTimeOfItsMoment) {
  const auto store = writer();
  store->set("city", "Rome");
  auto all = store->iterator();
  pass(kExpiry + 1);
  std::string key;
  std::string value;
  EXPECT_TRUE(all.next(key, value));
  EXPECT_EQ(value, "Rome");
  EXPECT_FALSE(all.next(key, value));
  EXPECT_FALSE(store->iterator().next(key, value));
}

TEST_F(BitcaskExpiry, AReopenByHintsOrByDataKnowsTheSameAge) {
  write_file_of({{"city", "Rome"}});
  for (int hints = 1; hints >= 0; --hints) {
    if (hints == 0) remove("1.bitcask.hint");
    disk.set_now(kNow + kExpiry);
    expect_only(*reader(), {{"city", "Rome"}});
    disk.set_now(kNow + kExpiry + 1);
    expect_only(*reader(), {});
  }
}

TEST_F(BitcaskExpiry, ANewValueIsAsYoungAsItsSet) {
  const auto store = writer();
  store->set("city", "Rome");
  pass(kExpiry);
  store->set("city", "Oslo");
  pass(kExpiry);
  expect_only(*store, {{"city", "Oslo"}});
}

TEST_F(BitcaskExpiry, NothingExpiresUnlessItIsAskedFor) {
  numbers["--expiry-seconds"] = 0;
  const auto store = writer();
  store->set("city", "Rome");
  disk.set_now(0xFFFFFFFF);
  expect_only(*store, {{"city", "Rome"}});
}

TEST_F(BitcaskExpiry, AClockThatWasSetBackLetsNothingExpire) {
  const auto store = writer();
  store->set("city", "Rome");
  disk.set_now(kNow - 1'000'000);
  expect_only(*store, {{"city", "Rome"}});
}

TEST_F(BitcaskExpiry, WhatHasExpiredStillCountsInTheEstimate) {
  const auto store = writer();
  store->set("city", "Rome");
  pass(kExpiry + 1);
  EXPECT_FALSE(store->is_empty_estimate());
  store->compact();
  EXPECT_TRUE(store->is_empty_estimate());
}

TEST_F(BitcaskExpiry, AMergeDropsWhatHasExpiredAndKeepsTheRest) {
  auto store = writer();
  store->set("old", "x");
  pass(1);
  store->set("young", "y");
  pass(kExpiry);
  store->compact();
  numbers["--expiry-seconds"] = 0;
  store.reset();
  expect_only(*reader(), {{"young", "y"}});
}

TEST_F(BitcaskExpiry, AMergeLetsNoOlderValueComeBackForAnExpiredOne) {
  write_file_of({{"city", "Rome"}});
  write_file_of({{"city", "Oslo"}});
  pass(kExpiry + 1);
  {
    const auto store = writer();
    store->merge({2});
    EXPECT_EQ(ids_of(*store).front(), 1U) << "no input, and it stays";
    expect_only(*store, {});
  }
  numbers["--expiry-seconds"] = 0;
  expect_only(*reader(), {});
  remove("3.bitcask.hint");
  expect_only(*reader(), {});
}

// What a tombstone takes may be more than the record whose place it takes.
// Numbers must be kept free for that, too: else a copy would get the number
// of the file that is being written.
TEST_F(BitcaskExpiry, ManyShortRecordsThatExpireNeedMoreRoomThanBefore) {
  constexpr int kKeys = 100;
  const auto key_of = [](int i) { return std::string(1, char(32 + i)); };
  numbers["--segment-bytes"] = 1'000'000;
  Pairs olds;
  Pairs shorts;
  for (int i = 0; i < kKeys; ++i) {
    olds[key_of(i)] = "an older value";
    shorts[key_of(i)] = "";
  }
  write_file_of(olds);
  write_file_of(shorts);
  pass(kExpiry + 1);
  numbers["--segment-bytes"] = 100;
  {
    const auto store = writer();
    store->merge({2});
    store->set("city", "Oslo");
    expect_only(*store, {{"city", "Oslo"}});
    const Ids ids = ids_of(*store);
    EXPECT_EQ(std::set<std::uint32_t>(ids.begin(), ids.end()).size(),
              ids.size());
  }
  expect_only(*reader(), {{"city", "Oslo"}});
  numbers["--expiry-seconds"] = 0;
  expect_only(*reader(), {{"city", "Oslo"}});
}

// ---- When expiry calls for a merge

TEST_F(BitcaskExpiry, AFileIsMergedOnceItsNewestRecordHasExpired) {
  const auto store = writer();
  store->set("old", "x");
  pass(10);
  store->set("newest", "y");
  store->compact();
  pass(kExpiry);
  store->set("active", "z");
  EXPECT_EQ(store->needs_merge().files, Ids()) << "the newest is not yet";
  pass(1);
  const auto plan = store->needs_merge();
  ASSERT_EQ(plan.files.size(), 1U);
  EXPECT_EQ(plan.reasons.size(), 1U);
  store->merge(plan.files);
  expect_only(*store, {{"active", "z"}});
  EXPECT_EQ(store->needs_merge().files, Ids());
}

TEST_F(BitcaskExpiry, TheGraceKeepsAMergeWaitingButNoGet) {
  numbers["--expiry-grace-seconds"] = 30;
  write_file_of({{"city", "Rome"}});
  const auto store = writer();
  pass(kExpiry + 1);
  EXPECT_EQ(answer(*store, "city"), std::nullopt);
  EXPECT_EQ(store->needs_merge().files, Ids());
  pass(29);
  EXPECT_EQ(store->needs_merge().files, Ids()) << "expiry + grace: not over";
  pass(1);
  EXPECT_EQ(store->needs_merge().files, Ids({1}));
}

TEST_F(BitcaskExpiry, AnExpiredFileTakesTheOlderOnesWithIt) {
  numbers["--small-file-threshold"] = 0;
  disk.set_now(kNow + 1'000);
  write_file_of({{"young", "by its clock"}});
  disk.set_now(kNow);
  write_file_of({{"city", "Rome"}});
  disk.set_now(kNow + 1'000);
  write_file_of({{"newer", "than both"}});
  const auto store = writer();
  EXPECT_EQ(store->needs_merge().files, Ids({1, 2}));
  store->merge({1, 2});
  expect_only(*store, {{"young", "by its clock"}, {"newer", "than both"}});
}

// The merge has left the record out of its copies, but they got no names.
TEST_F(BitcaskExpiry, ADeleteAfterAMergeThatFailedIsWritten) {
  write_file_of({{"gone", "x"}, {"city", "Rome"}});
  pass(kExpiry + 1);
  {
    FaultOs faults(disk);
    const auto store = open(Mode::kWrite, faults);
    store->set("city", "Oslo");
    store->set("river", "Po");
    faults.add({.calls = {Call::kRename}, .nth = 2, .error = EIO});
    EXPECT_THROW(store->compact(), IoError);
    store->del("gone");
  }
  numbers["--expiry-seconds"] = 0;
  EXPECT_EQ(contents(*reader()), (Pairs{{"city", "Oslo"}, {"river", "Po"}}));
}

}  // namespace
}  // namespace strata::bitcask_tests
