// 06_compaction: merges beside writes, reads, scans and other processes, and
// merges that fail or are killed at any call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/os/crash.h"
#include "common/os/fault_os.h"
#include "common/os/ledger.h"
#include "tests/stages/compaction_fixture.h"
#include "tests/stages/listing_os.h"
#include "tests/stages/many_threads.h"

namespace strata {
namespace {

using compaction_tests::CompactionTest;
using compaction_tests::Model;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

class CompactionMerge : public CompactionTest {
 protected:
  // Six keys over many segments, most records dead, one key deleted.
  static Model fill(Store& store) {
    for (int i = 0; i < 18; ++i) {
      store.set(std::string(1, static_cast<char>('a' + i * i % 6)),
                std::to_string(i % 10));
    }
    store.set("f", "1");
    store.set("gone", "1");
    store.del("gone");
    return contents(store);
  }

  // Whether a sync failed that more rests on than the merge that asked for it.
  static bool is_over(const Ledger& seen) {
    const auto entries = seen.entries();
    return std::any_of(entries.begin(), entries.end(), [](const auto& entry) {
      return entry.call == Call::kSync && entry.error != 0 &&
             entry.path.find("merging") == std::string::npos;
    });
  }
};

TEST_F(CompactionMerge, IsStartedByARollOverOnceEnoughIsDead) {
  dead_percent = 50;
  const auto store = writer();
  for (int i = 0; i < 20; ++i) store->set("a", std::to_string(i % 10));
  store->set("b", "1");
  EXPECT_TRUE(eventually([&] { return files().count("1.log") == 0; }));
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "9"), Pair("b", "1")));
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("a", "9"), Pair("b", "1")));
}

TEST_F(CompactionMerge, AScanSeesOneMomentWhateverIsWrittenAndMerged) {
  const auto store = writer();
  const Model before = fill(*store);
  const auto old_files = files();
  Model seen;
  store->scan("", "", [&](std::string_view key, std::string_view value) {
    if (seen.empty()) {
      for (const char* changed : {"b", "c", "new"}) store->set(changed, "9");
      store->del("d");
      store->compact();
      store->set("e", "9");
      store->compact();
      for (const std::string& name : old_files) {
        EXPECT_THAT(files(), Contains(name)) << "the scan still reads it";
      }
    }
    seen.emplace(key, value);
  });
  EXPECT_EQ(seen, before);
  for (const std::string& name : old_files) {
    EXPECT_THAT(files(), Not(Contains(name))) << "nobody reads it any more";
  }
  const Model after = contents(*store);
  EXPECT_EQ(after.at("e"), "9");
  EXPECT_EQ(after.count("d"), 0U);
  EXPECT_EQ(contents(*reader()), after);
}

TEST_F(CompactionMerge, WhatAScanHeldIsRemovedOldestFirst) {
  WatchedOs watched(disk);
  std::vector<int> removed;
  watched.before = [&](const Coming& coming) {
    if (coming.call == "remove")
      removed.push_back(std::stoi(coming.path.substr(3)));
    return 0;
  };
  const auto store = open(Mode::kWrite, watched);
  fill(*store);
  store->scan("", "", [&](std::string_view key, std::string_view /*value*/) {
    store->set(key, "8");
    store->compact();
  });
  EXPECT_GE(removed.size(), 10U);
  EXPECT_TRUE(std::is_sorted(removed.begin(), removed.end()));
}

