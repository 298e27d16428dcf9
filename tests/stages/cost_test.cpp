// What the book says each design costs, in exact numbers of calls and bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/text/text_reader.h"
#include "stages/03_hash_index/store.h"
#include "stages/08_sstables/memtable.h"
#include "stages/08_sstables/store.h"
#include "stages/08_sstables/table.h"
#include "stages/09_lsm_tree/log.h"
#include "tests/stages/ledger_calls.h"
#include "tests/support.h"

namespace strata {
namespace {

// 1,000 keys k000 … k999, written in that order, values of 100 bytes. What is
// not logged is written out when its store is closed: as one sorted table. What
// is logged and sorted is compacted, to be one, too.
constexpr int kKeys = 1000;
constexpr std::uint64_t kValue = 100;
constexpr std::uint64_t kTextRecord = 4 + kValue + 2;
constexpr std::uint64_t kBinaryRecord = 4 + kValue + 14;
// A batch of one entry: header, two varints, key and value.
constexpr std::uint64_t kBatch = lsm::kLogHeaderBytes + 2 + 4 + kValue;
constexpr std::uint64_t kInMemtable =
    4 + kValue + sstables::Memtable::kNodeBytes;
// A block ends behind 4 KiB: with its last entry and what stands around them.
constexpr std::uint64_t kBlockAtMost = 4096 + 4 + kValue + 100;

std::string key_of(int number) {
  const std::string digits = std::to_string(1000 + number);
  return "k" + digits.substr(1);
}

class Cost : public EveryStage {
 protected:
  // The calls that `work` makes.
  template <typename Work>
  Totals totals_of(const Work& work) {
    ledger.clear();
    work();
    return ledger.totals();
  }

  [[nodiscard]] bool is(std::string_view name) const {
    return stage().name == name;
  }

  // Whether the place of every record is in memory; in a sorted file that of
  // every block is enough.
  [[nodiscard]] bool has_keydir() const {
    return stage().checksums && !stage().scans && !stage().sorts;
  }

  // Whether filters tell of most keys that they are not there.
  [[nodiscard]] bool has_filters() const {
    return stage().sorts && stage().logs;
  }

  [[nodiscard]] std::uint64_t record_bytes() const {
    if (has_filters()) return kBatch;
    return stage().checksums ? kBinaryRecord : kTextRecord;
  }

  void fill() {
    numbers["--slots"] = 1'000'000;
    const auto store = writer();
    for (int i = 0; i < kKeys; ++i) {
      store->set(key_of(i), std::string(kValue, 'v'));
    }
    if (has_filters()) store->compact();
  }

