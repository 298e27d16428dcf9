// 09_lsm_tree: what readers see while memtables are written out and tables are
// merged: snapshots, iterators, readers in other processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/store/errors.h"
#include "stages/09_lsm_tree/store.h"
#include "tests/stages/lsm_fixture.h"
#include "tests/support.h"

namespace strata {
namespace {

using lsm::Iterator;
using lsm::Range;
using lsm::Snapshot;
using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

class LsmIterators : public LsmTreeTest {
 protected:
  static std::vector<std::string> keys_of(const LsmTree& store,
                                          const Range& range) {
    const auto each = store.iterator(range, store.snapshot());
    std::vector<std::string> keys;
    for (bool has = each->seek_first(); has; has = each->next()) {
      keys.emplace_back(each->key());
    }
    std::vector<std::string> back;
    for (bool has = each->seek_last(); has; has = each->prev()) {
      back.emplace_back(each->key());
    }
    std::reverse(back.begin(), back.end());
    EXPECT_EQ(back, keys) << "the other way";
    return keys;
  }

  // Deletes and sets some of two hundred keys, and keeps the model.
  static void write_some(LsmTree& store, Pairs& model, std::mt19937& random) {
    for (int i = 0; i < 100; ++i) {
      const std::string key = any_key(random);
      if (random() % 4 == 0) {
        store.del(key);
        model.erase(key);
      } else {
        model[key] = key + std::string(random() % 300, 'v');
        store.set(key, model[key]);
      }
    }
  }

  static std::string any_key(std::mt19937& random) {
    return "k" + std::to_string(100 + random() % 200);
  }