// The thread that ends a scan removes what it held, and works on files.
TEST_F(CompactionMerge, NobodyWaitsForTheRemovalOfWhatAScanHeld) {
  WatchedOs watched(disk);
  const auto store = open(Mode::kWrite, watched);
  fill(*store);
  std::vector<std::future<void>> others;
  const auto is_done = [&](std::function<void()> work) {
    others.push_back(std::async(std::launch::async, std::move(work)));
    return others.back().wait_for(std::chrono::seconds(5)) ==
           std::future_status::ready;
  };
  std::atomic<bool> ends{false};
  std::atomic<bool> named{false};
  const auto disturb = [&] {
    EXPECT_TRUE(is_done([&] { static_cast<void>(store->stats()); }));
    EXPECT_TRUE(is_done([&] { store->set("a", "2"); }));
    others.push_back(std::async(std::launch::async, [&] { store->compact(); }));
    ASSERT_TRUE(eventually([&] { return named.load(); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_TRUE(is_done([&] { store->set("b", "2"); })) << "it is a writer";
  };
  watched.before = [&](const Coming& coming) {
    if (coming.why == "keep the merged segments' names") named = true;
    if (coming.call == "remove" && ends.exchange(false)) {
      named = false;
      disturb();
    }
    return 0;
  };
  store->scan("", "", [&](std::string_view key, std::string_view /*value*/) {
    if (key == "a") store->compact();
    ends = true;
  });
  for (std::future<void>& other : others) other.get();
  EXPECT_EQ(others.size(), 4U);
  EXPECT_EQ(answer(*store, "b"), "2");
}

// At each call of a merge another thread writes, deletes, reads and rolls over:
// bitcask#148 (del of a key that a merge is copying), nutsdb#392 (a set during
// a merge was lost), bitcask 694480f (the active file was merged).
TEST_F(CompactionMerge, WritesAtEachCallOfAMergeAreKept) {
  for (int at = 1;; ++at) {
    SCOPED_TRACE("call " + std::to_string(at));
    MemoryOs fresh;
    WatchedOs watched(fresh);
    const auto store = open(Mode::kWrite, watched);
    Model model = fill(*store);
    int calls = 0;
    const auto disturb = [&] {
      store->set("a", "new");
      store->del("b");
      store->set("c", "1");
      store->del("c");
      store->set("gone", "back");
      model["a"] = "new";
      model["gone"] = "back";
      model.erase("b");
      model.erase("c");
      for (const auto& [key, value] : model) {
        EXPECT_EQ(answer(*store, key), value);
      }
      EXPECT_EQ(answer(*store, "b"), std::nullopt);
    };
    watched.before = [&](const Coming& coming) {
      const bool of_merge = coming.why.find("merge") != std::string_view::npos;
      if (of_merge && ++calls == at) std::thread(disturb).join();
      return 0;
    };
    store->compact();
    watched.before = nullptr;
    EXPECT_EQ(contents(*store), model);
    const Stats stats = store->stats();
    EXPECT_EQ(stats.keys, model.size());
    EXPECT_EQ(contents(*open(Mode::kRead, fresh)), model);
    store->compact();
    EXPECT_EQ(contents(*store), model);
    EXPECT_EQ(store->stats().dead_bytes, 0U) << "the account is wrong";
    EXPECT_EQ(contents(*open(Mode::kRead, fresh)), model);
    if (HasFailure()) return;
    if (calls < at) break;
  }
}

TEST_F(CompactionMerge, EachCallFailsOnceAndNothingIsLost) {
  for (const int error : {EIO, ENOSPC}) {
    for (std::uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE("call " + std::to_string(nth));
      MemoryOs fresh;
      FaultOs faulty(fresh);
      Ledger seen(faulty);
      auto store = open(Mode::kWrite, seen);
      const Model model = fill(*store);
      faulty.clear();
      faulty.add({.nth = nth, .error = error});
      bool failed = false;
      try {
        store->compact();
      } catch (const IoError&) {
        failed = true;
      }
      const bool all_seen = faulty.calls() < nth;
      EXPECT_EQ(failed, !all_seen);
      faulty.clear();
      EXPECT_EQ(contents(*store), model);
      EXPECT_EQ(contents(*open(Mode::kRead, fresh)), model);
      try {
        store->set("after", "1");
        EXPECT_EQ(answer(*store, "after"), "1");
        EXPECT_FALSE(is_over(seen)) << "a sync had failed";
      } catch (const IoError&) {
        EXPECT_TRUE(is_over(seen)) << "it could go on";
      }
      store.reset();
      store = open(Mode::kWrite, fresh);
      store->del("after");
      EXPECT_EQ(contents(*store), model);
      store->compact();
      EXPECT_EQ(contents(*store), model);
      EXPECT_EQ(contents(*open(Mode::kRead, fresh)), model);
      for (const auto& [path, bytes] : fresh.files()) {
        EXPECT_EQ(path.find("merging"), std::string::npos) << path;
      }
      if (HasFailure()) return;
      if (all_seen) break;
    }
  }
}

// An output that has its name, but is not known to be kept: a later merge must
// not drop a tombstone that hides what is in it.
TEST_F(CompactionMerge, AFailedMergeBringsNoDeletedKeyBack) {
  for (std::uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE("call " + std::to_string(nth));
    MemoryOs fresh;
    FaultOs faulty(fresh);
    auto store = open(Mode::kWrite, faulty);
    fill(*store);
    faulty.clear();
    faulty.add({.nth = nth, .error = EIO});
    faulty.add({.calls = {Call::kRemove}, .for_ever = true, .error = EIO});
    try {
      store->compact();
    } catch (const IoError&) {
    }
    const bool all_seen = faulty.calls() < nth;
    faulty.clear();
    const auto empty = [&] {
      for (const auto& pair : contents(*store)) store->del(pair.first);
      store->compact();
    };
    try {
      empty();
    } catch (const IoError&) {  // it was a sync: nothing more is written
      store.reset();
      store = open(Mode::kWrite, fresh);
      empty();
    }
    EXPECT_THAT(contents(*store), IsEmpty());
    store.reset();
    EXPECT_THAT(contents(*open(Mode::kRead, fresh)), IsEmpty());
    EXPECT_THAT(contents(*open(Mode::kWrite, fresh)), IsEmpty());
    if (HasFailure()) return;
    if (all_seen) break;
  }
}

// Records die in their own segment, by a newer one, in an output that is not
// in use yet, or before the store was opened; a merge must know of each.
TEST_F(CompactionMerge, LeavesOutWhatDiedInWhateverWay) {
  std::mt19937 random(7);
  Model model;
  auto store = writer();
  const auto write = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const std::string key(1, static_cast<char>('a' + random() % 12));
      if (random() % 4 == 0) {
        store->del(key);
        model.erase(key);
      } else {
        model[key] = std::to_string(random() % 10);
        store->set(key, model[key]);
      }
    }
  };
  for (int round = 0; round < 300; ++round) {
    write(static_cast<int>(random() % 9));
    dead_percent = round % 3 == 0 ? 20 : 100;
    if (random() % 3 == 0) store.reset();
    if (!store) store = writer();
    write(static_cast<int>(random() % 9));
    store->compact();
    ASSERT_EQ(contents(*store), model);
    const Stats stats = store->stats();
    ASSERT_EQ(stats.dead_bytes, 0U);
    ASSERT_EQ(stats.disk_bytes, 16 * model.size());
    ASSERT_EQ(contents(*reader()), model);
  }
}

// A system that renames and then says that it failed: the file must not stay,
// known to nobody.
TEST_F(CompactionMerge, ARenameThatWasDoneButFailedLeavesNoFileBehind) {
  WatchedOs lying(disk);
  lying.after = [](const Coming& coming) {
    return coming.call == "rename" ? EIO : 0;
  };
  const auto store = open(Mode::kWrite, lying);
  const Model model = fill(*store);
  const auto before = files();
  EXPECT_THROW(store->compact(), IoError);
  auto after = files();
  for (const std::string& name : before) EXPECT_EQ(after.erase(name), 1U);
  EXPECT_EQ(after.size(), 1U) << "the new active one";
  EXPECT_EQ(contents(*store), model);
}

// Each further attempt would leave another copy, which nothing may follow.
TEST_F(CompactionMerge, AfterAFailedSyncNothingIsCopiedOrWrittenUntilReopened) {
  WatchedOs watched(disk);
  watched.before = [](const Coming& coming) {
    return coming.call == "sync" && coming.path == "db" ? EIO : 0;
  };
  auto store = open(Mode::kWrite, watched);
  const Model model = fill(*store);
  EXPECT_THROW(store->compact(), IoError);
  watched.before = nullptr;
  const Image left = disk.image();
  const auto fails = testing::ThrowsMessage<IoError>(
      HasSubstr("an earlier sync failed: open the store again"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT([&] { store->compact(); }, fails);
    EXPECT_THAT([&] { store->set("a", "2"); }, fails);
    EXPECT_THAT([&] { store->del("a"); }, fails);
    EXPECT_THAT([&] { store->del("never written"); }, fails);
  }
  EXPECT_EQ(disk.image(), left);
  EXPECT_EQ(contents(*store), model);
  store.reset();
  store = writer();
  store->set("new", "1");
  store->compact();
  EXPECT_EQ(store->stats().dead_bytes, 0U);
  EXPECT_EQ(contents(*reader()).size(), model.size() + 1);
}

class CompactionCrash : public CompactionMerge {
 protected:
  // What is acknowledged after each mark, the merges included.
  Trace record(std::vector<Model>& models) {
    RecordingOs recorder(disk);
    const auto store = open(Mode::kWrite, recorder);
    Model model;
    models.push_back(model);
    const auto acknowledge = [&] {
      models.push_back(model);
      recorder.mark(models.size() - 1);
    };
    const auto set = [&](const std::string& key, const std::string& value) {
      store->set(key, value);
      model[key] = value;
      acknowledge();
    };
    const auto del = [&](const std::string& key) {
      store->del(key);
      model.erase(key);
      acknowledge();
    };
    const auto compact = [&] {
      store->compact();
      acknowledge();
    };
    for (const char* key : {"a", "b", "c", "a"}) set(key, "1");
    del("b");
    compact();
    set("b", "2");
    del("a");
    del("c");
    compact();
    set("a", "3");
    compact();
    return recorder.trace();
  }

  void expect_right(const CrashState& state, const std::vector<Model>& models) {
    SCOPED_TRACE(state.what);
    const auto at = static_cast<std::size_t>(state.acknowledged);
    const Model& sure = models[at];
    const Model& maybe = models[std::min(at + 1, models.size() - 1)];
    MemoryOs left(state.image);
    EXPECT_THAT(contents(*open(Mode::kRead, left)),
                testing::AnyOf(sure, maybe));
    {
      const auto store = open(Mode::kWrite, left);
      const Model found = contents(*store);
      EXPECT_THAT(found, testing::AnyOf(sure, maybe));
      store->compact();
      EXPECT_EQ(contents(*store), found);
      EXPECT_EQ(store->stats().dead_bytes, 0U);
      for (const auto& pair : found) store->del(pair.first);
      store->compact();
      EXPECT_THAT(contents(*store), IsEmpty());
    }
    EXPECT_THAT(contents(*open(Mode::kRead, left)), IsEmpty());
    for (const auto& [path, bytes] : left.files()) {
      EXPECT_EQ(path.find("merging"), std::string::npos) << path;
    }
  }
};

TEST_F(CompactionCrash, APowerCutAtAnyPointOfAMergeChangesNoAnswer) {
  sync = Sync::kAlways;
  std::vector<Model> models;
  const Trace trace = record(models);
  std::uint64_t states = 0;
  for_each_power_cut(trace, [&](const CrashState& state) {
    if (HasFailure()) return;
    expect_right(state, models);
    ++states;
  });
  EXPECT_GT(states, 80U);
}

TEST_F(CompactionCrash, AKillAtAnyPointOfAMergeChangesNoAnswer) {
  std::vector<Model> models;
  const Trace trace = record(models);
  std::uint64_t states = 0;
  for_each_kill(trace, [&](const CrashState& state) {
    if (HasFailure()) return;
    expect_right(state, models);
    ++states;
  });
  EXPECT_GT(states, 50U);
}

// Without --sync always a power cut may take what was written last, but never
// what had long been durable: not by way of a merge.
TEST_F(CompactionCrash, AMergeNeverLosesWhatWasDurableBefore) {
  {
    const auto store = writer();
    for (const char* key : {"a", "b", "c", "d"}) store->set(key, "1");
  }
  const Image durable = disk.image();
  dead_percent = 45;
  RecordingOs recorder(disk, durable);
  {
    const auto store = open(Mode::kWrite, recorder);
    store->set("a", "2");
    store->set("b", "2");
    store->set("c", "2");
    ASSERT_TRUE(eventually([&] { return files().count("1.log") == 0; }));
  }
  for_each_power_cut(recorder.trace(), [&](const CrashState& state) {
    if (HasFailure()) return;
    SCOPED_TRACE(state.what);
    MemoryOs left(state.image);
    const auto store = open(Mode::kRead, left);
    const bool merged = state.image.files.count("db/1.log") == 0;
    for (const char* key : {"a", "b", "c", "d"}) {
      try {
        EXPECT_NE(answer(*store, key), std::nullopt) << key;
      } catch (const Damage&) {
        EXPECT_FALSE(merged) << "what hid the old records is not whole";
      }
    }
  });
}

TEST_F(CompactionMerge, ThatFailsInTheBackgroundIsToldOnceAndNotTriedForEver) {
  dead_percent = 50;
  WatchedOs watched(disk);
  std::atomic<int> tried{0};
  watched.before = [&](const Coming& coming) {
    const bool hit = coming.why == "merge" && coming.call == "read";
    if (hit) ++tried;
    return hit ? EIO : 0;
  };
  const auto store = open(Mode::kWrite, watched);
  for (int i = 0; i < 7; ++i) store->set("a", "1");
  ASSERT_TRUE(eventually([&] {
    store->set("b", "1");
    return !notes.empty();
  }));
  EXPECT_THAT(notes[0], HasSubstr("merge"));
  EXPECT_EQ(files().count("1.log"), 1U);
  EXPECT_EQ(answer(*store, "a"), "1");
  watched.before = nullptr;
  store->compact();
  EXPECT_EQ(files().count("1.log"), 0U);
  EXPECT_EQ(contents(*reader()).size(), 2U);
}

TEST_F(CompactionMerge, ThatFailedForWantOfSpaceIsTriedAgainAtALaterRollOver) {
  dead_percent = 40;
  WatchedOs watched(disk);
  std::atomic<bool> is_full{true};
  watched.before = [&](const Coming& coming) {
    const bool hit = is_full && coming.why == "write the merged segment";
    return hit ? ENOSPC : 0;
  };
  const auto store = open(Mode::kWrite, watched);
  store->set("b", "1");
  for (int i = 0; i < 7; ++i) store->set("a", "1");
  ASSERT_TRUE(eventually([&] {
    store->set("a", "1");
    return !notes.empty();
  }));
  EXPECT_THAT(notes[0], HasSubstr("No space left"));
  EXPECT_EQ(files().count("1.log"), 1U);
  is_full = false;
  EXPECT_TRUE(eventually([&] {
    store->set("a", "2");
    return files().count("1.log") == 0;
  })) << "given up for ever";
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "2"), Pair("b", "1")));
}