  // What one get costs in a store that was opened before.
  Totals cost_of_get(std::string_view key, bool found) {
    const auto store = reader();
    return totals_of(
        [&] { EXPECT_EQ(answer(*store, key).has_value(), found); });
  }
};

STRATA_FOR_EVERY_STAGE(Cost);

// Without a log it is no call at all.
TEST_P(Cost, ASetIsOneWriteOfExactlyOneRecordAndNoRead) {
  numbers["--slots"] = 1'000'000;
  const auto store = writer();
  const std::string value(kValue, 'v');
  store->set("first", value);  // which may make a file
  for (int i = 0; i < 10; ++i) {
    const Totals totals = totals_of([&] { store->set(key_of(i), value); });
    EXPECT_EQ(totals.writes.calls, stage().logs ? 1U : 0U);
    EXPECT_EQ(totals.writes.bytes, stage().logs ? record_bytes() : 0U);
    EXPECT_EQ(totals.reads.calls, 0U);
    EXPECT_EQ(totals.syncs.calls, 0U);
    EXPECT_EQ(totals.opens.calls, 0U);
    EXPECT_EQ(totals.others.calls, 0U);
  }
}

// Without a log the write is a file of its own, and the directory is synced,
// too: its name is new each time.
TEST_P(Cost, WithSyncAlwaysASetIsOneWriteAndOneSync) {
  Options options;
  options.directory = "db";
  options.mode = Mode::kWrite;
  options.sync = Sync::kAlways;
  options.os = &ledger;
  const auto store = stage().open(options);
  store->set("river", "Tiber");  // which may make a file
  const Totals totals = totals_of([&] { store->set("city", "Rome"); });
  EXPECT_EQ(totals.writes.calls, 1U);
  EXPECT_EQ(totals.syncs.calls, stage().logs ? 1U : 2U);
}

TEST_P(Cost, AGetOfTheKeyWrittenFirst) {
  fill();
  const Totals totals = cost_of_get(key_of(0), true);
  constexpr std::uint64_t kFile = kKeys * kTextRecord;
  if (is("01_scan_log")) {
    EXPECT_EQ(totals.reads.bytes, kFile + kValue) << "the file, then the value";
  } else if (is("02_reverse_scan")) {
    EXPECT_EQ(totals.reads.bytes, kFile);
  } else if (is("03_hash_index")) {
    EXPECT_EQ(totals.reads.calls, 1U);
    EXPECT_EQ(totals.reads.bytes, HashIndex::kReadBytes);
  } else if (has_keydir()) {
    EXPECT_EQ(totals.reads.calls, 1U);
    EXPECT_EQ(totals.reads.bytes, kBinaryRecord) << "exactly the record";
  } else if (stage().sorts) {
    EXPECT_EQ(totals.reads.calls, 1U) << "one block";
    EXPECT_LE(totals.reads.bytes, kBlockAtMost);
  }
}

TEST_P(Cost, AGetOfTheKeyWrittenLast) {
  fill();
  const Totals totals = cost_of_get(key_of(kKeys - 1), true);
  if (is("01_scan_log")) {
    EXPECT_EQ(totals.reads.bytes, kKeys * kTextRecord + kValue);
  } else if (is("02_reverse_scan")) {
    EXPECT_EQ(totals.reads.calls, 1U) << "one block";
    EXPECT_EQ(totals.reads.bytes, 64U * 1024);
  } else if (is("03_hash_index")) {
    EXPECT_EQ(totals.reads.calls, 1U);
    EXPECT_EQ(totals.reads.bytes, kTextRecord) << "the file ends there";
  } else if (has_keydir()) {
    EXPECT_EQ(totals.reads.calls, 1U);
    EXPECT_EQ(totals.reads.bytes, kBinaryRecord);
  } else if (stage().sorts) {
    EXPECT_EQ(totals.reads.calls, 1U) << "one block";
    EXPECT_LE(totals.reads.bytes, kBlockAtMost);
  }
}

TEST_P(Cost, AGetOfAKeyThatIsNotThere) {
  fill();
  const Totals totals = cost_of_get("k000 and more", false);
  if (has_filters()) {
    EXPECT_EQ(totals.reads.calls, 0U);
    EXPECT_EQ(totals.opens.calls, 0U);
    EXPECT_EQ(totals.others.calls, 0U);
  } else if (stage().sorts) {
    EXPECT_EQ(totals.reads.calls, 1U) << "the block where it would be";
    EXPECT_LE(totals.reads.bytes, kBlockAtMost);
    EXPECT_EQ(totals.opens.calls, 0U);
    EXPECT_EQ(totals.others.calls, 0U);
  } else if (stage().scans) {
    EXPECT_EQ(totals.reads.bytes, kKeys * kTextRecord) << "everything";
  } else if (has_keydir()) {
    EXPECT_EQ(totals.reads.calls, 0U);
    EXPECT_EQ(totals.opens.calls, 0U);
    EXPECT_EQ(totals.others.calls, 0U) << "no system call at all";
  }
}

// The index of each segment is asked, newest first, until one knows the key. A
// sparse one knows without a read only that a key is less than all of a table's.
TEST_P(Cost, AGetAmongManySegmentsAsksTheIndexesOfTheNewerOnes) {
  if (!is("05_segments") && !is("06_compaction") && !stage().sorts) {
    GTEST_SKIP() << "one index for the whole store";
  }
  if (has_filters()) GTEST_SKIP() << "filters are asked: see lsm_cost_test";
  constexpr std::uint64_t kSegments = 100;
  numbers["--segment-bytes"] =
      kKeys / kSegments * (stage().sorts ? kInMemtable : kBinaryRecord);
  numbers["--merge-tables"] = 1'000'000;  // none are merged
  fill();
  const auto store = reader();
  EXPECT_EQ(store->stats().files, kSegments);
  const auto probes_of = [&](std::string_view key) {
    const std::uint64_t before = store->index_probes();
    (void)answer(*store, key);
    return store->index_probes() - before;
  };
  EXPECT_EQ(probes_of(key_of(kKeys - 1)), 1U) << "in the newest";
  EXPECT_EQ(probes_of(key_of(0)), kSegments) << "in the oldest";
  const Totals miss =
      totals_of([&] { EXPECT_EQ(probes_of("absent"), kSegments); });
  EXPECT_EQ(miss.reads.calls + miss.opens.calls + miss.others.calls, 0U);
}

TEST_P(Cost, OpeningReadsNothingOrEachByteOnce) {
  fill();
  const Totals totals = totals_of([&] { (void)reader(); });
  if (stage().scans) {
    EXPECT_EQ(totals.reads.calls, 0U);
  } else if (stage().sorts) {
    EXPECT_EQ(totals.reads.calls, has_filters() ? 4U : 2U)
        << "the footer, then the sparse index; the manifest and the filter";
    EXPECT_LT(totals.reads.bytes, kKeys * 4U) << "less than all keys are long";
  } else if (is("03_hash_index")) {
    // A slot that is taken already costs a look at the key that took it.
    std::uint64_t scanned = 0;
    for (const LedgerEntry& entry : ledger.entries()) {
      if (entry.why == std::string_view("rebuild the index")) {
        scanned += entry.bytes;
      }
    }
    EXPECT_EQ(scanned, kKeys * kTextRecord);
  } else if (is("07_bitcask")) {
    constexpr std::uint64_t kHint = 4 + 18;
    EXPECT_EQ(totals.reads.bytes, kKeys * kHint + 18) << "hints and no value";
    EXPECT_EQ(totals.reads.calls, 1U);
  } else if (has_keydir()) {
    EXPECT_EQ(totals.reads.bytes, kKeys * kBinaryRecord);
    EXPECT_EQ(totals.reads.calls, 1U) << "118,000 bytes fit in one block";
  }
}

TEST_P(Cost, OpeningForReadingAsksForNoLockAndWritesNothing) {
  fill();
  ledger.clear();
  (void)reader();
  for (const LedgerEntry& entry : ledger.entries()) {
    EXPECT_TRUE(entry.call == Call::kOpen || entry.call == Call::kSize ||
                entry.call == Call::kMode || entry.call == Call::kList ||
                entry.call == Call::kRead)
        << name_of(entry.call);
  }
}

// In a sorted file they are neighbours: of the range one block is read.
TEST_P(Cost, AScanReadsEveryRecordOfTheRangeByItself) {
  fill();
  const auto store = reader();
  const Totals totals = totals_of([&] {
    store->scan(key_of(10), key_of(20),
                [](std::string_view, std::string_view) {});
  });
  if (has_keydir()) {
    EXPECT_EQ(totals.reads.calls, 10U);
    EXPECT_EQ(totals.reads.bytes, 10 * kBinaryRecord);
  } else if (stage().sorts) {
    EXPECT_EQ(totals.reads.calls, 1U);
    EXPECT_LE(totals.reads.bytes, kBlockAtMost);
  } else {
    EXPECT_EQ(totals.reads.bytes, kKeys * kTextRecord + 10 * kValue);
  }
}

TEST_P(Cost, MemoryOfTheIndex) {
  fill();
  const std::uint64_t bytes = reader()->stats().index_bytes;
  if (stage().scans) {
    EXPECT_EQ(bytes, 0U);
  } else if (is("03_hash_index")) {
    EXPECT_EQ(bytes, 8U * 1'000'000) << "8 bytes a slot, whatever the keys are";
  } else if (has_keydir()) {
    EXPECT_GE(bytes, kKeys * (4U + 16)) << "at least key, offset and size";
    EXPECT_LE(bytes, kKeys * 100U);
  } else if (stage().sorts) {
    EXPECT_GT(bytes, 0U);
    EXPECT_LT(bytes, kKeys * 4U) << "less than the keys alone: it is sparse";
  }
}

TEST(CostOfAHashIndex, MemoryDoesNotDependOnTheLengthOfTheKeys) {
  std::uint64_t bytes[2] = {};
  for (const std::size_t longer : {0U, 1U}) {
    MemoryOs disk;
    Options options;
    options.directory = "db";
    options.mode = Mode::kWrite;
    options.os = &disk;
    options.numbers["--slots"] = 500;
    HashIndex store(options);
    for (int i = 0; i < 100; ++i) {
      store.set(std::string(longer * 1000, 'k') + std::to_string(i), "v");
    }
    bytes[longer] = store.stats().index_bytes;
  }
  EXPECT_EQ(bytes[0], 4000U);
  EXPECT_EQ(bytes[1], bytes[0]);
}

// What stage 08 costs, call by call. Blocks are not compressed, and nothing is
// merged that is not told to be.
class CostOfSortedTables : public testing::Test {
 protected:
  static constexpr std::uint64_t kPiece = std::uint64_t{256} << 10;

