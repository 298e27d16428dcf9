// 09_lsm_tree: what a write goes through, piece by piece: batch, log, memtable.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "common/os/memory_os.h"
#include "common/store/errors.h"
#include "common/table/varint.h"
#include "stages/09_lsm_tree/batch.h"
#include "stages/09_lsm_tree/log.h"
#include "stages/09_lsm_tree/memtable.h"
#include "tests/stages/lsm_fixture.h"
#include "tests/support.h"

namespace strata::lsm {
namespace {

using std::string_literals::operator""s;
using testing::AnyOf;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

// Entries in the order in which they were written, keys more than once.
using Writes = std::vector<std::tuple<std::string, bool, std::string>>;

rc::Gen<Writes> any_writes() {
  return rc::gen::scale(0.4, rc::gen::container<Writes>(rc::gen::tuple(
                                 rc::gen::nonEmpty(any_text()),
                                 rc::gen::arbitrary<bool>(), any_text())));
}

// ---- Batches

TEST(LsmBatch, IsTheBytesThatItsHeaderFileShows) {
  Batch batch;
  EXPECT_TRUE(batch.empty());
  batch.set("a", "1");
  batch.del("b");
  EXPECT_EQ(batch.body(), "\x01\x02\x61\x31\x01\x00\x62"s);
  batch.clear();
  EXPECT_TRUE(batch.empty());
}

RC_GTEST_PROP(LsmBatch, TellsWhatWasPutIntoItInThatOrder, ()) {
  const Writes writes = *any_writes();
  Batch batch;
  for (const auto& [key, is_set, value] : writes) {
    is_set ? batch.set(key, value) : batch.del(key);
  }
  std::string_view rest = batch.body();
  Entry entry;
  for (const auto& [key, is_set, value] : writes) {
    RC_ASSERT(take_entry(rest, entry) == Decoded::kRecord);
    RC_ASSERT(entry.key == key);
    RC_ASSERT(entry.is_tombstone == !is_set);
    RC_ASSERT(entry.value == (is_set ? value : ""));
  }
  RC_ASSERT(take_entry(rest, entry) == Decoded::kEnd);
}

TEST(LsmBatch, KeepsWhatItHasWhenItIsGivenWhatNoStoreCanHold) {
  Batch batch;
  batch.set(std::string(0xFFFF, 'k'), "1");
  const std::string before = batch.body();
  EXPECT_THROW(batch.set("", "1"), InvalidInput);
  EXPECT_THROW(batch.set(std::string(0x10000, 'k'), "1"), InvalidInput);
  EXPECT_THROW(batch.del(""), InvalidInput);
  EXPECT_THROW(batch.del(std::string(0x10000, 'k')), InvalidInput);
  EXPECT_EQ(batch.body(), before);
}

TEST(LsmBatch, ThatIsCutOffIsNoneAndNothingIsTakenOffIt) {
  Batch batch;
  batch.set("key", std::string(200, 'v'));
  for (std::size_t cut = 1; cut < batch.body().size(); ++cut) {
    const auto bytes = std::string_view(batch.body()).substr(0, cut);
    std::string_view rest = bytes;
    Entry entry;
    EXPECT_EQ(take_entry(rest, entry), Decoded::kCorrupt) << cut;
    EXPECT_EQ(rest, bytes);
  }
}

// Whoever can write the log can write a right checksum, too.
TEST(LsmBatch, ThatClaimsWhatCannotBeIsRefused) {
  std::string endless;
  sst::append_varint(~std::uint64_t{0}, endless);
  std::string long_key;
  sst::append_varint(0x10000, long_key);
  const std::string many(0x10001, 'k');
  for (const std::string& bytes :
       {"\x00\x01"s,                // no key
        "\x05\x00key"s,             // a key that is longer than all
        "\x01\x05k123"s,            // a value that is
        endless + "\x00k"s,         // a key of 2^64 - 1 bytes
        "\x01"s + endless + "k1",   // a value of nearly as many
        endless + endless + "k1"s,  // both
        long_key + "\x00"s + many,  // a key of more than 65,535
        "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x01k"s}) {
    std::string_view rest = bytes;
    Entry entry;
    EXPECT_EQ(take_entry(rest, entry), Decoded::kCorrupt);
    EXPECT_EQ(rest.size(), bytes.size());
  }
}

// ---- The log

// What stands in bytes, item by item: "begin 3 120", "batch <its body>", "torn"
// or "corrupt".
std::vector<std::string> items_of(const std::string& bytes) {
  MemoryOs disk;
  disk.put("1.log", bytes);
  const File file = File::open(disk, "1.log", OpenMode::kRead, "test");
  LogReader reader(file, bytes.size(), "test");
  LogItem item;
  std::vector<std::string> items;
  std::uint64_t at = 0;
  while (true) {
    const Decoded decoded = reader.next(item);
    if (decoded == Decoded::kEnd) break;
    EXPECT_EQ(item.offset, at) << "each begins where the one before ends";
    at += item.size;
    Previous previous;
    if (decoded == Decoded::kTorn) {
      items.emplace_back("torn");
    } else if (decoded == Decoded::kCorrupt) {
      items.emplace_back("corrupt");
      EXPECT_STRNE(item.why, "");
    } else if (item.kind == LogKind::kBatch) {
      items.push_back("batch " + std::string(item.body));
    } else if (decode_begin(item.body, previous)) {
      items.push_back("begin " + std::to_string(previous.number) + " " +
                      std::to_string(previous.size));
    }
  }
  EXPECT_EQ(at, bytes.size());
  return items;
}

// A log with these batches, and where each record of it begins, and the end.
struct Log {
  std::string bytes;
  std::vector<std::size_t> places;
  std::vector<std::string> items;
};

Log log_of(const std::vector<std::string>& bodies) {
  Log log;
  log.places.push_back(0);
  append_begin({3, 120}, log.bytes);
  log.items.emplace_back("begin 3 120");
  for (const std::string& body : bodies) {
    log.places.push_back(log.bytes.size());
    append_log_record(LogKind::kBatch, body, log.bytes);
    log.items.push_back("batch " + body);
  }
  log.places.push_back(log.bytes.size());
  return log;
}

// Which record the byte is in.
std::size_t record_at(const Log& log, std::size_t byte) {
  std::size_t record = 0;
  while (log.places[record + 1] <= byte) ++record;
  return record;
}

std::vector<std::string> first_items(const Log& log, std::size_t count) {
  return {log.items.begin(),
          log.items.begin() + static_cast<std::ptrdiff_t>(count)};
}

const std::vector<std::string> kBodies = {"one", "", std::string(60, '2'),
                                          "thr\0ee"s};

TEST(LsmLog, IsTheBytesThatItsHeaderFileTellsOf) {
  std::string bytes;
  append_begin({}, bytes);
  append_log_record(LogKind::kBatch, "\x01\x02\x61\x31"s, bytes);
  EXPECT_EQ(bytes,
            "\x89\xc8\x3e\x19\xec\xbb\x4b\x55"
            "\x00\x00\x00\x00\x00\x00\x00\x00\x10"
            "\x00\x00\x00\x00\x00\x00\x00\x00"
            "\x00\x00\x00\x00\x00\x00\x00\x00"
            "\xb6\xe7\xa0\x3e\xb7\x44\x36\xcb"
            "\x01\x00\x00\x00\x00\x00\x00\x00\x04"
            "\x01\x02\x61\x31"s);
  EXPECT_THAT(items_of(bytes),
              ElementsAre("begin 0 0", "batch \x01\x02\x61\x31"));
}

TEST(LsmLog, TellsEveryRecordInOrder) {
  EXPECT_THAT(items_of(""), IsEmpty());
  const Log log = log_of(kBodies);
  EXPECT_EQ(items_of(log.bytes), log.items);
}

TEST(LsmLog, TellsARecordThatIsLongerThanWhatIsReadAtOnce) {
  const Log log =
      log_of({"before", std::string(FileWindow::kCapacity + 1, 'x'), "behind"});
  EXPECT_EQ(items_of(log.bytes), log.items);
}

TEST(LsmLog, CutAtAnyByteIsTheRecordsBeforeAndATornOne) {
  const Log log = log_of(kBodies);
  for (std::size_t cut = 0; cut < log.bytes.size(); ++cut) {
    const std::size_t record = record_at(log, cut);
    auto expected = first_items(log, record);
    if (cut > log.places[record]) expected.emplace_back("torn");
    EXPECT_EQ(items_of(log.bytes.substr(0, cut)), expected) << cut;
  }
}

TEST(LsmLog, ZerosBehindItAreTorn) {
  const Log log = log_of(kBodies);
  auto expected = log.items;
  expected.emplace_back("torn");
  for (const std::size_t count : {1U, 16U, 17U, 18U, 4096U, 600'000U}) {
    EXPECT_EQ(items_of(log.bytes + std::string(count, '\0')), expected)
        << count;
  }
}

// How many bytes a record has lost to zeros.
std::size_t lost_bytes(const Log& log, std::size_t record, std::size_t from) {
  std::size_t lost = 0;
  for (std::size_t i = from; i < log.places[record + 1]; ++i) {
    if (log.bytes[i] != '\0') ++lost;
  }
  return lost;
}

TEST(LsmLog, ThatHasLostItsEndToZerosIsTornUnlessOneWrongByteExplainsIt) {
  const Log log = log_of(kBodies);
  for (std::size_t from = 0; from < log.bytes.size(); ++from) {
    std::string bytes = log.bytes;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(),
              '\0');
    const std::size_t record = record_at(log, from);
    const auto items = items_of(bytes);
    ASSERT_GE(items.size(), record) << from;
    EXPECT_EQ(std::vector(items.begin(),
                          items.begin() + static_cast<std::ptrdiff_t>(record)),
              first_items(log, record));
    if (lost_bytes(log, record, from) == 0) continue;  // it is whole
    const auto what = items.at(record);
    EXPECT_THAT(what, AnyOf("torn", "corrupt")) << from;
    if (lost_bytes(log, record, from) == 1) continue;
    EXPECT_EQ(what, "torn") << from;
    EXPECT_EQ(items.size(), record + 1) << from;
  }
}

// The very first record is all zeros but for its header.
TEST(LsmLog, OfWhichTheFirstRecordHasLostItsEndToZerosIsTorn) {
  std::string bytes;
  append_begin({}, bytes);
  for (std::size_t from = 0; from <= 16; ++from) {
    std::string zeros = bytes.substr(0, from);
    zeros.resize(bytes.size());
    EXPECT_THAT(items_of(zeros), ElementsAre("torn")) << from;
  }
}

TEST(LsmLog, AnyBitThatFlipsInItDamagesItsRecordAndNoOther) {
  const Log log = log_of(kBodies);
  for (std::size_t bit = 0; bit < log.bytes.size() * 8; bit += thinned(7)) {
    std::string bytes = log.bytes;
    bytes[bit / 8] ^= static_cast<char>(1 << bit % 8);
    auto expected = log.items;
    expected[record_at(log, bit / 8)] = "corrupt";
    EXPECT_EQ(items_of(bytes), expected) << bit;
  }
}

TEST(LsmLog, GoesOnWithTheNextRecordBehindBytesThatAreNone) {
  const Log log = log_of(kBodies);
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    const std::size_t record = random() % kBodies.size();
    std::string noise;
    const std::size_t count = 1 + random() % 100;
    for (std::size_t i = 0; i < count; ++i) {
      noise += static_cast<char>(random());
    }
    std::string bytes = log.bytes;
    bytes.insert(log.places[record], noise);
    auto expected = log.items;
    expected.insert(expected.begin() + static_cast<std::ptrdiff_t>(record),
                    "corrupt");
    EXPECT_EQ(items_of(bytes), expected) << round;
    // At the end it is what a crash leaves, and tells of no record.
    const auto at_end = items_of(log.bytes + noise);
    ASSERT_EQ(at_end.size(), log.items.size() + 1);
    EXPECT_EQ(first_items(log, log.items.size()),
              std::vector(at_end.begin(), at_end.end() - 1));
    EXPECT_THAT(at_end.back(), AnyOf("torn", "corrupt"));
  }
}

// A value may be a log itself: of a record that is damaged, no part is taken
// for a record.
TEST(LsmLog, ACopyOfALogInAValueIsNeverTakenForTheLog) {
  const Log inner = log_of({"secret"});
  const Log log = log_of({"before", "value " + inner.bytes, "behind"});
  for (std::size_t byte = log.places[2]; byte < log.places[3]; ++byte) {
    for (const int wrong : {0x01, 0x80, 0xFF}) {
      std::string bytes = log.bytes;
      bytes[byte] ^= static_cast<char>(wrong);
      auto expected = log.items;
      expected[2] = "corrupt";
      EXPECT_EQ(items_of(bytes), expected) << byte;
    }
    const auto cut = items_of(log.bytes.substr(0, byte));
    EXPECT_THAT(cut, Each(Not("batch secret"))) << byte;
    EXPECT_THAT(cut, Each(Not("corrupt"))) << byte;
  }
}

TEST(LsmLog, BeginsWithABodyOfSixteenBytesAndNoOther) {
  Previous previous{7, 7};
  for (const std::size_t size : {0U, 8U, 15U, 17U, 32U}) {
    EXPECT_FALSE(decode_begin(std::string(size, '\1'), previous)) << size;
  }
  EXPECT_TRUE(decode_begin(std::string(16, '\0'), previous));
  EXPECT_EQ(previous.number, 0U);
  EXPECT_EQ(previous.size, 0U);
}

// ---- The memtable

// What counts after the first `count` writes.
Model model_of(const Writes& writes, std::size_t count) {
  Model model;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [key, is_set, value] = writes[i];
    model[key] = is_set ? std::optional(value) : std::nullopt;
  }
  return model;
}

