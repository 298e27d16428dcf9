// 09_lsm_tree: the shape of the tree, and what the store tells of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "common/os/ledger.h"
#include "common/store/errors.h"
#include "stages/09_lsm_tree/store.h"
#include "tests/stages/lsm_fixture.h"
#include "tests/support.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

constexpr std::uint64_t kTiered = 1;

class LsmCompaction : public LsmTreeTest {
 protected:
  // Writes tables of so many random keys of 10,000, and waits for merges.
  static Pairs write_much(LsmTree& store, int tables) {
    std::mt19937 random(1);
    Pairs model;
    for (int table = 0; table < tables; ++table) {
      Pairs pairs;
      for (int i = 0; i < 50; ++i) {
        pairs["k" + std::to_string(10'000 + random() % 10'000)] =
            std::string(50, 'v');
      }
      write_table(store, pairs);
      model.insert(pairs.begin(), pairs.end());
      store.settle();
    }
    return model;
  }

  // How many tombstones the tables have.
  static std::uint64_t tombstones_in(const LsmTree& store) {
    std::uint64_t count = 0;
    for (const auto& table : store.version()->tables()) {
      count += table->info().tombstones;
    }
    return count;
  }
};

TEST_F(LsmCompaction, LevelledLevelsAreOneRunEachAndNotTooLarge) {
  numbers["--level-runs"] = 3;
  numbers["--level-bytes"] = 5000;
  numbers["--table-bytes"] = 3000;
  const auto store = writer();
  const Pairs model = write_much(*store, 60);
  const auto version = store->version();
  EXPECT_LT(version->levels[0].size(), 3U);
  std::uint64_t most = 5000;
  std::size_t deepest = 0;
  for (std::size_t level = 1; level < lsm::kLevels; ++level, most *= 10) {
    EXPECT_LE(version->levels[level].size(), 1U);
    EXPECT_LT(bytes_of(version->levels[level]), most);
    if (version->levels[level].empty()) continue;
    deepest = level;
    const lsm::Run& run = version->levels[level][0];
    for (std::size_t i = 0; i < run.size(); ++i) {
      EXPECT_LT(run[i]->info().size, 5000U) << "with filter and index";
      if (i == 0) continue;
      EXPECT_LT(run[i - 1]->info().last, run[i]->info().first);
    }
  }
  EXPECT_EQ(deepest, 3U);
  EXPECT_EQ(contents(*store), model);
  EXPECT_EQ(contents(*reader()), model);
}

TEST_F(LsmCompaction, TieredLevelsHaveFewerRunsThanMakeThemMerge) {
  numbers["--compaction"] = kTiered;
  numbers["--level-runs"] = 3;
  const auto store = writer();
  const Pairs model = write_much(*store, 3 + 9 + 27 + 5);
  // 44 memtables in base three: 1 · 27 + 1 · 9 + 2 · 3 + 2.
  EXPECT_EQ(shape_of(*store), "0: 2 2; 1: 2 2; 2: 1 1; 3: 1 1");
  EXPECT_EQ(contents(*store), model);
  EXPECT_EQ(contents(*reader()), model);
}

// Of the same memtables each byte is written once a level, or several times.
TEST_F(LsmCompaction, TieredWritesLessAndLevelledAsksFewerRuns) {
  numbers["--level-runs"] = 3;
  numbers["--level-bytes"] = 10'000;
  numbers["--table-bytes"] = 3000;
  std::uint64_t written[2] = {};
  std::size_t runs[2] = {};
  for (const std::uint64_t strategy : {0U, 1U}) {
    numbers["--compaction"] = strategy;
    MemoryOs own;
    Ledger ledger(own);
    const auto store = open(Mode::kWrite, ledger);
    write_much(*store, 60);
    written[strategy] = ledger.totals().writes.bytes;
    store->version()->for_each_run(
        [&](std::size_t, const lsm::Run&) { ++runs[strategy]; });
  }
  EXPECT_LT(written[kTiered] * 4, written[0] * 3);
  EXPECT_GT(runs[kTiered], runs[0]);
}

TEST_F(LsmCompaction, AStoreThatWasTieredBecomesLevelled) {
  numbers["--compaction"] = kTiered;
  numbers["--level-runs"] = 3;
  const Pairs model = write_much(*writer(), 44);
  numbers["--compaction"] = 0;
  const auto store = writer();
  store->settle();
  for (std::size_t level = 1; level < lsm::kLevels; ++level) {
    EXPECT_LE(store->version()->levels[level].size(), 1U);
  }
  EXPECT_EQ(contents(*store), model);
}

TEST_F(LsmCompaction, TablesThatOverlapNothingAreMovedAndNotWrittenAgain) {
  numbers["--level-runs"] = 2;
  Ledger ledger(disk);
  const auto store = open(Mode::kWrite, ledger);
  std::uint64_t tables = 0;
  for (int i = 0; i < 10; ++i) {
    write_table(*store, {{"k" + std::to_string(i), std::string(500, 'v')}});
    store->settle();
  }
  for (const LedgerEntry& entry : ledger.entries()) {
    tables += entry.call == Call::kWrite && is_table(entry.path) ? 1U : 0U;
  }
  EXPECT_EQ(tables, 10U) << "each memtable once";
  EXPECT_EQ(shape_of(*store), "1: 1 10");
}

