// The hash index: what happens when two keys share a slot, and when all slots
// are taken.
#include <gtest/gtest.h>

#include <string>

#include "common/store/errors.h"
#include "stages/03_hash_index/store.h"
#include "tests/support.h"

namespace strata {
namespace {

class Collisions : public testing::Test {
 protected:
  HashIndex open(std::uint64_t slots, Mode mode = Mode::kWrite) {
    Options options;
    options.directory = "db";
    options.mode = mode;
    options.os = &ledger;
    options.numbers["--slots"] = slots;
    return HashIndex(options);
  }

  MemoryOs disk;
  Ledger ledger{disk};
};

TEST_F(Collisions, AreFoundByReadingTheKeyBackFromTheLog) {
  HashIndex store = open(7);
  for (int i = 0; i < 7; ++i) {
    store.set("k" + std::to_string(i), "v" + std::to_string(i));
  }
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(answer(store, "k" + std::to_string(i)), "v" + std::to_string(i));
  }
  EXPECT_EQ(answer(store, "absent"), std::nullopt) << "all slots are taken";
}

TEST_F(Collisions, WhenAllSlotsAreTakenANewKeyIsRefusedBeforeItIsWritten) {
  {
    HashIndex store = open(3);
    for (const char* key : {"a", "b", "c"}) store.set(key, "1");
    const Image before = disk.image();
    EXPECT_THROW(store.set("d", "1"), InvalidInput);
    EXPECT_EQ(disk.image(), before);
    EXPECT_NO_THROW(store.set("b", "2")) << "a key that has its slot";
    EXPECT_EQ(answer(store, "b"), "2");
  }
  HashIndex larger = open(4);
  EXPECT_NO_THROW(larger.set("d", "1"));
}

TEST_F(Collisions, ARefusedKeyLeavesEvenATornTailAlone) {
  disk.put("db/log.txt", "a,1\nb,1\ntorn");
  {
    HashIndex store = open(2);
    EXPECT_THROW(store.set("c", "1"), InvalidInput);
    EXPECT_EQ(disk.files().at("db/log.txt"), "a,1\nb,1\ntorn");
    store.set("b", "2");
  }
  EXPECT_EQ(disk.files().at("db/log.txt"), "a,1\nb,1\nb,2\n");
}

TEST_F(Collisions, ALogWithMoreKeysThanSlotsCannotBeOpened) {
  disk.put("db/log.txt", "a,1\nb,1\nc,1\n");
  EXPECT_THROW(open(2, Mode::kRead), InvalidInput);
  EXPECT_EQ(disk.files().at("db/log.txt"), "a,1\nb,1\nc,1\n");
  HashIndex store = open(3, Mode::kRead);
  EXPECT_EQ(answer(store, "c"), "1");
}

// A stranger who knows the hash could choose keys that all land in one slot,
// and each get would read them all. He does not know the seed.
TEST_F(Collisions, CannotBeBroughtAboutByWhoeverDoesNotKnowTheSeed) {
  constexpr std::uint64_t kSlots = 4096;
  const KeyHash guess(0);
  std::vector<std::string> chosen;
  for (int i = 0; chosen.size() < 64; ++i) {
    const std::string key = "key" + std::to_string(i);
    if (guess(key) % kSlots == 0) chosen.push_back(key);
  }
  disk.set_seed(12345);
  HashIndex store = open(kSlots);
  for (const std::string& key : chosen) store.set(key, "v");
  ledger.clear();
  for (const std::string& key : chosen) EXPECT_EQ(answer(store, key), "v");
  EXPECT_LE(ledger.totals().reads.calls, 2 * chosen.size());
}

TEST_F(Collisions, ARecordLongerThanOneReadIsReadToItsEnd) {
  HashIndex store = open(10);
  for (const std::size_t size :
       {HashIndex::kReadBytes - 4, HashIndex::kReadBytes - 3,
        HashIndex::kReadBytes, 3 * HashIndex::kReadBytes + 1}) {
    store.set("k", std::string(size, 'v'));
    store.set("after", "1");
    EXPECT_EQ(answer(store, "k"), std::string(size, 'v'));
  }
}

TEST_F(Collisions, AReaderGoesByWhatItIndexedWhileTheLogGrows) {
  disk.put("db/log.txt", "a,1\nb,2\n");
  HashIndex store = open(10, Mode::kRead);
  disk.put("db/log.txt", "a,1\nb,2\na,3\nc,");
  EXPECT_EQ(answer(store, "a"), "1");
  EXPECT_EQ(answer(store, "b"), "2");
  EXPECT_EQ(answer(store, "c"), std::nullopt);
  ledger.clear();
  EXPECT_EQ(answer(store, "b"), "2");
  EXPECT_EQ(ledger.totals().reads.bytes, 4U) << "to the end of what it knows";
}

TEST_F(Collisions, ADamagedLineHidesOnlyWhatIsOlder) {
  disk.put("db/log.txt", "old,1\nno comma\nnew,2\n");
  HashIndex store = open(10);
  EXPECT_EQ(answer(store, "new"), "2");
  EXPECT_THROW(answer(store, "old"), Damage);
  EXPECT_THROW(answer(store, "absent"), Damage);
  store.set("old", "3");
  EXPECT_EQ(answer(store, "old"), "3");
}

}  // namespace
}  // namespace strata