TEST_F(CompactionMerge, ThatFailsAgainAndAgainIsTriedLessAndLessOften) {
  constexpr int kRollOvers = 400;
  dead_percent = 40;
  WatchedOs watched(disk);
  std::atomic<int> tried{0};
  watched.before = [&](const Coming& coming) {
    const bool hit = coming.why == "begin a merged segment";
    if (hit) ++tried;
    return hit ? EMFILE : 0;
  };
  const auto store = open(Mode::kWrite, watched);
  store->set("b", "1");
  for (int i = 1; i < 2 * kRollOvers; ++i) {
    store->set("a", "1");
    // As if a roll-over took longer than a merge that fails.
    if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_GE(tried, 2);
  EXPECT_LE(tried, 12) << "1 + 2 + 4 + ... + 64 + 64 + ... roll-overs";
  EXPECT_THAT(contents(*store), ElementsAre(Pair("a", "1"), Pair("b", "1")));
}

TEST_F(CompactionMerge, OfADamagedSegmentIsTriedOnce) {
  dead_percent = 50;
  WatchedOs watched(disk);
  std::atomic<int> tried{0};
  watched.before = [&](const Coming& coming) {
    const bool hit = coming.why == "merge" && coming.path == "db/1.log";
    if (hit && coming.call == "open") ++tried;
    return 0;
  };
  const auto store = open(Mode::kWrite, watched);
  for (int i = 0; i < 2; ++i) store->set("a", "1");
  std::string rotten = disk.files().at("db/1.log");
  rotten[20] ^= 1;
  disk.put("db/1.log", rotten);
  ASSERT_TRUE(eventually([&] {
    store->set("a", "1");
    return !notes.empty();
  }));
  EXPECT_THAT(notes[0], HasSubstr("db/1.log"));
  for (int i = 0; i < 200; ++i) store->set("a", "1");
  EXPECT_TRUE(eventually([&] {
    store->set("a", "1");
    return files().size() < 50;
  })) << "others are merged";
  EXPECT_EQ(tried, 1);
  EXPECT_EQ(disk.files().at("db/1.log"), rotten);
}

TEST_F(CompactionMerge, IsStoppedWhenTheStoreIsClosed) {
  dead_percent = 40;
  WatchedOs watched(disk);
  std::atomic<bool> merging{false};
  watched.before = [&](const Coming& coming) {
    if (coming.path.find("merging") == std::string::npos) return 0;
    merging = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return 0;
  };
  {
    const auto store = open(Mode::kWrite, watched);
    for (int i = 0; i < 50; ++i) {
      store->set("a", "1");
      store->set("k" + std::to_string(i), "1");
    }
    ASSERT_TRUE(eventually([&] { return merging.load(); }));
  }
  EXPECT_THAT(files(), Not(Contains(HasSubstr("merging"))));
  EXPECT_EQ(contents(*reader()).size(), 51U);
}

TEST_F(CompactionMerge, AReaderOfAnotherProcessFollows) {
  const auto store = writer();
  const Model before = fill(*store);
  const auto other = reader();
  EXPECT_EQ(contents(*other), before);
  store->compact();
  EXPECT_EQ(contents(*other), before);
  store->set("a", "9");
  store->compact();
  for (const auto& [key, value] : contents(*store)) {
    EXPECT_THAT(answer(*other, key), testing::AnyOf(value, before.at(key)));
  }
  EXPECT_EQ(answer(*other, "gone"), std::nullopt);
}

TEST_F(CompactionMerge, AReaderThatScansWhileFilesGoMissesNothing) {
  segment_bytes = 16;  // more segments than a reader keeps open
  const auto store = writer();
  for (int i = 0; i < 100; ++i) store->set("k" + std::to_string(i), "1");
  for (int i = 0; i < 100; i += 2) store->set("k" + std::to_string(i), "2");
  const Model before = contents(*store);
  const auto other = reader();
  Model seen;
  std::string last;
  other->scan("", "", [&](std::string_view key, std::string_view value) {
    EXPECT_LT(last, key);
    last = key;
    seen.emplace(key, value);
    if (seen.size() % 30 != 5) return;
    store->set("k0", "2");
    store->compact();
  });
  EXPECT_EQ(seen, before);
}

// A directory that is listed while a merge gives and takes names: the old name
// was gone already, the new one not there yet.
TEST_F(CompactionMerge, AReaderThatListsInTheMiddleOfASwitchOverListsAgain) {
  const auto store = writer();
  for (const char* key : {"a", "b", "c"}) store->set(key, "1");
  for (const int torn : {1, 2}) {
    ListingOs listing(disk);
    listing.after = [&](int nth, auto& names) {
      if (nth == torn) leave_out(names, "1.log");
    };
    EXPECT_EQ(contents(*open(Mode::kRead, listing)).size(), 3U);
    EXPECT_EQ(listing.lists, torn == 1 ? 2 : 4)
        << "a file that came is no reason to list again, one that went is";
  }
}

TEST_F(CompactionMerge, AReaderWaitsForNoWriterToRest) {
  segment_bytes = 1;
  const auto store = writer();
  int written = 0;
  const auto write = [&] { store->set("k" + std::to_string(++written), "1"); };
  write();
  ListingOs listing(disk);
  listing.after = [&](int nth, auto& /*names*/) {
    if (nth < 1000) write();
  };
  const auto other = open(Mode::kRead, listing);
  EXPECT_LE(listing.lists, 4);
  EXPECT_EQ(answer(*other, "k1"), "1");
}

TEST_F(CompactionMerge, AReaderFromWhomFilesGoForEverGivesUp) {
  segment_bytes = 1;
  const auto store = writer();
  for (int i = 0; i < 10; ++i) store->set("k" + std::to_string(i), "1");
  ListingOs listing(disk);
  listing.after = [&](int nth, auto& names) {
    if (nth < 1000) leave_out(names, std::to_string(1 + nth % 10) + ".log");
  };
  EXPECT_THROW(static_cast<void>(open(Mode::kRead, listing)), IoError);
  EXPECT_LE(listing.lists, 100);
}

// Both threads of a reader miss the same file: the second finds that the first
// has loaded all anew.
TEST_F(CompactionMerge, TwoThreadsOfAReaderThatMissAFileLoadOnce) {
  segment_bytes = 16;  // more segments than a reader keeps open
  const auto store = writer();
  for (int i = 0; i < 100; ++i) store->set("k" + std::to_string(i), "1");
  ListingOs listing(disk);
  WatchedOs watched(listing);
  const auto other = open(Mode::kRead, watched);
  store->set("k0", "2");
  store->set("k1", "2");
  store->compact();
  std::atomic<int> missing{0};
  watched.before = [&](const Coming& coming) {
    if (coming.why == "read the records" && coming.call == "open" &&
        disk.files().count(coming.path) == 0) {
      ++missing;
    }
    return 0;
  };
  const int lists = listing.lists;
  listing.after = [&](int /*nth*/, auto& /*names*/) {
    EXPECT_TRUE(eventually([&] { return missing == 2; }));
  };
  std::thread second([&] { EXPECT_EQ(answer(*other, "k0"), "2"); });
  EXPECT_EQ(answer(*other, "k1"), "2");
  second.join();
  EXPECT_EQ(listing.lists - lists, 2) << "one load";
}

// Writers, readers and scans in threads beside endless merging: no answer is
// ever older than what the reader's key was last seen to hold.
TEST_F(CompactionMerge, ManyThreadsAtOnceSeeNothingStaleAndNothingTorn) {
  dead_percent = 30;
  segment_bytes = 512;
  const auto store = writer();
  const Model left = overwrite_while_read_and_merged(*store, 400);
  EXPECT_EQ(contents(*reader()), left);
}

class CompactionCost : public CompactionMerge {
 protected:
  template <typename Work>
  Totals totals_of(const Work& work) {
    ledger.clear();
    work();
    return ledger.totals();
  }

  Ledger ledger{disk};
};

TEST_F(CompactionCost, AMergeReadsEachByteOnceAndWritesEachLiveByteOnce) {
  segment_bytes = 10'000;
  const auto store = open(Mode::kWrite, ledger);
  for (int i = 0; i < 3000; ++i) {
    store->set("k" + std::to_string(i % 700), std::string(50, 'v'));
  }
  const Stats before = store->stats();
  const Totals totals = totals_of([&] { store->compact(); });
  EXPECT_EQ(totals.reads.bytes, before.disk_bytes);
  EXPECT_EQ(totals.writes.bytes, before.live_bytes);
  const std::uint64_t outputs = store->stats().files - 1;
  EXPECT_EQ(totals.writes.calls, outputs) << "one write each, up to 1 MiB";
  EXPECT_EQ(totals.syncs.calls, outputs + 1 + before.files)
      << "each output, their names, and the end of each input";
}

TEST_F(CompactionCost, AMissAsksTheKeydirOfEachSegmentAndReadsNothing) {
  const auto store = open(Mode::kWrite, ledger);
  for (char key = 'a'; key < 'u'; ++key) store->set(std::string(1, key), "1");
  ASSERT_EQ(files().size(), 10U);
  const std::uint64_t before = store->index_probes();
  const Totals totals =
      totals_of([&] { EXPECT_EQ(answer(*store, "?"), std::nullopt); });
  EXPECT_EQ(store->index_probes() - before, 10U);
  EXPECT_EQ(totals.reads.calls + totals.opens.calls + totals.others.calls, 0U);
}

TEST_F(CompactionCost, AGetIsOneReadOfExactlyTheRecord) {
  const auto store = open(Mode::kWrite, ledger);
  for (char key = 'a'; key < 'u'; ++key) store->set(std::string(1, key), "1");
  for (const char* key : {"a", "b"}) EXPECT_EQ(answer(*store, key), "1");
  const Totals totals = totals_of([&] { EXPECT_EQ(answer(*store, "a"), "1"); });
  EXPECT_EQ(totals.reads.calls, 1U);
  EXPECT_EQ(totals.reads.bytes, 16U);
  EXPECT_EQ(totals.opens.calls + totals.others.calls, 0U);
}

TEST_F(CompactionCost, ADeletionIsOneWriteOfATombstone) {
  const auto store = open(Mode::kWrite, ledger);
  store->set("a", "1");
  const Totals totals = totals_of([&] { store->del("a"); });
  EXPECT_EQ(totals.writes.calls, 1U);
  EXPECT_EQ(totals.writes.bytes, 14U + 1 + 17);
  EXPECT_EQ(totals.reads.calls, 0U);
}

}  // namespace
}  // namespace strata