std::shared_ptr<Memtable> memtable_of(const Writes& writes) {
  auto memtable = std::make_shared<Memtable>();
  std::uint64_t sequence = 0;
  for (const auto& [key, is_set, value] : writes) {
    memtable->add(++sequence, {key, is_set ? value : "", !is_set});
  }
  return memtable;
}

TEST(LsmMemtable, OfNothingKnowsNothing) {
  const auto memtable = std::make_shared<Memtable>();
  EXPECT_TRUE(memtable->empty());
  std::string value;
  EXPECT_EQ(memtable->get("a", bloom_hash("a"), kNewest, value),
            Found::kNothing);
  MemtableCursor cursor(memtable, kNewest);
  EXPECT_FALSE(cursor.seek(""));
  EXPECT_FALSE(cursor.seek_before("z"));
  EXPECT_FALSE(cursor.seek_last());
}

RC_GTEST_PROP(LsmMemtable, IsAtEveryMomentWhatHadBeenWrittenUntilThen, ()) {
  const Writes writes = *any_writes();
  const auto memtable = memtable_of(writes);
  RC_ASSERT(memtable->empty() == writes.empty());
  for (std::size_t moment = 0; moment <= writes.size(); ++moment) {
    const Model model = model_of(writes, moment);
    for (const auto& [key, unused1, unused2] : writes) {
      std::string value;
      const Found found = memtable->get(key, bloom_hash(key), moment, value);
      const auto expected = model.find(key);
      if (expected == model.end()) {
        RC_ASSERT(found == Found::kNothing);
      } else if (!expected->second) {
        RC_ASSERT(found == Found::kTombstone);
      } else {
        RC_ASSERT(found == Found::kValue);
        RC_ASSERT(value == *expected->second);
      }
    }
    MemtableCursor cursor(memtable, moment);
    RC_ASSERT(everything(cursor) == model);
  }
  MemtableCursor cursor(memtable, kNewest);
  RC_ASSERT(everything(cursor) == model_of(writes, writes.size()));
}