  [[nodiscard]] std::unique_ptr<Store> open(Mode mode,
                                            Sync sync = Sync::kNever) {
    return stage_08_sstables().open(options(mode, sync));
  }

  [[nodiscard]] Options options(Mode mode, Sync sync = Sync::kNever) {
    Options made;
    made.directory = "db";
    made.mode = mode;
    made.sync = sync;
    made.os = &ledger;
    made.numbers = {{"--memtable-bytes", std::uint64_t{1} << 30},
                    {"--compression", 0},
                    {"--merge-tables", 1'000'000}};
    return made;
  }

  // Sets every `step`th of so many keys, and writes them out as one table.
  static void add_table(Store& store, int count, int first = 0, int step = 1) {
    for (int i = first; i < count; i += step) {
      store.set(long_key_of(i), std::string(kValue, 'v'));
    }
    store.flush();
  }

  static std::string long_key_of(int number) {
    return "key" + std::to_string(1'000'000 + number);
  }

  template <typename Work>
  std::vector<LedgerEntry> calls_of(const Work& work) {
    return strata::calls_of(ledger, work);
  }

  // The blocks of a table, read past the ledger.
  std::vector<sstables::Table::Block> blocks_of(sstables::TableRange range) {
    Options past = options(Mode::kRead);
    past.os = &disk;
    FileCache files(disk);
    return sstables::Table(past, files, range).blocks();
  }