  // Moves an iterator over the keys of `range` at random: it stands where the
  // model says.
  static void walk(Iterator& each, const Range& range, const Pairs& model,
                   std::mt19937& random) {
    Pairs pairs;
    for (const auto& pair : model) {
      const bool is_in = pair.first >= range.from &&
                         (range.to.empty() || pair.first < range.to);
      if (is_in) pairs.insert(pair);
    }
    auto at = pairs.end();
    const auto before = [&](Pairs::iterator from) {
      return from == pairs.begin() ? pairs.end() : std::prev(from);
    };
    for (int i = 0; i < 30; ++i) {
      bool has = false;
      const std::string key = any_key(random);
      switch (random() % (at == pairs.end() ? 4 : 10)) {
        case 0:
          at = pairs.begin();
          has = each.seek_first();
          break;
        case 1:
          at = before(pairs.end());
          has = each.seek_last();
          break;
        case 2:
          at = pairs.lower_bound(key);
          has = each.seek(key);
          break;
        case 3:
          at = before(pairs.lower_bound(key));
          has = each.seek_before(key);
          break;
        case 4:
        case 5:
        case 6:
          ++at;
          has = each.next();
          break;
        default:
          at = before(at);
          has = each.prev();
      }
      ASSERT_EQ(has, at != pairs.end());
      if (!has) continue;
      ASSERT_EQ(each.key(), at->first);
      ASSERT_EQ(each.value(), at->second);
    }
  }
};

TEST_F(LsmIterators, GoThroughTheLiveKeysOfARangeEitherWay) {
  const auto store = writer();
  write_table(*store, {{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}});
  write_table(*store, {{"c", "2"}, {"e", "2"}});
  store->del("b");
  store->set("f", "3");
  EXPECT_THAT(keys_of(*store, {}), ElementsAre("a", "c", "d", "e", "f"));
  EXPECT_THAT(keys_of(*store, {"b", "e"}), ElementsAre("c", "d"));
  EXPECT_THAT(keys_of(*store, {"c", ""}), ElementsAre("c", "d", "e", "f"));
  EXPECT_THAT(keys_of(*store, {"", "a"}), IsEmpty());
  EXPECT_THAT(keys_of(*store, {"e", "b"}), IsEmpty()) << "from behind its end";
  EXPECT_THAT(keys_of(*store, {"g", ""}), IsEmpty());
  const auto each = store->iterator({"b", "e"}, store->snapshot());
  EXPECT_TRUE(each->seek("a"));
  EXPECT_EQ(each->key(), "c") << "the first of the range";
  EXPECT_EQ(each->value(), "2");
  EXPECT_TRUE(each->seek_before("z"));
  EXPECT_EQ(each->key(), "d") << "its last";
  EXPECT_FALSE(each->seek("e"));
  EXPECT_FALSE(each->seek_before("b"));
}

TEST_F(LsmIterators, OfAPrefixShowTheKeysThatBeginWithIt) {
  using std::string_literals::operator""s;
  const auto store = writer();
  for (const std::string& key :
       {"a"s, "ab"s, "ab\xFF"s, "ab\xFF\xFF"s, "ac"s, "\xFF"s, "\xFF\xFFz"s}) {
    store->set(key, "1");
  }
  EXPECT_THAT(keys_of(*store, Range::prefix("ab")),
              ElementsAre("ab", "ab\xFF", "ab\xFF\xFF"));
  EXPECT_THAT(keys_of(*store, Range::prefix("ab\xFF")),
              ElementsAre("ab\xFF", "ab\xFF\xFF"));
  EXPECT_THAT(keys_of(*store, Range::prefix("\xFF")),
              ElementsAre("\xFF", "\xFF\xFFz"));
  EXPECT_EQ(keys_of(*store, Range::prefix("")).size(), 7U);
  EXPECT_THAT(keys_of(*store, Range::prefix("b")), IsEmpty());
}

TEST_F(LsmIterators, OfAnEmptyStoreShowNothing) {
  EXPECT_THAT(keys_of(*writer(), {}), IsEmpty());
  EXPECT_THAT(keys_of(*reader(), {}), IsEmpty());
}

TEST_F(LsmIterators, ASnapshotKeepsItsMomentWhateverComesLater) {
  const auto store = writer();
  store->set("a", "1");
  store->set("b", "1");
  const Snapshot first = store->snapshot();
  store->set("a", "2");
  store->del("b");
  store->write_memtable();
  const Snapshot second = store->snapshot();
  store->set("a", "3");
  store->compact();
  const auto at = [&](const Snapshot& moment, const char* key) {
    std::string value;
    return store->get(key, value, moment) ? std::optional(value) : std::nullopt;
  };
  EXPECT_EQ(at(first, "a"), "1");
  EXPECT_EQ(at(first, "b"), "1");
  EXPECT_EQ(at(second, "a"), "2");
  EXPECT_EQ(at(second, "b"), std::nullopt);
  EXPECT_EQ(at(store->snapshot(), "a"), "3");
}

TEST_F(LsmIterators, AMergedTableStaysOnDiskUntilTheLastWhoReadsItLetsGo) {
  const auto store = writer();
  write_table(*store, {{"a", "1"}, {"b", "1"}});
  write_table(*store, {{"b", "2"}, {"c", "2"}});
  const auto before = files();
  std::optional<Snapshot> moment = store->snapshot();
  auto each = store->iterator({}, *moment);
  ASSERT_TRUE(each->seek_first());
  store->set("a", "9");
  store->compact();
  for (const char* table : {"3.sst", "5.sst"}) {
    ASSERT_EQ(before.count(table), 1U);
    EXPECT_THAT(files(), Contains(table)) << "the iterator still reads it";
  }
  EXPECT_EQ(each->value(), "1");
  ASSERT_TRUE(each->next());
  EXPECT_EQ(each->value(), "2");
  moment.reset();
  store->set("d", "1");
  store->compact();
  EXPECT_THAT(files(), Contains("3.sst")) << "the iterator keeps the moment";
  ASSERT_TRUE(each->next());
  EXPECT_EQ(each->key(), "c");
  EXPECT_FALSE(each->next());
  each.reset();
  EXPECT_EQ(contents(*store).size(), 4U);  // whoever scans sweeps behind him
  EXPECT_THAT(files(), Not(Contains("3.sst")));
  EXPECT_THAT(files(), Not(Contains("5.sst")));
}

TEST_F(LsmIterators, WhatIsStillReadWhenTheStoreClosesTheNextWriterRemoves) {
  {
    auto store = writer();
    write_table(*store, {{"a", "1"}});
    write_table(*store, {{"a", "2"}});
    const Snapshot moment = store->snapshot();
    store->compact();
    EXPECT_THAT(files(), Contains("3.sst"));
  }
  const auto store = writer();
  EXPECT_THAT(files(), Not(Contains("3.sst")));
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "2")));
}