TEST_F(LsmCompaction, CompactLeavesOneRunWithoutTombstonesOrOldValues) {
  const auto store = writer();
  write_table(*store, {{"a", "1"}, {"b", "1"}, {"c", "1"}});
  write_table(*store, {{"a", "2"}});
  store->del("b");
  store->compact();
  EXPECT_EQ(shape_of(*store), "1: 1 1");
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "2"), Pair("c", "1")));
  EXPECT_EQ(tombstones_in(*store), 0U);
  const Stats stats = store->stats();
  EXPECT_EQ(stats.keys, 2U);
  EXPECT_EQ(stats.dead_bytes, 0U);
  EXPECT_EQ(stats.files, 3U) << "the log, the table, the manifest";
  const Image before = disk.image();
  store->compact();
  EXPECT_TRUE(disk.image() == before) << "it is compact";
  store->del("a");
  store->del("c");
  store->compact();
  EXPECT_EQ(shape_of(*store), "") << "all is deleted";
  EXPECT_THAT(contents(*reader()), IsEmpty());
}

// The key is still there in level 2, below what is merged.
TEST_F(LsmCompaction, ATombstoneIsDroppedOnlyWhereNothingIsOlder) {
  numbers["--level-bytes"] = 1000;
  numbers["--table-bytes"] = 500;
  {
    const auto store = writer();
    Pairs many;
    for (int i = 100; i < 200; ++i) {
      many["k" + std::to_string(i)] = std::string(30, 'v');
    }
    write_table(*store, many);
    store->compact();
    ASSERT_FALSE(store->version()->levels[2].empty());
    store->del("k150");
    store->write_memtable();
    ASSERT_EQ(tombstones_in(*store), 1U);
  }
  numbers["--level-runs"] = 2;
  const auto store = writer();
  write_table(*store, {{"k149", "1"}, {"k151", "1"}});
  store->settle();
  EXPECT_FALSE(store->version()->levels[1].empty());
  EXPECT_EQ(tombstones_in(*store), 1U);
  EXPECT_EQ(answer(*store, "k150"), std::nullopt);
  EXPECT_EQ(answer(*reader(), "k150"), std::nullopt);
  store->compact();
  EXPECT_EQ(tombstones_in(*store), 0U);
  EXPECT_EQ(answer(*store, "k150"), std::nullopt);
}

TEST_F(LsmCompaction, SettleWaitsUntilNothingIsLeftToBeMerged) {
  {
    const auto store = writer();
    for (int i = 0; i < 9; ++i) write_table(*store, {{"all", "1"}});
    store->settle();
    EXPECT_EQ(shape_of(*store), "0: 9 9") << "it needs no merging";
  }
  numbers["--level-runs"] = 2;
  const auto store = writer();
  store->settle();
  EXPECT_EQ(shape_of(*store), "1: 1 1");
  numbers["--level-runs"] = 1;
  numbers["--compaction"] = kTiered;
  MemoryOs own;
  const auto other = open(Mode::kWrite, own);
  for (int i = 0; i < 3; ++i) write_table(*other, {{"all", "1"}});
  other->settle();
  EXPECT_EQ(shape_of(*other), "6: 1 1");
}

// ---- What it costs, and what is told of it

TEST_F(LsmCompaction, FiltersAreCountedByWhatTheySaid) {
  numbers["--bloom-bits"] = 10;
  const auto store = writer();
  Pairs pairs;
  for (int i = 0; i < 1000; ++i) pairs["k" + std::to_string(2 * i)] = "v";
  write_table(*store, pairs);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(answer(*store, "k" + std::to_string(2 * i)));
  }
  EXPECT_EQ(store->filter_counts().asked, 1000U);
  EXPECT_EQ(store->filter_counts().refused, 0U);
  EXPECT_EQ(store->filter_counts().erred, 0U);
  EXPECT_EQ(store->filter_counts().false_positives(), 0);
  EXPECT_EQ(store->index_probes(), 1000U);
  EXPECT_EQ(answer(*store, "a"), std::nullopt) << "less than all";
  EXPECT_EQ(store->filter_counts().asked, 1000U) << "no table has its place";
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(answer(*store, "k1" + std::to_string(i) + "x"));
  }
  const auto counts = store->filter_counts();
  EXPECT_EQ(counts.asked, 2000U);
  EXPECT_EQ(counts.refused + counts.erred, 1000U);
  EXPECT_GT(counts.refused, 950U);
  EXPECT_EQ(store->index_probes(), 1000 + counts.erred);
  EXPECT_EQ(counts.false_positives(), static_cast<double>(counts.erred) / 1000);
}