RC_GTEST_PROP(LsmMemtable, IsGoneThroughEitherWayAsOfAMoment, ()) {
  const Writes writes = *any_writes();
  const auto moment = *rc::gen::inRange<std::size_t>(0, writes.size() + 1);
  const Model model = model_of(writes, moment);
  MemtableCursor cursor(memtable_of(writes), moment);
  walk(cursor, model);
}

TEST(LsmMemtable, KnowsHowMuchMemoryItsEntriesTake) {
  constexpr std::uint64_t kBesides = 200;  // a node and its links, at the most
  Memtable memtable;
  EXPECT_EQ(memtable.bytes(), 0U);
  std::uint64_t least = 0;
  std::uint64_t sequence = 0;
  for (const std::size_t size : {0U, 1U, 100U, 1'000'000U, 1U}) {
    const std::uint64_t before = memtable.bytes();
    memtable.add(++sequence, {"key", std::string(size, 'x')});
    EXPECT_GE(memtable.bytes(), before + 3 + size);
    EXPECT_LE(memtable.bytes(), before + 3 + size + kBesides);
    least += 3 + size;
  }
  EXPECT_GE(memtable.bytes(), least) << "of old values, too";
  std::string value;
  EXPECT_EQ(memtable.get("key", bloom_hash("key"), 4, value), Found::kValue);
  EXPECT_EQ(value, std::string(1'000'000, 'x'));
}

