// 09_lsm_tree: what it costs, call by call. Blocks are not compressed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stages/09_lsm_tree/log.h"
#include "stages/09_lsm_tree/store.h"
#include "tests/stages/ledger_calls.h"
#include "tests/stages/lsm_fixture.h"
#include "tests/support.h"

namespace strata {
namespace {

using lsm::Batch;
using lsm::kLogHeaderBytes;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr std::uint64_t kValue = 100;
constexpr std::uint64_t kPiece = std::uint64_t{256} << 10;
constexpr std::uint64_t kBegin = kLogHeaderBytes + 16;  // of a log

class CostOfLsmTree : public LsmTreeTest {
 protected:
  CostOfLsmTree() {
    numbers["--memtable-bytes"] = std::uint64_t{1} << 30;
    numbers["--compression"] = 0;
    numbers["--block-bytes"] = 4096;
  }

  [[nodiscard]] std::unique_ptr<LsmTree> open(Mode mode) {
    return LsmTreeTest::open(mode, ledger);
  }

  template <typename Work>
  std::vector<LedgerEntry> calls_of(const Work& work) {
    return strata::calls_of(ledger, work);
  }

  // Each call and its file: "write db/1.log".
  static std::vector<std::string> names_of(
      const std::vector<LedgerEntry>& calls) {
    std::vector<std::string> names;
    for (const LedgerEntry& entry : calls) {
      names.push_back(std::string(name_of(entry.call)) + " " + entry.path);
    }
    return names;
  }

  static std::string key_of(int number) {
    return "key" + std::to_string(1'000'000 + number);
  }

  // Sets every `step`th of so many keys, and writes them out as one table.
  static void add_table(LsmTree& store, int count, int first = 0,
                        int step = 1) {
    for (int i = first; i < count; i += step) {
      store.set(key_of(i), std::string(kValue, 'v'));
    }
    store.write_memtable();
  }

  [[nodiscard]] std::uint64_t file_bytes(const std::string& name) const {
    return disk.files().at("db/" + name).size();
  }

  static std::uint64_t data_bytes(const lsm::Table& table) {
    const lsm::Place last = table.blocks().back().place;
    return last.offset + last.size;
  }

