// Hint files of 07_bitcask: when they are written, when they are believed, and
// that they can neither hide nor bring back anything.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "common/os/fault_os.h"
#include "common/os/ledger.h"
#include "tests/stages/bitcask_fixture.h"
#include "tests/stages/riak_format.h"

namespace strata::bitcask_tests {
namespace {

constexpr std::uint64_t kLast = 18;  // the entry with the checksum

class BitcaskHints : public BitcaskTest {
 protected:
  // The bytes that an open for reading reads of data and of hints.
  struct Cost {
    std::uint64_t data = 0;
    std::uint64_t hints = 0;
  };

  Cost cost_of_open() {
    Ledger ledger(disk);
    (void)open(Mode::kRead, ledger);
    Cost cost;
    for (const LedgerEntry& entry : ledger.entries()) {
      if (entry.call != Call::kRead) continue;
      const bool data = entry.path.find(".data") != std::string::npos;
      (data ? cost.data : cost.hints) += entry.bytes;
    }
    return cost;
  }

  // With these hints the open reads the data file and answers the same.
  void expect_not_believed(const std::string& hints) {
    disk.put("db/1.bitcask.hint", hints);
    EXPECT_EQ(cost_of_open().data, bytes_of("1.bitcask.data").size());
    const auto store = reader();
    EXPECT_EQ(contents(*store), pairs_);
    EXPECT_EQ(answer(*store, "gone"), std::nullopt);
  }

  // One file with a live, a dead and a deleted record.
  void write_pairs() {
    const auto store = writer();
    store->set("city", "Rome");
    store->set("gone", "x");
    store->set("city", "Oslo");
    store->del("gone");
    store->set("river", "Po");
  }