  static std::uint64_t data_bytes(
      const std::vector<sstables::Table::Block>& blocks) {
    return blocks.back().offset + blocks.back().size;
  }

  [[nodiscard]] std::uint64_t file_bytes(const std::string& name) {
    return disk.files().at("db/" + name).size();
  }

  // In which pieces a table is to be written: one is full with the block that
  // brings it to 256 KiB; the last holds what is left, the index and the footer.
  Places pieces_of(sstables::TableRange range) {
    Places pieces = {{0, 0}};
    for (const auto& block : blocks_of(range)) {
      pieces.back().second += block.size;
      if (pieces.back().second < kPiece) continue;
      pieces.emplace_back(block.offset + block.size, 0);
    }
    pieces.back().second = file_bytes(range.name()) - pieces.back().first;
    return pieces;
  }

  MemoryOs disk;
  Ledger ledger{disk};
};

using testing::ElementsAre;

TEST_F(CostOfSortedTables, SetsGetsAndDeletesWithinTheMemtableMakeNoCall) {
  const auto store = open(Mode::kWrite);
  const auto calls = calls_of([&] {
    for (int i = 0; i < kKeys; ++i) {
      store->set(key_of(i), std::string(kValue, 'v'));
    }
    store->del(key_of(0));
    EXPECT_EQ(answer(*store, key_of(0)), std::nullopt);
    EXPECT_EQ(answer(*store, key_of(1)), std::string(kValue, 'v'));
    EXPECT_EQ(answer(*store, "absent"), std::nullopt);
  });
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(store->index_probes(), 0U) << "there is no table to be asked";
}

TEST_F(CostOfSortedTables, AMemtableIsWrittenInPiecesOf256KibAndReadBackInTwo) {
  constexpr int kMany = 10'000;
  const auto store = open(Mode::kWrite);
  for (int i = 0; i < kMany; ++i) {
    store->set(long_key_of(i), std::string(kValue, 'v'));
  }
  const auto calls = calls_of([&] { store->flush(); });
  const auto blocks = blocks_of({1, 1});
  const auto writes = only(calls, Call::kWrite);
  ASSERT_GT(writes.size(), 3U);
  EXPECT_EQ(places_of(writes), pieces_of({1, 1}));
  const auto reads = only(calls, Call::kRead);
  ASSERT_EQ(reads.size(), 2U);
  EXPECT_EQ(reads[0].bytes, sstables::kFooterBytes);
  EXPECT_EQ(reads[1].offset, data_bytes(blocks));
  EXPECT_EQ(reads[1].bytes, reads[0].offset - data_bytes(blocks));
  EXPECT_EQ(only(calls, Call::kRename).size(), 1U);
  EXPECT_TRUE(only(calls, Call::kSync).empty());
}

TEST_F(CostOfSortedTables, AFlushOfNothingMakesNoCall) {
  const auto store = open(Mode::kWrite);
  add_table(*store, kKeys);
  EXPECT_TRUE(calls_of([&] { store->flush(); }).empty());
}

TEST_F(CostOfSortedTables, WithSyncAlwaysASetIsAFileThatIsSyncedAndThenNamed) {
  const auto store = open(Mode::kWrite, Sync::kAlways);
  store->set("river", "Tiber");
  const auto calls = calls_of([&] { store->set("city", "Rome"); });
  const std::set<Call> kinds = {Call::kWrite, Call::kSync, Call::kRename,
                                Call::kRemove, Call::kTruncate};
  std::vector<std::string> changes;
  for (const LedgerEntry& entry : calls) {
    if (kinds.count(entry.call) == 0) continue;
    changes.push_back(std::string(name_of(entry.call)) + " " + entry.path);
  }
  EXPECT_THAT(changes,
              ElementsAre("write db/2-2.sst.writing", "sync db/2-2.sst.writing",
                          "rename db/2-2.sst.writing", "sync db"));
  EXPECT_EQ(bytes_of(only(calls, Call::kWrite)), file_bytes("2-2.sst"));
  EXPECT_EQ(only(calls, Call::kRead).size(), 2U) << "footer and index";
}

// Three tables with every third key each: whatever key is asked for, there is a
// block in each where it must be.
TEST_F(CostOfSortedTables, AGetReadsExactlyOneBlockOfEachTableThatItAsks) {
  constexpr int kTables = 3;
  {
    const auto store = open(Mode::kWrite);
    for (int i = 0; i < kTables; ++i) add_table(*store, kKeys, i, kTables);
  }
  const auto store = open(Mode::kRead);
  // The tables that a get reads, and that it reads a block of each.
  const auto read_by = [&](const std::string& key, bool is_there) {
    const std::uint64_t before = store->index_probes();
    const auto calls =
        calls_of([&] { EXPECT_EQ(answer(*store, key).has_value(), is_there); });
    EXPECT_EQ(only(calls, Call::kRead).size(), calls.size()) << "reads alone";
    EXPECT_EQ(store->index_probes() - before, calls.size());
    std::vector<std::string> paths;
    for (const LedgerEntry& read : calls) {
      paths.push_back(read.path);
      const std::uint64_t number = number_of_file(read.path);
      const auto blocks = blocks_of({number, number});
      EXPECT_EQ(std::count_if(blocks.begin(), blocks.end(),
                              [&](const auto& block) {
                                return block.offset == read.offset &&
                                       block.size == read.bytes;
                              }),
                1)
          << read.path << " at " << read.offset;
    }
    return paths;
  };
  EXPECT_THAT(read_by(long_key_of(501), true),
              ElementsAre("db/3-3.sst", "db/2-2.sst", "db/1-1.sst"));
  EXPECT_THAT(read_by(long_key_of(502), true),
              ElementsAre("db/3-3.sst", "db/2-2.sst"));
  EXPECT_THAT(read_by(long_key_of(503), true), ElementsAre("db/3-3.sst"));
  EXPECT_THAT(read_by(long_key_of(503) + "?", false),
              ElementsAre("db/3-3.sst", "db/2-2.sst", "db/1-1.sst"));
  EXPECT_THAT(read_by("z: greater than all", false),
              ElementsAre("db/3-3.sst", "db/2-2.sst", "db/1-1.sst"));
}

TEST_F(CostOfSortedTables, AKeyThatIsLessThanAllOfATablesCostsNoReadThere) {
  const auto store = open(Mode::kWrite);
  add_table(*store, 100);
  add_table(*store, 300, 200);
  const auto calls = calls_of(
      [&] { EXPECT_EQ(answer(*store, "a: less than all"), std::nullopt); });
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(store->index_probes(), 2U) << "they are asked all the same";
  const auto found =
      calls_of([&] { EXPECT_TRUE(answer(*store, long_key_of(50))); });
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, "db/1-1.sst");
}

TEST_F(CostOfSortedTables, ATombstoneInANewerTableSparesTheOlderOnes) {
  const auto store = open(Mode::kWrite);
  add_table(*store, 100);
  store->del(long_key_of(50));
  store->flush();
  const auto calls = calls_of(
      [&] { EXPECT_EQ(answer(*store, long_key_of(50)), std::nullopt); });
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].path, "db/2-2.sst");
}

