// What the book says each design costs, in exact numbers of calls and bytes.
#include <gtest/gtest.h>

#include <string>

#include "common/text/text_reader.h"
#include "stages/03_hash_index/store.h"
#include "tests/support.h"

namespace strata {
namespace {

// 1,000 keys k000 … k999, written in that order, values of 100 bytes.
constexpr int kKeys = 1000;
constexpr std::uint64_t kValue = 100;
constexpr std::uint64_t kTextRecord = 4 + kValue + 2;
constexpr std::uint64_t kBinaryRecord = 4 + kValue + 14;

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

  // Whether the place of every record is in memory.
  [[nodiscard]] bool has_keydir() const {
    return stage().checksums && !stage().scans;
  }

  [[nodiscard]] std::uint64_t record_bytes() const {
    return stage().checksums ? kBinaryRecord : kTextRecord;
  }

  void fill() {
    numbers["--slots"] = 1'000'000;
    const auto store = writer();
    for (int i = 0; i < kKeys; ++i) {
      store->set(key_of(i), std::string(kValue, 'v'));
    }
  }

  // What one get costs in a store that was opened before.
  Totals cost_of_get(std::string_view key, bool found) {
    const auto store = reader();
    return totals_of(
        [&] { EXPECT_EQ(answer(*store, key).has_value(), found); });
  }
};

STRATA_FOR_EVERY_STAGE(Cost);

TEST_P(Cost, ASetIsOneWriteOfExactlyOneRecordAndNoRead) {
  numbers["--slots"] = 1'000'000;
  const auto store = writer();
  const std::string value(kValue, 'v');
  store->set("first", value);  // which may make a file
  for (int i = 0; i < 10; ++i) {
    const Totals totals = totals_of([&] { store->set(key_of(i), value); });
    EXPECT_EQ(totals.writes.calls, 1U);
    EXPECT_EQ(totals.writes.bytes, record_bytes());
    EXPECT_EQ(totals.reads.calls, 0U);
    EXPECT_EQ(totals.syncs.calls, 0U);
    EXPECT_EQ(totals.opens.calls, 0U);
    EXPECT_EQ(totals.others.calls, 0U);
  }
}

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
  EXPECT_EQ(totals.syncs.calls, 1U);
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
  }
}

TEST_P(Cost, AGetOfAKeyThatIsNotThere) {
  fill();
  const Totals totals = cost_of_get("absent", false);
  if (stage().scans) {
    EXPECT_EQ(totals.reads.bytes, kKeys * kTextRecord) << "everything";
  } else if (has_keydir()) {
    EXPECT_EQ(totals.reads.calls, 0U);
    EXPECT_EQ(totals.opens.calls, 0U);
    EXPECT_EQ(totals.others.calls, 0U) << "no system call at all";
  }
}

// The index of each segment is asked, newest first, until one knows the key.
TEST_P(Cost, AGetAmongManySegmentsAsksTheIndexesOfTheNewerOnes) {
  if (!is("05_segments") && !is("06_compaction")) {
    GTEST_SKIP() << "one index for the whole store";
  }
  constexpr std::uint64_t kSegments = 100;
  numbers["--segment-bytes"] = kKeys / kSegments * kBinaryRecord;
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

}  // namespace
}  // namespace strata