  Pairs pairs_ = {{"city", "Oslo"}, {"river", "Po"}};
};

// ---- What an open reads

TEST_F(BitcaskHints, AnOpenFromHintsReadsNoByteOfTheData) {
  Pairs pairs;
  std::uint64_t hint_bytes = kLast;
  for (int i = 0; i < 100; ++i) {
    const std::string key = "key" + std::to_string(i);
    pairs[key] = std::string(1'000, 'v');
    hint_bytes += 18 + key.size();
  }
  write_file_of(pairs);
  const Cost cost = cost_of_open();
  EXPECT_EQ(cost.data, 0U);
  EXPECT_EQ(cost.hints, hint_bytes);
  EXPECT_EQ(contents(*reader()), pairs);
}

TEST_F(BitcaskHints, AnEmptyFileIsNotOpenedToBeRead) {
  write_file_of({{"city", "Rome"}});
  disk.put("db/2.bitcask.data", "");
  Ledger ledger(disk);
  (void)open(Mode::kRead, ledger);
  for (const LedgerEntry& entry : ledger.entries()) {
    EXPECT_NE(entry.why, std::string("open the data file")) << entry.path;
  }
}

TEST_F(BitcaskHints, OnlyTheFileWithoutGoodHintsIsRead) {
  write_file_of({{"a", "1"}});
  write_file_of({{"b", "22"}});
  write_file_of({{"c", "333"}});
  remove("2.bitcask.hint");
  const Cost cost = cost_of_open();
  EXPECT_EQ(cost.data, record_bytes("b", "22"));
  EXPECT_EQ(cost.hints, 2 * (18 + 1 + kLast));
}

// ---- Which are not believed

TEST_F(BitcaskHints, MissingOrEmptyOnesMeanReadingTheData) {
  write_pairs();
  expect_not_believed("");
  remove("1.bitcask.hint");
  EXPECT_EQ(cost_of_open().data, bytes_of("1.bitcask.data").size());
  EXPECT_EQ(contents(*reader()), pairs_);
}

TEST_F(BitcaskHints, CutOnesMeanReadingTheData) {
  write_pairs();
  const std::string hints = bytes_of("1.bitcask.hint");
  for (std::size_t size = 0; size < hints.size(); ++size) {
    expect_not_believed(hints.substr(0, size));
  }
}

TEST_F(BitcaskHints, AnyChangedByteMeansReadingTheData) {
  write_pairs();
  const std::string hints = bytes_of("1.bitcask.hint");
  for (std::size_t at = 0; at < hints.size(); ++at) {
    // The tstamp and key size of the last entry say nothing.
    if (at >= hints.size() - kLast && at < hints.size() - kLast + 6) continue;
    std::string changed = hints;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    expect_not_believed(changed);
  }
}

TEST_F(BitcaskHints, OnesThatGoOnBehindTheirEndMeanReadingTheData) {
  write_pairs();
  const std::string hints = bytes_of("1.bitcask.hint");
  expect_not_believed(hints + "x");
  expect_not_believed(hints + hints);
}

TEST_F(BitcaskHints, OnesOfAnotherFileMeanReadingTheData) {
  write_pairs();
  for (const char* value : {"short", "longer"}) {
    MemoryOs elsewhere;
    open(Mode::kWrite, elsewhere)->set("other", value);
    expect_not_believed(elsewhere.files().at("db/1.bitcask.hint"));
  }
}

// Whole, with a right checksum, and yet not of this file.
TEST_F(BitcaskHints, OnesThatLeaveOutARecordMeanReadingTheData) {
  write_pairs();
  const auto hints =
      riak::hints_of(riak::read_data(bytes_of("1.bitcask.data")));
  ASSERT_EQ(hints.size(), 5U);
  for (std::size_t left_out = 0; left_out < hints.size(); ++left_out) {
    auto fewer = hints;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(left_out));
    expect_not_believed(riak::hint_bytes(fewer));
  }
  auto more = hints;
  more.push_back({.tstamp = 1, .key = "ghost", .size = 20, .offset = 9999});
  expect_not_believed(riak::hint_bytes(more));
}

TEST_F(BitcaskHints, OnesThatAreOlderThanTheDataHideNothingThatCameLater) {
  write_pairs();
  std::string record = riak::data_bytes({{1, "city", "Bern"}});
  disk.put("db/1.bitcask.data", bytes_of("1.bitcask.data") + record);
  pairs_["city"] = "Bern";
  expect_not_believed(bytes_of("1.bitcask.hint"));
}

TEST_F(BitcaskHints, OnesThatTellOfMoreThanIsThereBringNothingBack) {
  write_pairs();
  const std::string data = bytes_of("1.bitcask.data");
  disk.put("db/1.bitcask.data",
           data.substr(0, data.size() - record_bytes("river", "Po")));
  pairs_.erase("river");
  expect_not_believed(bytes_of("1.bitcask.hint"));
}

// A lookup goes to the data, so that hints which lie cannot make up a value.
TEST_F(BitcaskHints, OnesThatSwapTwoKeysAreFoundOutByTheGet) {
  write_file_of({{"aaa", "1"}, {"bbb", "2"}});
  auto hints = riak::hints_of(riak::read_data(bytes_of("1.bitcask.data")));
  std::swap(hints[0].key, hints[1].key);
  disk.put("db/1.bitcask.hint", riak::hint_bytes(hints));
  const auto store = reader();
  std::string value;
  EXPECT_THROW((void)store->get("aaa", value), Damage);
  EXPECT_THROW((void)store->get("bbb", value), Damage);
}

TEST_F(BitcaskHints, OnesThatCannotBeReadAreAnError) {
  write_pairs();
  FaultOs faults(disk);
  faults.add({.calls = {Call::kRead}, .error = EIO});
  EXPECT_THROW((void)open(Mode::kRead, faults), IoError)
      << "a disk that fails is not a store without keys";
}

TEST_F(BitcaskHints, HintsWithoutTheirDataSayThatItIsMissing) {
  write_file_of({{"city", "Rome"}});
  write_file_of({{"river", "Po"}});
  remove("1.bitcask.data");
  const auto store = reader();
  EXPECT_EQ(answer(*store, "river"), "Po") << "is newer than what is missing";
  std::string value;
  EXPECT_THROW((void)store->get("city", value), Damage);
  EXPECT_THROW(contents(*store), Damage);
}

// ---- When they are written

TEST_F(BitcaskHints, ACloseWritesThem) {
  const auto store = writer();
  store->set("city", "Rome");
  EXPECT_EQ(files().count("1.bitcask.hint"), 0U);
  store->close();
  EXPECT_EQ(files(),
            (std::set<std::string>{"1.bitcask.data", "1.bitcask.hint"}));
}

TEST_F(BitcaskHints, ARollOverWritesThemForTheFileItCloses) {
  numbers["--segment-bytes"] = 1;
  const auto store = writer();
  store->set("a", "1");
  EXPECT_EQ(files().count("1.bitcask.hint"), 0U);
  store->set("b", "2");
  EXPECT_EQ(files().count("1.bitcask.hint"), 1U);
  EXPECT_EQ(files().count("2.bitcask.hint"), 0U);
  const auto hints = riak::read_hints(bytes_of("1.bitcask.hint"));
  ASSERT_EQ(hints.size(), 1U);
  EXPECT_EQ(hints[0].key, "a");
}

TEST_F(BitcaskHints, AMergeWritesThemForEveryCopy) {
  numbers["--segment-bytes"] = 40;
  const auto store = writer();
  for (const char* key : {"a", "b", "c", "d", "e", "f", "g"}) {
    store->set(key, "0123456789");
  }
  store->compact();
  const auto names = files();
  int copies = 0;
  for (const auto& file : store->status()) {
    if (file.keys == 0) continue;
    ++copies;
    const std::string hints = std::to_string(file.id) + ".bitcask.hint";
    ASSERT_EQ(names.count(hints), 1U) << file.name;
    EXPECT_EQ(riak::read_hints(bytes_of(hints)),
              riak::hints_of(riak::read_data(bytes_of(file.name))));
  }
  EXPECT_GT(copies, 1);
  store->close();
  EXPECT_EQ(cost_of_open().data, 0U);
}

TEST_F(BitcaskHints, TombstonesAndDeadRecordsAreInThem) {
  write_pairs();
  const auto hints = riak::read_hints(bytes_of("1.bitcask.hint"));
  ASSERT_EQ(hints.size(), 5U);
  EXPECT_EQ(hints[0].key, hints[2].key);
  EXPECT_TRUE(hints[3].tombstone);
  EXPECT_EQ(hints[3].key, "gone");
}

// A tombstone told of by hints alone hides what an older file holds.
TEST_F(BitcaskHints, ADeletionIsKnownFromHintsAlone) {
  write_file_of({{"city", "Rome"}});
  writer()->del("city");
  EXPECT_EQ(cost_of_open().data, 0U);
  EXPECT_EQ(answer(*reader(), "city"), std::nullopt);
  EXPECT_EQ(contents(*reader()), Pairs());
}

TEST_F(BitcaskHints, AKilledWriterLeavesNoneAndNoneIsMissed) {
  Image killed;
  {
    const auto store = writer();
    store->set("city", "Rome");
    killed = disk.image();
  }
  MemoryOs after(killed);
  EXPECT_EQ(killed.files.count("db/1.bitcask.hint"), 0U);
  const auto store = open(Mode::kRead, after);
  EXPECT_EQ(contents(*store), (Pairs{{"city", "Rome"}}));
}

// Hints that cannot be written are done without.
TEST_F(BitcaskHints, ADiskThatRefusesThemRefusesNoWrite) {
  FaultOs faults(disk);
  {
    const auto store = open(Mode::kWrite, faults);
    store->set("city", "Rome");
    faults.add({.calls = {Call::kOpen}, .changes_only = true, .error = ENOSPC});
    store->close();
  }
  EXPECT_EQ(files(), std::set<std::string>{"1.bitcask.data"});
  EXPECT_EQ(contents(*reader()), (Pairs{{"city", "Rome"}}));
}

TEST_F(BitcaskHints, VerifyTellsOfBadOnesAndAnOpenForWritingStillWorks) {
  write_pairs();
  std::string hints = bytes_of("1.bitcask.hint");
  hints.back() = static_cast<char>(hints.back() ^ 1);
  disk.put("db/1.bitcask.hint", hints);
  int places = 0;
  reader()->verify([&](const DamagedPlace& place) {
    ++places;
    EXPECT_EQ(place.file, "db/1.bitcask.hint");
    EXPECT_EQ(place.size, hints.size());
  });
  EXPECT_EQ(places, 1);
  {
    const auto store = writer();
    EXPECT_EQ(contents(*store), pairs_);
    store->compact();
  }
  reader()->verify([&](const DamagedPlace&) { ++places; });
  EXPECT_EQ(places, 1) << "the copies have good ones";
}

// ---- Hints that know better than the data

// A file that was closed and is shorter now: what is older must not come back.
TEST_F(BitcaskHints, OfALongerFileTellThatItsEndIsMissing) {
  write_file_of({{"city", "Rome"}});
  write_file_of({{"city", "Oslo"}});
  write_file_of({{"river", "Po"}});
  for (const std::uint64_t left : {0U, 10U}) {
    disk.put("db/2.bitcask.data", bytes_of("2.bitcask.data").substr(0, left));
    const auto store = writer();
    EXPECT_THROW((void)answer(*store, "city"), Damage) << left;
    EXPECT_EQ(answer(*store, "river"), "Po");
    EXPECT_THROW(store->compact(), Damage) << left;
  }
}

// The newest file may have been cut by a power cut; its hints tell that it was
// closed.
TEST_F(BitcaskHints, TellThatTheZerosAtTheEndAreNoTornTail) {
  write_file_of({{"city", "Rome"}});
  std::string data = bytes_of("1.bitcask.data");
  data.replace(data.size() - 2, 2, 2, '\0');
  disk.put("db/1.bitcask.data", data);
  const auto store = reader();
  EXPECT_THROW((void)answer(*store, "city"), Damage);
  int damaged = 0;
  store->verify([&](const DamagedPlace& /*place*/) { ++damaged; });
  EXPECT_EQ(damaged, 1);
}

TEST_F(BitcaskHints, VerifyNoticesEveryByteOfThemThatIsChanged) {
  write_pairs();
  const std::string hints = bytes_of("1.bitcask.hint");
  for (std::size_t at = 0; at < hints.size(); ++at) {
    std::string changed = hints;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    disk.put("db/1.bitcask.hint", changed);
    int damaged = 0;
    reader()->verify([&](const DamagedPlace& /*place*/) { ++damaged; });
    EXPECT_EQ(damaged, 1) << at;
  }
}

// What is made while a reader is open is no damage to it.
TEST_F(BitcaskHints, OfAFileThatHasGrownSinceAreNoDamage) {
  const auto store = writer();
  store->set("city", "Rome");
  const auto before = reader();
  store->set("city", "Oslo");
  store->close();
  before->verify([](const DamagedPlace& place) { FAIL() << place.why; });
}

}  // namespace
}  // namespace strata::bitcask_tests
