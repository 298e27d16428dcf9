// Merges of 07_bitcask that fail half-way, in a store that goes on, and merges
// of some files only: nothing is lost and nothing comes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/os/fault_os.h"
#include "common/os/ledger.h"
#include "tests/stages/bitcask_fixture.h"

namespace strata::bitcask_tests {
namespace {

// A store and what should be in it.
class BitcaskMerge : public BitcaskTest {
 protected:
  BitcaskMerge() { numbers["--segment-bytes"] = 60; }

  static std::string key_of(int i) { return "key" + std::to_string(i); }

  void set(Bitcask& store, const std::string& key, const std::string& value) {
    store.set(key, value);
    model_[key] = value;
  }

  void del(Bitcask& store, const std::string& key) {
    store.del(key);
    model_.erase(key);
  }

  // Several files, with dead records and tombstones in each.
  void fill(Bitcask& store) {
    for (int i = 0; i < 20; ++i) set(store, key_of(i), "first");
    for (int i = 0; i < 20; i += 3) set(store, key_of(i), "second");
    for (int i = 0; i < 20; i += 4) del(store, key_of(i));
  }

  void lose_hints() {
    for (const std::string& name : files()) {
      if (name.find(".hint") != std::string::npos) remove(name);
    }
  }

  bool told(const std::string& begin) {
    const auto all = notes_so_far();
    return std::any_of(all.begin(), all.end(), [&](const std::string& note) {
      return note.rfind(begin, 0) == 0;
    });
  }

  void expect_unique_ids(const Bitcask& store) {
    const Ids ids = ids_of(store);
    EXPECT_EQ(std::set<std::uint32_t>(ids.begin(), ids.end()).size(),
              ids.size());
  }

  void expect_model_after_reopens() {
    EXPECT_EQ(contents(*reader()), model_);
    lose_hints();
    {
      const auto store = writer();
      EXPECT_EQ(contents(*store), model_);
      store->compact();
      EXPECT_EQ(contents(*store), model_);
    }
    EXPECT_EQ(contents(*reader()), model_);
  }