TEST_F(LsmCompaction, WithoutFiltersEachMissReadsABlock) {
  numbers["--bloom-bits"] = 0;
  const auto store = writer();
  write_table(*store, {{"a", "1"}, {"z", "1"}});
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(answer(*store, "m"));
  EXPECT_EQ(store->filter_counts().refused, 0U);
  EXPECT_EQ(store->filter_counts().erred, 10U);
  EXPECT_EQ(store->index_probes(), 10U);
}

TEST_F(LsmCompaction, TheCacheHoldsNoMoreThanItMay) {
  constexpr std::uint64_t kMost = 100'000;
  numbers["--cache-bytes"] = kMost;
  numbers["--block-bytes"] = 1000;
  const auto store = writer();
  Pairs pairs;
  for (int i = 0; i < 5000; ++i) {
    pairs["k" + std::to_string(i)] = std::string(100, 'v');
  }
  write_table(*store, pairs);
  EXPECT_EQ(store->cached_bytes(), 0U);
  std::uint64_t most = 0;
  for (const auto& [key, value] : pairs) {
    ASSERT_EQ(answer(*store, key), value);
    most = std::max(most, store->cached_bytes());
  }
  EXPECT_LE(most, kMost);
  EXPECT_GT(most, kMost / 2);
  store->compact();
  EXPECT_LE(store->cached_bytes(), kMost) << "merges leave it alone";
}

TEST_F(LsmCompaction, DetailsTellOfEachLevelWhatItCosts) {
  const auto store = writer();
  EXPECT_THAT(store->details(), IsEmpty());
  write_table(*store, {{"a", "1"}, {"b", "1"}});
  write_table(*store, {{"a", "2"}, {"c", "2"}});
  EXPECT_THAT(store->details(),
              ElementsAre(AllOf(
                  StartsWith("level 0: runs 2 tables 2 bytes "),
                  HasSubstr(" write_amplification 1.0 read_amplification 2 "),
                  HasSubstr("space_amplification 1.3"))));
  store->compact();
  EXPECT_THAT(store->details(),
              ElementsAre(StartsWith("level 0: runs 0 tables 0 bytes 0 "),
                          AllOf(StartsWith("level 1: runs 1 tables 1 bytes "),
                                HasSubstr("read_amplification 1 "),
                                HasSubstr("space_amplification 1.0"))));
}

TEST_F(LsmCompaction, StatsTellLiveFromDeadInTablesAndLogs) {
  const auto store = writer();
  EXPECT_EQ(store->stats().keys, 0U);
  store->set("a", "1");
  const std::uint64_t one = store->stats().live_bytes;
  EXPECT_GT(one, 2U);
  EXPECT_EQ(store->stats().dead_bytes, 0U);
  store->set("a", "2");
  EXPECT_EQ(store->stats().keys, 1U);
  EXPECT_EQ(store->stats().live_bytes, one);
  EXPECT_EQ(store->stats().dead_bytes, one) << "the first entry of a";
  store->del("a");
  EXPECT_EQ(store->stats().keys, 0U);
  EXPECT_EQ(store->stats().live_bytes, 0U);
  write_table(*store, {{"b", "1"}, {"c", "1"}});
  write_table(*store, {{"b", "2"}});
  const Stats stats = store->stats();
  EXPECT_EQ(stats.keys, 2U);
  EXPECT_GT(stats.dead_bytes, 0U);
  EXPECT_EQ(stats.files, files().size());
  std::uint64_t disk_bytes = 0;
  for (const auto& [path, bytes] : disk.files()) disk_bytes += bytes.size();
  EXPECT_EQ(stats.disk_bytes, disk_bytes);
  const Stats other = reader()->stats();
  EXPECT_EQ(other.live_bytes, stats.live_bytes);
  EXPECT_EQ(other.dead_bytes, stats.dead_bytes);
  EXPECT_EQ(other.disk_bytes, stats.disk_bytes);
}

TEST_F(LsmCompaction, ADumpShowsTablesFromTheDeepestUpThenLogsThenNothingElse) {
  const auto store = writer();
  write_table(*store, {{"a", "1"}, {"b", "1"}});
  store->compact();
  write_table(*store, {{"a", "2"}});
  store->set("c", "3");
  store->del("b");
  std::vector<std::string> lines;
  const auto show = [&](const DumpRecord& record) {
    std::string key;
    for (const auto& [name, bytes] : record.fields) {
      if (name == "key" || name == "line") key = bytes;
    }
    lines.push_back(std::string(record.file) + " " +
                    std::string(name_of(record.state)) + " " + key);
  };
  store->dump("", show);
  EXPECT_THAT(lines, ElementsAre("4.sst dead a", "4.sst dead b", "6.sst live a",
                                 "5.log live c", "5.log tombstone b"));
  lines.clear();
  store->dump("5.log", show);
  EXPECT_THAT(lines, SizeIs(2));
  lines.clear();
  store->dump("MANIFEST", show);
  ASSERT_GT(lines.size(), 8U);
  EXPECT_EQ(lines[0], "MANIFEST live strata lsm manifest 1");
  EXPECT_EQ(lines[1], "MANIFEST live log 5");
  EXPECT_THROW(store->dump("1.log", show), InvalidInput);
}

}  // namespace
}  // namespace strata