// Keys come in no order, and each holds itself, so that what is half made would
// be noticed.
TEST(LsmMemtable, IsReadWithoutALockWhileItIsWritten) {
  constexpr std::uint64_t kCount = kSanitized ? 3000 : 20'000;
  const auto key_of = [](std::uint64_t i) {
    return std::to_string(1'000'000 + i * 7919 % kCount);
  };
  const auto memtable = std::make_shared<Memtable>();
  std::atomic<std::uint64_t> added{0};
  std::vector<std::thread> readers;
  for (const bool forward : {true, false}) {
    readers.emplace_back([&, forward] {
      std::string value;
      while (added < kCount) {
        const std::uint64_t moment = added;
        MemtableCursor cursor(memtable, moment);
        std::uint64_t seen = 0;
        std::string last;
        for (bool has = forward ? cursor.seek("") : cursor.seek_last(); has;
             has = forward ? cursor.next() : cursor.prev()) {
          const std::string key(cursor.entry().key);
          EXPECT_TRUE(last.empty() || (forward ? last < key : last > key));
          EXPECT_EQ(cursor.entry().value, key);
          last = key;
          if (++seen == 500) break;
        }
        EXPECT_EQ(seen, std::min<std::uint64_t>(moment, 500));
        if (moment == 0) continue;
        const std::string key = key_of(moment - 1);
        const std::uint64_t hash = bloom_hash(key);
        EXPECT_EQ(memtable->get(key, hash, moment, value), Found::kValue);
        EXPECT_EQ(memtable->get(key, hash, moment - 1, value), Found::kNothing);
      }
    });
  }
  for (std::uint64_t i = 0; i < kCount; ++i) {
    memtable->add(i + 1, {key_of(i), key_of(i)});
    added = i + 1;
  }
  for (std::thread& reader : readers) reader.join();
  MemtableCursor cursor(memtable, kNewest);
  EXPECT_EQ(everything(cursor).size(), kCount);
}

}  // namespace
}  // namespace strata::lsm