  Ledger ledger{disk};
};

// ---- Writing

TEST_F(CostOfLsmTree, ASetIsOneWriteOfItsKeyItsValueAndNineteenBytes) {
  const auto store = open(Mode::kWrite);
  store->set("first", "1");
  std::uint64_t end = file_bytes("1.log");
  EXPECT_EQ(end, kBegin + kLogHeaderBytes + 2 + 5 + 1);
  for (const std::uint64_t size : {0U, 1U, 100U, 126U}) {
    const auto calls =
        calls_of([&] { store->set("key", std::string(size, 'v')); });
    EXPECT_THAT(names_of(calls), ElementsAre("write db/1.log"));
    EXPECT_THAT(places_of(calls), ElementsAre(Pair(end, 19 + 3 + size)));
    end += 19 + 3 + size;
  }
  const auto calls = calls_of([&] { store->del("key"); });
  EXPECT_THAT(places_of(calls), ElementsAre(Pair(end, 19 + 3)));
}

TEST_F(CostOfLsmTree, ABatchIsOneWriteAndOneHeader) {
  const auto store = open(Mode::kWrite);
  store->set("first", "1");
  Batch batch;
  std::uint64_t bytes = kLogHeaderBytes;
  for (int i = 0; i < 100; ++i) {
    batch.set(key_of(i), std::string(kValue, 'v'));
    bytes += 2 + key_of(i).size() + kValue;
  }
  const auto calls = calls_of([&] { store->write(batch); });
  EXPECT_THAT(names_of(calls), ElementsAre("write db/1.log"));
  EXPECT_EQ(bytes_of(calls), bytes);
}

TEST_F(CostOfLsmTree, WithSyncAlwaysAWriteIsOneWriteAndOneSync) {
  sync = Sync::kAlways;
  const auto store = open(Mode::kWrite);
  store->set("first", "1");
  const auto set = calls_of([&] { store->set("city", "Rome"); });
  EXPECT_THAT(names_of(set), ElementsAre("write db/1.log", "sync db/1.log"));
  const auto del = calls_of([&] { store->del("city"); });
  EXPECT_THAT(names_of(del), ElementsAre("write db/1.log", "sync db/1.log"));
}

TEST_F(CostOfLsmTree, WhatIsInTheMemtableIsReadWithoutACall) {
  const auto store = open(Mode::kWrite);
  for (int i = 0; i < 100; ++i) store->set(key_of(i), "1");
  const auto calls = calls_of([&] {
    EXPECT_EQ(answer(*store, key_of(7)), "1");
    EXPECT_EQ(answer(*store, "absent"), std::nullopt);
    EXPECT_EQ(contents(*store).size(), 100U);
  });
  EXPECT_THAT(calls, IsEmpty());
}

// Four syncs: of the table, of the manifest, and of the directory before the
// manifest has its name and after.
TEST_F(CostOfLsmTree, AMemtableBecomesATableWithFourSyncs) {
  const auto store = open(Mode::kWrite);
  store->set("city", "Rome");
  auto calls = calls_of([&] { store->write_memtable(); });
  calls.erase(std::remove_if(calls.begin(), calls.end(),
                             [](const LedgerEntry& entry) {
                               return entry.call == Call::kSize ||
                                      entry.call == Call::kMode;
                             }),
              calls.end());
  EXPECT_THAT(
      names_of(calls),
      ElementsAre("open db/2.log", "open db/3.sst", "write db/3.sst",
                  "sync db/3.sst", "open db/3.sst", "read db/3.sst",
                  "read db/3.sst", "read db/3.sst", "open db/MANIFEST.writing",
                  "write db/MANIFEST.writing", "sync db/MANIFEST.writing",
                  "sync db", "rename db/MANIFEST.writing", "sync db",
                  "unlink db/1.log"));
  EXPECT_EQ(bytes_of(only(calls, Call::kWrite)),
            file_bytes("3.sst") + file_bytes("MANIFEST"));
  EXPECT_EQ(file_bytes("2.log"), 0U) << "it begins with its first batch";
  EXPECT_THAT(calls_of([&] { store->write_memtable(); }), IsEmpty())
      << "there is nothing in it";
}

TEST_F(CostOfLsmTree, ATableIsWrittenInPiecesOf256KibAndReadBackInThree) {
  const auto store = open(Mode::kWrite);
  for (int i = 0; i < 10'000; ++i) {
    store->set(key_of(i), std::string(kValue, 'v'));
  }
  const auto calls = calls_of([&] { store->write_memtable(); });
  const auto table = store->version()->tables().at(0);
  std::vector<LedgerEntry> writes;
  std::vector<LedgerEntry> reads;
  for (const LedgerEntry& entry : calls) {
    if (entry.path != table->path()) continue;
    if (entry.call == Call::kWrite) writes.push_back(entry);
    if (entry.call == Call::kRead) reads.push_back(entry);
  }
  Places pieces = {
      {0, 0}};  // each is full with the block that makes it 256 KiB
  for (std::size_t i = 0; i < table->blocks().size(); ++i) {
    pieces.back().second += table->blocks().place(i).size;
    if (pieces.back().second < kPiece) continue;
    pieces.emplace_back(table->blocks().end(i), 0);
  }
  pieces.back().second = table->size() - pieces.back().first;
  ASSERT_GT(pieces.size(), 3U);
  EXPECT_EQ(places_of(writes), pieces);
  ASSERT_THAT(reads, SizeIs(3));
  EXPECT_EQ(reads[0].bytes, lsm::kFooterBytes);
  EXPECT_EQ(bytes_of(reads), table->size() - data_bytes(*table));
}

// ---- Reading

TEST_F(CostOfLsmTree, AGetReadsExactlyOneBlockAndTheNextOneNone) {
  const auto store = open(Mode::kWrite);
  add_table(*store, 1000);
  const auto table = store->version()->tables().at(0);
  const lsm::Place place =
      table->blocks().place(table->blocks().block_of(key_of(501)));
  const auto first =
      calls_of([&] { EXPECT_TRUE(answer(*store, key_of(501))); });
  EXPECT_THAT(names_of(first), ElementsAre("read db/3.sst"));
  EXPECT_THAT(places_of(first), ElementsAre(Pair(place.offset, place.size)));
  const auto second = calls_of([&] {
    EXPECT_TRUE(answer(*store, key_of(501)));
    EXPECT_TRUE(answer(*store, key_of(502))) << "in the same block";
  });
  EXPECT_THAT(second, IsEmpty()) << "the cache has it";
}

TEST_F(CostOfLsmTree, WithoutACacheEachGetReadsItsBlock) {
  numbers["--cache-bytes"] = 0;
  const auto store = open(Mode::kWrite);
  add_table(*store, 1000);
  for (int i = 0; i < 3; ++i) {
    const auto calls =
        calls_of([&] { EXPECT_TRUE(answer(*store, key_of(501))); });
    EXPECT_THAT(names_of(calls), ElementsAre("read db/3.sst"));
  }
}

// Three tables with every third key each: whatever key is asked for, each of
// them has its place.
TEST_F(CostOfLsmTree, AGetReadsOnlyOfTheTableThatHasItsKey) {
  constexpr int kTables = 3;
  const auto store = open(Mode::kWrite);
  for (int i = 0; i < kTables; ++i) add_table(*store, 1000, i, kTables);
  const auto expect_read = [&](int number, const char* read,
                               std::uint64_t asked) {
    const std::uint64_t before = store->filter_counts().asked;
    const auto calls =
        calls_of([&] { EXPECT_TRUE(answer(*store, key_of(number))); });
    EXPECT_THAT(names_of(calls), ElementsAre(read));
    EXPECT_EQ(store->filter_counts().asked - before, asked)
        << "the newest first";
  };
  expect_read(501, "read db/3.sst", 3);
  expect_read(532, "read db/5.sst", 2);
  expect_read(563, "read db/7.sst", 1);
}

TEST_F(CostOfLsmTree, AMissCostsHardlyAnyReadWithFiltersAndOneATableWithout) {
  constexpr int kTables = 3;
  constexpr int kMisses = 100;
  for (const std::uint64_t bits : {10U, 0U}) {
    numbers["--bloom-bits"] = bits;
    numbers["--cache-bytes"] = 0;
    MemoryOs own;
    Ledger watched(own);
    const auto store = LsmTreeTest::open(Mode::kWrite, watched);
    for (int i = 0; i < kTables; ++i) add_table(*store, 1000, i, kTables);
    const auto calls = strata::calls_of(watched, [&] {
      for (int i = 0; i < kMisses; ++i) {
        EXPECT_FALSE(answer(*store, key_of(5 * i + 10) + "?"));
      }
    });
    EXPECT_EQ(only(calls, Call::kRead).size(), calls.size()) << "reads alone";
    const auto counts = store->filter_counts();
    EXPECT_EQ(counts.asked, std::uint64_t{kTables * kMisses});
    EXPECT_EQ(calls.size(), counts.erred);
    if (bits == 0) {
      EXPECT_EQ(counts.erred, counts.asked);
    } else {
      EXPECT_LT(counts.erred, 10U);
    }
  }
}

TEST_F(CostOfLsmTree, AKeyThatHasNoPlaceInATableCostsNotEvenAFilter) {
  const auto store = open(Mode::kWrite);
  add_table(*store, 100);
  add_table(*store, 300, 200);
  const auto calls = calls_of([&] {
    EXPECT_EQ(answer(*store, "a: less than all"), std::nullopt);
    EXPECT_EQ(answer(*store, key_of(150)), std::nullopt) << "between the two";
    EXPECT_EQ(answer(*store, "z: greater than all"), std::nullopt);
  });
  EXPECT_THAT(calls, IsEmpty());
  EXPECT_EQ(store->filter_counts().asked, 0U);
}

TEST_F(CostOfLsmTree, ATombstoneInANewerTableSparesTheOlderOnes) {
  const auto store = open(Mode::kWrite);
  add_table(*store, 100);
  store->del(key_of(50));
  store->write_memtable();
  const auto calls =
      calls_of([&] { EXPECT_EQ(answer(*store, key_of(50)), std::nullopt); });
  EXPECT_THAT(names_of(calls), ElementsAre("read db/5.sst"));
}

TEST_F(CostOfLsmTree, AnOpenReadsTheManifestTheLogAndNoDataBlock) {
  constexpr std::uint64_t kTables = 5;
  std::uint64_t expected = 0;
  {
    const auto store = open(Mode::kWrite);
    for (int i = 0; i < static_cast<int>(kTables); ++i) {
      add_table(*store, 1000, i, kTables);
    }
    store->set("more", "1");
    for (const auto& table : store->version()->tables()) {
      expected += table->size() - data_bytes(*table);
    }
  }
  expected += file_bytes("MANIFEST") + file_bytes(files_that(is_log).at(0));
  for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
    const auto calls = calls_of([&] { (void)open(mode); });
    const auto reads = only(calls, Call::kRead);
    EXPECT_EQ(reads.size(), 3 * kTables + 2) << "footer, index and filter";
    EXPECT_EQ(bytes_of(reads), expected);
    EXPECT_THAT(only(calls, Call::kWrite), IsEmpty());
    EXPECT_THAT(only(calls, Call::kSync), IsEmpty());
  }
}

TEST_F(CostOfLsmTree, AScanReadsEachBlockOnceAndLongStretchesAtATime) {
  constexpr int kMany = 20'000;
  const auto store = open(Mode::kWrite);
  add_table(*store, kMany, 0, 2);
  add_table(*store, kMany, 1, 2);
  int told = 0;
  const auto calls = calls_of([&] {
    store->scan("", "", [&](std::string_view, std::string_view) { ++told; });
  });
  EXPECT_EQ(told, kMany);
  EXPECT_EQ(only(calls, Call::kRead).size(), calls.size()) << "reads alone";
  std::uint64_t blocks = 0;
  for (const auto& table : store->version()->tables()) {
    expect_each_byte_once(calls, table->path(), data_bytes(*table));
    blocks += table->blocks().size();
  }
  EXPECT_LT(calls.size() * 10, blocks);
  for (const LedgerEntry& read : calls) EXPECT_LE(read.bytes, kPiece);
}

TEST_F(CostOfLsmTree, AScanOfARangeReadsNoBlockThatIsBeforeOrFarBehindIt) {
  const auto store = open(Mode::kWrite);
  add_table(*store, 20'000);
  const auto& blocks = store->version()->tables().at(0)->blocks();
  const std::size_t first = blocks.size() / 2;
  const auto calls = calls_of([&] {
    store->scan(blocks[first].first_key, blocks[first + 1].first_key,
                [](std::string_view, std::string_view) {});
  });
  ASSERT_THAT(calls, SizeIs(2)) << "the block behind has the end of the range";
  EXPECT_EQ(calls[0].offset, blocks[first].place.offset);
  EXPECT_EQ(calls[0].bytes, blocks[first].place.size);
  EXPECT_EQ(calls[1].offset, blocks[first + 1].place.offset);
  EXPECT_EQ(calls[1].bytes, blocks[first + 1].place.size);
}

// ---- Merging

TEST_F(CostOfLsmTree, AMergeReadsEachInputBlockOnceAndWritesItsOutputOnce) {
  constexpr int kMany = 20'000;
  numbers["--table-bytes"] = std::uint64_t{1} << 30;
  const auto store = open(Mode::kWrite);
  for (int i = 0; i < 4; ++i) add_table(*store, kMany, i % 2, 2);  // each twice
  std::map<std::string, std::uint64_t> inputs;
  for (const auto& table : store->version()->tables()) {
    inputs[table->path()] = data_bytes(*table);
  }
  const auto calls = calls_of([&] { store->compact(); });
  const auto reads = only(calls, Call::kRead);
  for (const auto& [path, bytes] : inputs) {
    expect_each_byte_once(reads, path, bytes);
  }
  const auto tables = store->version()->tables();
  ASSERT_THAT(tables, SizeIs(1));
  const auto writes = only(calls, Call::kWrite);
  expect_each_byte_once(writes, tables[0]->path(), tables[0]->size());
  EXPECT_EQ(bytes_of(writes), tables[0]->size() + file_bytes("MANIFEST"));
  EXPECT_THAT(only(calls, Call::kSync), SizeIs(4));
  EXPECT_EQ(std::count_if(calls.begin(), calls.end(),
                          [](const LedgerEntry& entry) {
                            return std::string(name_of(entry.call)) == "unlink";
                          }),
            4);
  EXPECT_EQ(store->stats().keys, static_cast<std::uint64_t>(kMany));
}

TEST_F(CostOfLsmTree, TablesThatOverlapNothingAreMovedByTheManifestAlone) {
  {
    const auto store = open(Mode::kWrite);
    add_table(*store, 1000);
    add_table(*store, 3000, 2000);
  }
  numbers["--level-runs"] = 2;
  std::unique_ptr<LsmTree> store;
  auto calls = calls_of([&] {
    store = open(Mode::kWrite);  // a merge is due, and begins
    store->settle();
  });
  EXPECT_EQ(shape_of(*store), "1: 1 2");
  for (const LedgerEntry& read : only(calls, Call::kRead)) {
    EXPECT_STRNE(read.why, "merge");
  }
  EXPECT_THAT(names_of(only(calls, Call::kWrite)),
              ElementsAre("write db/MANIFEST.writing"));
  EXPECT_THAT(only(calls, Call::kSync), SizeIs(3));
}

TEST_F(CostOfLsmTree, IndexAndFilterTakeAKeyABlockAndTenBitsAKey) {
  const auto store = open(Mode::kWrite);
  add_table(*store, 20'000);
  const auto table = store->version()->tables().at(0);
  constexpr std::uint64_t kFilter = (20'000 * 10 + 511) / 512 * 64;
  const std::uint64_t index = store->stats().index_bytes - kFilter;
  const std::uint64_t blocks = table->blocks().size();
  EXPECT_EQ(index, blocks * (3 * sizeof(std::uint64_t) + key_of(0).size()));
}

}  // namespace
}  // namespace strata