TEST_F(CostOfSortedTables, AnOpenReadsFooterAndIndexOfEachTable) {
  constexpr int kTables = 5;
  {
    const auto store = open(Mode::kWrite);
    for (int i = 0; i < kTables; ++i) add_table(*store, kKeys, i, kTables);
  }
  for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
    const auto calls = calls_of([&] { (void)open(mode); });
    const auto reads = only(calls, Call::kRead);
    ASSERT_EQ(reads.size(), 2U * kTables);
    std::uint64_t expected = 0;
    for (std::uint64_t i = 1; i <= kTables; ++i) {
      const sstables::TableRange range{i, i};
      expected += file_bytes(range.name()) - data_bytes(blocks_of(range));
    }
    EXPECT_EQ(bytes_of(reads), expected) << "no data block";
    EXPECT_TRUE(only(calls, Call::kWrite).empty());
  }
}

TEST_F(CostOfSortedTables, AScanReadsEachBlockOnceAndLongStretchesAtATime) {
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
  for (const sstables::TableRange range :
       {sstables::TableRange{1, 1}, {2, 2}}) {
    expect_each_byte_once(calls, "db/" + range.name(),
                          data_bytes(blocks_of(range)));
    blocks += blocks_of(range).size();
  }
  EXPECT_LT(calls.size() * 10, blocks);
  for (const LedgerEntry& read : calls) EXPECT_LE(read.bytes, kPiece);
}

