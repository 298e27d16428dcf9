// Folds, iterators, keys and scans of 07_bitcask: each sees one moment,
// whatever is written, merged or deleted meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/stages/bitcask_fixture.h"

namespace strata::bitcask_tests {
namespace {

class BitcaskFold : public BitcaskTest {
 protected:
  BitcaskFold() { numbers["--segment-bytes"] = 200; }

  static std::string key_of(int i) { return "key" + std::to_string(i); }

  static Pairs fill(Bitcask& store, const std::string& value = "first") {
    Pairs pairs;
    for (int i = 0; i < 100; ++i) {
      pairs[key_of(i)] = value;
      store.set(key_of(i), value);
    }
    return pairs;
  }

  static Pairs rest_of(Bitcask::Iterator& all) {
    Pairs pairs;
    std::string key;
    std::string value;
    while (all.next(key, value)) {
      EXPECT_TRUE(pairs.emplace(key, value).second) << "twice: " << key;
    }
    EXPECT_FALSE(all.next(key, value)) << "the end stays the end";
    return pairs;
  }

  // Everything that can happen to a store.
  static void upset(Bitcask& store) {
    for (int i = 0; i < 100; ++i) {
      if (i % 2 == 0) store.set(key_of(i), "second");
      if (i % 3 == 0) store.del(key_of(i));
    }
    store.set("new", "x");
    store.compact();
    for (int i = 0; i < 50; ++i) store.set(key_of(i), "third");
    store.compact();
  }
};

TEST_F(BitcaskFold, AFoldVisitsEveryLiveKeyOnce) {
  const auto store = writer();
  EXPECT_EQ(folded(*store), Pairs());
  Pairs pairs = fill(*store);
  store->set("key7", "seven");
  pairs["key7"] = "seven";
  store->del("key8");
  pairs.erase("key8");
  EXPECT_EQ(folded(*store), pairs);
  EXPECT_EQ(contents(*store), pairs);
  EXPECT_EQ(listed(*store).size(), pairs.size());
}

TEST_F(BitcaskFold, AnIteratorSeesTheMomentOfItsBirth) {
  const auto store = writer();
  const Pairs before = fill(*store);
  auto all = store->iterator();
  upset(*store);
  EXPECT_EQ(rest_of(all), before);
  EXPECT_NE(folded(*store), before);
}

TEST_F(BitcaskFold, AnIteratorHalfWayThroughIsNotDisturbed) {
  const auto store = writer();
  Pairs before = fill(*store);
  auto all = store->iterator();
  std::string key;
  std::string value;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(all.next(key, value));
    EXPECT_EQ(before.at(key), value);
    before.erase(key);
  }
  upset(*store);
  EXPECT_EQ(rest_of(all), before);
}

TEST_F(BitcaskFold, IteratorsOfDifferentMomentsStandSideBySide) {
  const auto store = writer();
  const Pairs first = fill(*store);
  auto of_first = store->iterator();
  const Pairs second = fill(*store, "second");
  auto of_second = store->iterator();
  store->compact();
  for (int i = 0; i < 100; ++i) store->del(key_of(i));
  auto of_nothing = store->iterator();
  store->compact();
  EXPECT_EQ(rest_of(of_second), second);
  EXPECT_EQ(rest_of(of_first), first);
  EXPECT_EQ(rest_of(of_nothing), Pairs());
}

TEST_F(BitcaskFold, AnIteratorCanBeMoved) {
  const auto store = writer();
  const Pairs before = fill(*store);
  auto all = store->iterator();
  upset(*store);
  Bitcask::Iterator moved = std::move(all);
  auto other = store->iterator();
  other = std::move(moved);
  EXPECT_EQ(rest_of(other), before);
}

// What a visitor does to the store is no part of what it visits.
TEST_F(BitcaskFold, AVisitorMaySetDeleteAndMergeInTheSameStore) {
  const auto store = writer();
  const Pairs before = fill(*store);
  Pairs seen;
  store->fold([&](std::string_view key, std::string_view value) {
    seen.emplace(key, value);
    store->set("new " + std::string(key), "x");
    store->del(key);
    if (seen.size() % 40 == 0) store->compact();
  });
  EXPECT_EQ(seen, before);
  EXPECT_EQ(listed(*store).size(), before.size()) << "the new ones";
  EXPECT_EQ(listed(*store).count("key0"), 0U);
}

TEST_F(BitcaskFold, AVisitorOfKeysOrAScanMayChangeTheStoreToo) {
  const auto store = writer();
  const Pairs before = fill(*store);
  std::size_t keys = 0;
  store->keys([&](std::string_view key) {
    ++keys;
    store->set(key, "second");
  });
  EXPECT_EQ(keys, before.size());
  Pairs seen;
  store->scan("", "", [&](std::string_view key, std::string_view value) {
    seen.emplace(key, value);
    store->del("key99");
    if (seen.size() == 1) store->compact();
  });
  EXPECT_EQ(seen.size(), before.size());
  EXPECT_EQ(seen["key99"], "second");
}

TEST_F(BitcaskFold, AFoldThatIsLeftByAnExceptionLeavesNothingBehind) {
  const auto store = writer();
  fill(*store);
  EXPECT_THROW(store->fold([](std::string_view, std::string_view) {
    throw std::runtime_error("enough");
  }),
               std::runtime_error);
  store->del("key1");
  store->compact();
  EXPECT_EQ(files().count("1.bitcask.data"), 0U) << "nobody holds it";
}

// ---- The files below

TEST_F(BitcaskFold, FilesStayUntilTheLastIteratorOverThemIsGone) {
  const auto store = writer();
  const Pairs before = fill(*store);
  store->set("key1", before.at("key1"));  // something to merge
  std::optional<Bitcask::Iterator> first = store->iterator();
  std::optional<Bitcask::Iterator> second = store->iterator();
  store->compact();
  EXPECT_EQ(files().count("1.bitcask.data"), 1U);
  first.reset();
  EXPECT_EQ(files().count("1.bitcask.data"), 1U);
  EXPECT_EQ(rest_of(*second), before);
  second.reset();
  EXPECT_EQ(files().count("1.bitcask.data"), 0U);
  EXPECT_EQ(contents(*store), before);
}

// Killed meanwhile, the files are there twice; nothing comes back.
TEST_F(BitcaskFold, FilesThatAnIteratorHeldAtAKillBringNothingBack) {
  const auto store = writer();
  fill(*store);
  const auto all = store->iterator();
  for (int i = 0; i < 100; i += 2) store->del(key_of(i));
  store->compact();
  const Pairs live = contents(*store);
  EXPECT_EQ(live.size(), 50U);
  MemoryOs after(disk.image());
  EXPECT_EQ(contents(*open(Mode::kRead, after)), live);
  const auto next = open(Mode::kWrite, after);
  EXPECT_EQ(contents(*next), live);
  next->compact();
  EXPECT_EQ(contents(*next), live);
}

TEST_F(BitcaskFold, AnIteratorOverManyFilesReadsThemAll) {
  numbers["--segment-bytes"] = 1;
  const auto store = writer();
  const Pairs before = fill(*store);
  EXPECT_EQ(store->status().size(), 100U);
  auto all = store->iterator();
  store->compact();
  EXPECT_EQ(rest_of(all), before);
}

// ---- Threads

// A fold that saw a part of a later moment would see numbers that were never
// there together.
TEST_F(BitcaskFold, AFoldIsOfOneMomentWhileOtherThreadsWriteAndMerge) {
  const auto store = writer();
  std::atomic<bool> stop = false;
  store->set("0", "0");
  std::thread writes([&] {
    // One key after the other is set, each to a higher number than all before.
    for (int i = 1; !stop; ++i) {
      store->set(std::to_string(i % 20), std::to_string(i));
    }
  });
  std::thread merges([&] {
    while (!stop) store->compact();
  });
  for (int round = 0; round < 60; ++round) {
    const Pairs seen = folded(*store);
    int newest = 0;
    for (const auto& [key, value] : seen) {
      newest = std::max(newest, std::stoi(value));
    }
    // Then the 20 newest numbers are there, and no other.
    for (const auto& [key, value] : seen) {
      EXPECT_GT(std::stoi(value), newest - 20) << key;
    }
    EXPECT_EQ(seen.size(), std::min<std::size_t>(20, std::size_t(newest) + 1));
  }
  stop = true;
  writes.join();
  merges.join();
}

TEST_F(BitcaskFold, AReaderFoldsWhatItKnewThoughTheWriterMergesItAway) {
  numbers["--segment-bytes"] = 1'000'000;
  const auto store = writer();
  const Pairs before = fill(*store);
  const auto other = reader();
  auto all = other->iterator();
  upset(*store);
  EXPECT_EQ(rest_of(all), before) << "its files are held open";
  EXPECT_EQ(folded(*other), before) << "it has not been told to look again";
  EXPECT_TRUE(other->refresh());
  EXPECT_EQ(folded(*other), contents(*store));
}

}  // namespace
}  // namespace strata::bitcask_tests