  Pairs model_;
};

// Fails the Nth change of the disk in a merge, for every N; then goes on in
// the same store.
TEST_F(BitcaskMerge, AfterAMergeThatFailedAnywhereTheStoreGoesOn) {
  constexpr std::uint64_t kMoreThanThereAre = 150;
  int failed = 0;
  for (std::uint64_t nth = 1; nth < kMoreThanThereAre; ++nth) {
    SCOPED_TRACE(nth);
    for (const std::string& name : files()) remove(name);
    model_.clear();
    FaultOs faults(disk);
    {
      const auto store = open(Mode::kWrite, faults);
      fill(*store);
      faults.add({.changes_only = true, .nth = nth, .error = EIO});
      try {
        store->merge({2, 3, 4, 5});
      } catch (const IoError&) {
        ++failed;
      }
      EXPECT_EQ(contents(*store), model_);
      faults.clear();
      // What the merge left must hide nothing of this, nor be needed for it.
      del(*store, key_of(1));
      del(*store, key_of(5));
      set(*store, key_of(4), "third");
      set(*store, key_of(0), "third");
      EXPECT_EQ(contents(*store), model_);
      store->merge({2, 3});
      EXPECT_EQ(contents(*store), model_);
      store->compact();
      EXPECT_EQ(contents(*store), model_);
      expect_unique_ids(*store);
    }
    expect_model_after_reopens();
  }
  EXPECT_GT(failed, 10) << "what concerns hints and locks alone is no failure";
}

// Any files, in any order, among writes, deletions, reopens.
TEST_F(BitcaskMerge, MergesOfAnyFilesAmongAnyWritesLoseNothing) {
  std::mt19937 random(7);
  const auto below = [&](int end) {
    return std::uniform_int_distribution<int>(0, end - 1)(random);
  };
  for (int round = 0; round < 3; ++round) {
    auto store = writer();
    for (int step = 0; step < 600; ++step) {
      const std::string key = key_of(below(25));
      switch (below(8)) {
        case 0: {
          Ids some;
          for (const std::uint32_t id : ids_of(*store)) {
            if (below(2) == 0) some.push_back(id);
          }
          store->merge(some);
          break;
        }
        case 1:
          if (below(4) == 0) store->compact();
          break;
        case 2:
          if (below(4) != 0) break;
          store.reset();
          if (below(2) == 0) lose_hints();
          store = writer();
          break;
        case 3:
        case 4:
          del(*store, key);
          break;
        default:
          set(*store, key, std::to_string(step));
      }
      if (step % 20 == 0) {
        ASSERT_EQ(contents(*store), model_) << step;
        ASSERT_EQ(contents(*reader()), model_) << step;
      }
    }
    expect_unique_ids(*store);
  }
  expect_model_after_reopens();
}

TEST_F(BitcaskMerge, AMergeOfNothingChangesNothing) {
  const auto store = writer();
  fill(*store);
  const Ids before = ids_of(*store);
  store->merge({});
  store->merge({4'000, 5'000});
  store->merge({before.back()});
  EXPECT_EQ(ids_of(*store), before) << "not there, or active";
}

// No matter which way a tombstone goes, the value below it stays hidden.
TEST_F(BitcaskMerge, ATombstoneGoesOnlyWithAllThatIsOlder) {
  write_file_of({{"gone", "x"}});
  writer()->del("gone");
  write_file_of({{"city", "Rome"}});
  const auto has_tombstone = [](const Bitcask& store) {
    std::uint64_t records = 0;
    for (const auto& file : store.status()) records += file.keys;
    return records == 3;
  };
  {
    const auto store = writer();
    store->merge({2});
    EXPECT_TRUE(has_tombstone(*store)) << "1 stays";
    store->merge({2, 3, 4});
    EXPECT_TRUE(has_tombstone(*store)) << "1 still stays";
    EXPECT_EQ(answer(*store, "gone"), std::nullopt);
  }
  EXPECT_EQ(answer(*reader(), "gone"), std::nullopt);
  const auto store = writer();
  store->compact();
  std::uint64_t records = 0;
  for (const auto& file : store->status()) records += file.keys;
  EXPECT_EQ(records, 1U) << "nothing is left but the city";
}

// ---- Hints that belong to another file

// Two files of the same length, and each has the hints of the other.
class BitcaskForeignHints : public BitcaskMerge {
 protected:
  void SetUp() override {
    write_file_of({{"a", "1"}, {"b", "2"}});
    write_file_of({{"c", "3"}, {"d", "4"}});
    const std::string hints = bytes_of("1.bitcask.hint");
    disk.put("db/1.bitcask.hint", bytes_of("2.bitcask.hint"));
    disk.put("db/2.bitcask.hint", hints);
  }
};

TEST_F(BitcaskForeignHints, VerifyTellsOfThem) {
  std::set<std::string> damaged;
  reader()->verify(
      [&](const DamagedPlace& place) { damaged.insert(place.file); });
  EXPECT_EQ(damaged,
            (std::set<std::string>{"db/1.bitcask.hint", "db/2.bitcask.hint"}));
}

TEST_F(BitcaskForeignHints, NoMergeDeletesWhatTheyDoNotTellOf) {
  {
    const auto store = writer();
    store->set("a", "5");
    EXPECT_THROW(store->compact(), Damage);
    EXPECT_THROW(store->merge({2}), Damage);
  }
  lose_hints();
  EXPECT_EQ(contents(*reader()),
            (Pairs{{"a", "5"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}));
}

// ---- What fails, and what was done in spite of it

TEST_F(BitcaskMerge, ACopyThatGotItsNameInSpiteOfAnErrorBringsNothingBack) {
  numbers["--segment-bytes"] = 10'000;
  write_file_of({{"gone", "x"}, {"city", "Rome"}});
  WatchedOs os(disk);
  {
    const auto store = open(Mode::kWrite, os);
    store->set("city", "Oslo");
    os.after = [](const Coming& coming) {
      return coming.why == "give the copy its name" ? EIO : 0;
    };
    EXPECT_THROW(store->compact(), IoError);
    os.after = nullptr;
    store->del("gone");
    store->compact();
  }
  EXPECT_EQ(contents(*reader()), (Pairs{{"city", "Oslo"}}));
}

TEST_F(BitcaskMerge, AnErrorThatPassesLeavesTheFilesToTheNextMerge) {
  numbers = {{"--segment-bytes", 100}, {"--frag-merge-trigger", 50}};
  FaultOs faults(disk);
  const auto store = open(Mode::kWrite, faults);
  faults.add({.calls = {Call::kRename}, .for_ever = true, .error = EIO});
  store->set("river", "Po");
  for (int i = 0; i < 20; ++i) store->set("city", "Rome");
  EXPECT_TRUE(eventually([&] { return told("not merged: "); }));
  faults.clear();
  EXPECT_TRUE(eventually([&] {
    store->set("city", "Oslo");
    return files().count("1.bitcask.data") == 0;
  }));
}

TEST_F(BitcaskMerge, NothingIsCopiedASecondTime) {
  const auto store = writer();
  fill(*store);
  store->compact();
  const Ids before = ids_of(*store);
  store->compact();
  store->compact();
  EXPECT_EQ(ids_of(*store), before);
}

// ---- The order in which merged files go

// Of two merges, the first of which could not delete anything yet: else what
// the second one's tombstone hid could come back after a power cut.
TEST_F(BitcaskMerge, NoFileGoesBeforeTheOlderOnesAreGoneForGood) {
  write_file_of({{"gone", "x"}});
  writer()->del("gone");
  Ledger ledger(disk);
  const auto store = open(Mode::kWrite, ledger);
  {
    const auto all = store->iterator();
    store->merge({1});
    store->merge({2});
    ledger.clear();
  }
  std::string calls;
  for (const LedgerEntry& entry : ledger.entries()) {
    if (entry.call == Call::kRemove && entry.path.back() == 'a') {
      calls += entry.path.substr(3, 2);
    }
    if (entry.call == Call::kSync && !calls.empty()) calls += "sync ";
  }
  EXPECT_EQ(calls, "1.sync 2.sync ");
}

TEST_F(BitcaskMerge, AWriteWaitsForNoneOfTheFilesThatGo) {
  for (const std::string why :
       {"delete the hints of a merged file", "delete a merged file",
        "give the copy its name"}) {
    write_file_of({{"city", "Rome"}});
    write_file_of({{"city", "Oslo"}});
    CallsBack os(disk);
    const auto store = open(Mode::kWrite, os);
    bool written = false;
    std::future<void> write;  // if it has to wait, it ends after the merge
    os.once_before(why, [&] {
      write =
          std::async(std::launch::async, [&] { store->set("river", "Po"); });
      written =
          write.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
    });
    store->compact();
    EXPECT_TRUE(os.called());
    EXPECT_TRUE(written) << why;
  }
}

}  // namespace
}  // namespace strata::bitcask_tests