TEST_F(CostOfSortedTables, AScanOfARangeReadsNoBlockThatIsBeforeOrBehindIt) {
  constexpr int kMany = 20'000;
  const auto store = open(Mode::kWrite);
  add_table(*store, kMany);
  const auto blocks = blocks_of({1, 1});
  const std::size_t first = blocks.size() / 2;
  const auto calls = calls_of([&] {
    store->scan(blocks[first].first_key, blocks[first + 1].first_key,
                [](std::string_view, std::string_view) {});
  });
  // The block behind it holds the first key that is no longer in the range.
  ASSERT_FALSE(calls.empty());
  EXPECT_EQ(calls[0].offset, blocks[first].offset);
  EXPECT_EQ(calls[0].bytes, blocks[first].size);
  EXPECT_LE(bytes_of(calls), 4 * kBlockAtMost);
}

TEST_F(CostOfSortedTables,
       AMergeReadsEachInputBlockOnceAndWritesItsOutputOnce) {
  constexpr int kMany = 20'000;
  constexpr std::uint64_t kTables = 4;
  const auto store = open(Mode::kWrite);
  for (std::uint64_t i = 0; i < kTables; ++i) {
    add_table(*store, kMany, static_cast<int>(i % 2), 2);  // each key twice
  }
  std::map<std::string, std::uint64_t> inputs;
  for (std::uint64_t i = 1; i <= kTables; ++i) {
    const sstables::TableRange range{i, i};
    inputs["db/" + range.name()] = data_bytes(blocks_of(range));
  }
  const auto calls = calls_of([&] { store->compact(); });
  const auto reads = only(calls, Call::kRead);
  for (const auto& [path, bytes] : inputs) {
    expect_each_byte_once(reads, path, bytes);
  }
  const std::uint64_t size = file_bytes("1-4.sst");
  const auto writes = only(calls, Call::kWrite);
  expect_each_byte_once(writes, "db/1-4.sst.writing", size);
  EXPECT_EQ(bytes_of(writes), size);
  EXPECT_EQ(places_of(writes), pieces_of({1, kTables}));
  // Of its output only what an open reads.
  EXPECT_EQ(std::count_if(reads.begin(), reads.end(),
                          [](const LedgerEntry& read) {
                            return read.path == "db/1-4.sst";
                          }),
            2);
  EXPECT_EQ(only(calls, Call::kSync).size(), 2U) << "the file, the directory";
  EXPECT_EQ(only(calls, Call::kRemove).size(), kTables);
  EXPECT_EQ(store->stats().keys, static_cast<std::uint64_t>(kMany));
}

TEST_F(CostOfSortedTables, TheIndexHasAnEntryForEachBlockWhateverTheKeysAre) {
  const auto store = open(Mode::kWrite);
  add_table(*store, 20'000);
  const auto blocks = blocks_of({1, 1});
  const std::uint64_t bytes = store->stats().index_bytes;
  EXPECT_GE(bytes, blocks.size() * (sizeof(blocks[0]) + 10));
  EXPECT_LE(bytes, 2 * blocks.size() * (sizeof(blocks[0]) + 10));
  EXPECT_LT(bytes, 20'000U * 5) << "less than five bytes a key";
}

}  // namespace
}  // namespace strata