// Every kept moment is asked again and again, while the thread merges what it
// was made of.
TEST_F(LsmIterators, AgreeWithAModelWhileMemtablesAndTablesAreMerged) {
  numbers["--level-runs"] = 2;
  numbers["--table-bytes"] = 5000;
  numbers["--level-bytes"] = 10'000;
  for (const std::uint64_t strategy : {0U, 1U}) {
    SCOPED_TRACE(strategy);
    numbers["--compaction"] = strategy;
    MemoryOs own;
    const auto store = open(Mode::kWrite, own);
    std::mt19937 random(1);
    Pairs model;
    std::vector<std::pair<Snapshot, Pairs>> moments;
    constexpr int kRounds = kSanitized ? 30 : 80;
    for (int round = 0; round < kRounds; ++round) {
      write_some(*store, model, random);
      if (random() % 2 == 0) store->write_memtable();
      if (random() % 20 == 0) store->compact();
      if (random() % 3 == 0) moments.emplace_back(store->snapshot(), model);
      if (moments.size() > 5) {
        moments.erase(moments.begin() +
                      static_cast<std::ptrdiff_t>(random() % 5));
      }
      ASSERT_EQ(contents(*store), model);
      for (const auto& [moment, then] : moments) {
        Range range{any_key(random), random() % 2 == 0 ? "" : any_key(random)};
        if (random() % 3 == 0) range = Range::prefix("k1");
        const auto each = store->iterator(range, moment);
        walk(*each, range, then, random);
        const std::string key = any_key(random);
        std::string value;
        const auto expected = then.find(key);
        ASSERT_EQ(store->get(key, value, moment), expected != then.end());
        if (HasFailure()) return;
        if (expected == then.end()) continue;
        ASSERT_EQ(value, expected->second);
      }
    }
    moments.clear();
    store->settle();
    EXPECT_EQ(contents(*store), model);
    EXPECT_EQ(contents(*open(Mode::kRead, own)), model);
  }
}

TEST_F(LsmIterators, AScanSeesOneMomentWhateverIsWrittenAndMerged) {
  const auto store = writer();
  write_table(*store, {{"a", "1"}, {"b", "1"}, {"c", "1"}});
  write_table(*store, {{"b", "2"}, {"d", "2"}});
  store->set("e", "3");
  const Pairs before = contents(*store);
  Pairs seen;
  store->scan("", "", [&](std::string_view key, std::string_view value) {
    if (seen.empty()) {
      for (const char* changed : {"b", "c", "new"}) store->set(changed, "9");
      store->del("d");
      store->compact();
      store->set("e", "9");
      store->compact();
    }
    seen.emplace(key, value);
  });
  EXPECT_EQ(seen, before);
  EXPECT_EQ(shape_of(*store), "1: 1 1");
  EXPECT_EQ(files_that(is_table).size(), 1U) << "nobody reads the others";
  EXPECT_EQ(contents(*store).at("e"), "9");
}

TEST_F(LsmIterators, AReaderOfAnotherProcessFollowsMerges) {
  const auto store = writer();
  for (int i = 0; i < 50; ++i) {
    write_table(*store, {{"k" + std::to_string(i), "1"}});
  }
  const auto other = reader();
  const Pairs before = contents(*other);
  Pairs seen;
  other->scan("", "", [&](std::string_view key, std::string_view value) {
    seen.emplace(key, value);
    if (seen.size() % 7 != 3) return;
    store->set("k0", "1");
    store->compact();
  });
  EXPECT_EQ(seen, before);
  store->set("k1", "2");
  store->compact();
  EXPECT_THAT(answer(*other, "k1"), AnyOf("1", "2"));
  EXPECT_EQ(answer(*other, "k2"), "1");
  EXPECT_EQ(answer(*other, "nothing"), std::nullopt);
  EXPECT_EQ(contents(*reader()).at("k1"), "2");
}

TEST_F(LsmIterators, AReaderThatOpensWhileAWriterWorksSeesNoHole) {
  numbers["--level-runs"] = 2;
  numbers["--memtable-bytes"] = 1;
  const auto store = writer();
  std::atomic<int> written{0};
  constexpr int kWrites = kSanitized ? 100 : 300;
  std::thread other([&] {
    for (int i = 1; i <= kWrites; ++i) {
      store->set("k" + std::to_string(1000 + i), "1");
      written = i;
    }
  });
  while (written < kWrites) {
    const int before = written;
    const Pairs seen = contents(*reader());
    EXPECT_GE(seen.size(), static_cast<std::size_t>(before));
    if (seen.empty()) continue;
    EXPECT_EQ(seen.rbegin()->first, "k" + std::to_string(1000 + seen.size()))
        << "all before the last";
  }
  other.join();
  EXPECT_EQ(contents(*reader()).size(), static_cast<std::size_t>(kWrites));
}

}  // namespace
}  // namespace strata
